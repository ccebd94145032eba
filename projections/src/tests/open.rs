//! Read models as they come to be: followed from the first event on, or filled in bulk at first.

use std::path::Path;

use super::kit::Bank;
use crate::{Options, Projections};

/// The read models in `folder`, which are filled in bulk if there are none, and hold everything.
pub(super) async fn opened(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections
}

/// Those that were made when the log was empty, and follow it.
pub(super) async fn following(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    opened(&Bank::new(), folder).await.shutdown().await.unwrap();
    Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap()
}

/// The same, once they hold everything.
pub(super) async fn followed(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    let projections = following(bank, folder).await;
    projections.wait_for(bank.head().await).await.unwrap();
    projections
}

/// Takes the sums of its pages away from a read database: whatever it holds by now is what it is
/// to hold, as far as they can tell.
pub(super) fn without_sums(file: &Path) {
    std::fs::remove_file(file.with_extension("db-sums")).unwrap();
}
