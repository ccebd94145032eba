//! What the file of positions says; what it does not say any more is counted again from the
//! cluster.

use super::{Follower, PAGE_EVENTS, place_of, unavailable};
use crate::envelope::Position;
use crate::store::ReadError;
use crate::store::eventstore::ours::Taken;
use crate::store::eventstore::places::{Place, Places, Unread};

impl From<Unread> for ReadError {
    fn from(unread: Unread) -> Self {
        Self::Unavailable(unread.into())
    }
}

impl Follower {
    /// Where a position is in the cluster's log.
    pub(in super::super) async fn place(
        &self,
        position: Position,
    ) -> Result<Option<Place>, ReadError> {
        self.asked(|places| places.get(position)).await
    }

    /// The position of what was committed at `commit`.
    pub(in super::super) async fn position(
        &self,
        commit: u64,
    ) -> Result<Option<Position>, ReadError> {
        self.asked(|places| places.find(commit)).await
    }

    /// Where a position is, if the file says so by itself.
    pub(in super::super) fn place_now(
        &self,
        position: Position,
    ) -> Result<Option<Place>, ReadError> {
        Ok(self.check()?.places.get(position)?)
    }

    /// What the file says, mended first where it has to be.
    async fn asked<T>(&self, ask: impl Fn(&Places) -> Result<T, Unread>) -> Result<T, ReadError> {
        loop {
            let asked = self.check().map(|checked| ask(&checked.places))?;
            match asked {
                Err(Unread::Damaged(position)) => self.mend(position).await?,
                asked => return Ok(asked?),
            }
        }
    }

    /// Counts again from the last record below `position` that is what was written, a page of it.
    async fn mend(&self, position: Position) -> Result<(), ReadError> {
        // Nobody else writes the file meanwhile.
        let _turn = self.turn.lock().await;
        let (below, from, head) = self.check().map(|checked| {
            let places = &checked.places;
            let mut below = position.before();
            loop {
                match places.get(below) {
                    Err(Unread::Damaged(_)) => below = below.before(),
                    place => return place.map(|place| (below, place, places.head())),
                }
            }
        })??;
        let limit = PAGE_EVENTS.saturating_add(1);
        let page = self.wire.read_log(Taken::Log, from.map(|from| from.commit), limit).await;
        let page = page.map_err(unavailable)?;
        let mut counted = page.iter().filter(|found| !found.is_mark()).map(place_of).peekable();
        if let Some(from) = from
            && counted.next_if_eq(&from).is_none()
            && counted.peek().is_some()
        {
            return Err(self.differs(below));
        }
        let missing = usize::try_from(head.0.saturating_sub(below.0)).unwrap_or(usize::MAX);
        let counted: Vec<_> = counted.take(missing).collect();
        let unread = |error| ReadError::from(Unread::Io(error));
        let checked = self.check()?;
        checked.places.write(below.next(), &counted).map_err(unread)?;
        // What a disk does not keep, or a node does not say, is not asked for for ever.
        checked.places.get(below.next())?;
        drop(checked);
        tracing::warn!(
            position = below.next().0,
            events = counted.len(),
            "the file positions is damaged: counted again from the cluster"
        );
        Ok(())
    }
}
