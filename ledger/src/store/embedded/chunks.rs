//! Rows that are only added: in pieces, so that growing copies nothing and a copy shares them.

use std::sync::Arc;

/// Rows in pieces of `ROWS` each. A clone shares the pieces; whoever changes one that is shared
/// gets a piece of its own.
#[derive(Debug)]
pub(super) struct Chunks<T, const ROWS: usize> {
    pieces: Vec<Arc<Vec<T>>>,
    length: usize,
}

impl<T, const ROWS: usize> Clone for Chunks<T, ROWS> {
    fn clone(&self) -> Self {
        Self { pieces: self.pieces.clone(), length: self.length }
    }
}

impl<T, const ROWS: usize> Default for Chunks<T, ROWS> {
    fn default() -> Self {
        Self { pieces: Vec::new(), length: 0 }
    }
}

impl<T: Clone, const ROWS: usize> Chunks<T, ROWS> {
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.pieces.get(row.checked_div(ROWS)?)?.get(row.checked_rem(ROWS)?)
    }

    pub(super) fn get_mut(&mut self, row: usize) -> Option<&mut T> {
        let piece = self.pieces.get_mut(row.checked_div(ROWS)?)?;
        Arc::make_mut(piece).get_mut(row.checked_rem(ROWS)?)
    }

    pub(super) fn push(&mut self, value: T) {
        let full = self.pieces.last().is_none_or(|piece| piece.len() >= ROWS);
        if full {
            self.pieces.push(Arc::new(Vec::with_capacity(ROWS)));
        }
        if let Some(piece) = self.pieces.last_mut() {
            let piece = Arc::make_mut(piece);
            // A piece that was shared comes without the room for more.
            piece.reserve_exact(ROWS.saturating_sub(piece.len()));
            piece.push(value);
            self.length = self.length.saturating_add(1);
        }
    }

    /// Adds a whole piece, or the last one. Fails if the one before is not full, or this one is too
    /// long.
    pub(super) fn push_piece(&mut self, piece: Vec<T>) -> Option<()> {
        let full = self.pieces.last().is_none_or(|piece| piece.len() == ROWS);
        self.length = self.length.checked_add(piece.len())?;
        (full && piece.len() <= ROWS).then(|| self.pieces.push(Arc::new(piece)))
    }

    /// The rows in order, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[T]> {
        self.pieces.iter().map(|piece| piece.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_it_saw_while_the_other_goes_on() {
        let mut chunks: Chunks<u64, 4> = Chunks::default();
        (0..6).for_each(|number| chunks.push(number));
        let seen = chunks.clone();
        (6..11).for_each(|number| chunks.push(number));
        *chunks.get_mut(1).unwrap() = 100;
        assert_eq!(seen.pieces().flatten().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        let now: Vec<_> = (0..chunks.len()).map(|row| *chunks.get(row).unwrap()).collect();
        assert_eq!(now, [0, 100, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(chunks.get(11).is_none() && chunks.get_mut(11).is_none());
        assert!(chunks.push_piece(vec![11]).is_none(), "the last piece is not full");
    }

    #[test]
    fn whole_pieces_are_taken_as_they_are() {
        let mut chunks: Chunks<u64, 4> = Chunks::default();
        chunks.push_piece(vec![0, 1, 2, 3]).unwrap();
        chunks.push_piece(vec![4]).unwrap();
        chunks.push(5);
        let now: Vec<_> = (0..chunks.len()).map(|row| *chunks.get(row).unwrap()).collect();
        assert_eq!(now, [0, 1, 2, 3, 4, 5]);
        assert!(Chunks::<u64, 4>::default().push_piece(vec![0; 5]).is_none());
    }
}
