//! One page of any list: the token read, the read models asked, the next token made.

use ledger::envelope::Position;
use projections::Reader;
use projections::queries::Asked;
use projections::queries::page::{Listed, Page, PageStart};
use tonic::Status;

use super::{Gateway, read_failed};
use crate::page::{self, ListRequest};

/// A page of rows, and how to go on.
pub(super) struct Rows<T> {
    pub(super) found: Vec<T>,
    pub(super) next_page_token: String,
    pub(super) read_position: Position,
}

impl Gateway {
    /// Asks for the page that `request` wants. Rows are ordered by a position, which is what tokens
    /// go on from. Later pages leave out what was created after the first one was read; the rows
    /// themselves are as they are when their page is read, which may be later, and never earlier.
    pub(super) async fn list<R, T, F>(
        &self,
        request: &R,
        min_position: u64,
        asked: page::Page<u64>,
        ask: F,
    ) -> Result<Rows<T>, Status>
    where
        R: ListRequest,
        T: Send + 'static,
        F: FnOnce(&Reader<'_>, Page) -> Asked<Listed<T>> + Send + 'static,
    {
        self.check_first_page(asked.resume.as_ref()).await?;
        let start = asked
            .resume
            .map(|resume| PageStart { snapshot: resume.position, after: Position(resume.after) });
        let first = start.map_or(Position::START, |start| start.snapshot);
        self.wait_for(min_position.max(first.0)).await?;
        let page = Page { size: asked.size, start };
        let answer =
            self.reads.read(None, move |reader| ask(reader, page)).await.map_err(read_failed)?;
        let next_page_token = answer
            .value
            .next
            .map_or_else(String::new, |next| page::next(request, next.snapshot, &next.after.0));
        let read_position = answer.read_position;
        Ok(Rows { found: answer.value.rows, next_page_token, read_position })
    }
}
