//! Read models as they come to be: followed from the first event on, or filled in bulk at first.

use super::kit::Bank;
use crate::{Options, Projections};

/// The read models in `folder`, which are filled in bulk if there are none, and hold everything.
pub(super) async fn opened(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections
}

/// The same, made when the log was empty, so that everything was followed.
pub(super) async fn followed(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    opened(&Bank::new(), folder).await.shutdown().await.unwrap();
    opened(bank, folder).await
}
