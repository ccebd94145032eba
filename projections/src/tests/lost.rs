//! What read models still tell that nobody serves any more.

use ledger::envelope::Position;

use super::kit::Bank;
use super::open::followed;
use crate::generation;
use crate::lost::changed_after;

#[tokio::test]
async fn where_nothing_can_be_written_they_tell_the_same() {
    let bank = Bank::lives(8, 4, 120).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    projections.read(None, |reader| reader.account_ids(None, 10)).await.unwrap();
    projections.shutdown().await.unwrap();
    let told = changed_after(folder.path(), Position(40), 5).unwrap().unwrap();
    assert_eq!((told.through, told.payments.len()), (bank.head().await, 5));
    // As if the directory took no file: what SQLite would share with a writer cannot be made.
    let shared = generation::file(&generation::folder(folder.path()), 1).with_extension("db-shm");
    std::fs::remove_file(&shared).unwrap();
    std::os::unix::fs::symlink("nowhere/to-be-found", &shared).unwrap();
    assert_eq!(changed_after(folder.path(), Position(40), 5).unwrap(), Some(told));
}
