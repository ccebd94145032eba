//! Nothing is answered from a page that is not as it was written.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::kit::{Bank, Dice};
use super::open::{opened, without_sums};
use crate::database::{Writer, open_reader};
use crate::error::is_damage;
use crate::generation;
use crate::pages::{Look, Pages, lock};
use crate::wal::{self, Log};
use crate::{Options, Projections};

const PAGE: usize = 4096;

/// The file of the first read models, and what lies beside it.
fn files(folder: &TempDir) -> (PathBuf, PathBuf) {
    let file = generation::file(&generation::folder(folder.path()), 1);
    let sums = file.with_extension("db-sums");
    (file, sums)
}

/// Flips a bit somewhere in the page that begins at `start`.
fn flip(bytes: &mut [u8], start: usize, dice: &mut Dice) {
    let place = start.saturating_add(usize::try_from(dice.roll(4096)).unwrap());
    bytes[place] ^= 1 << dice.roll(8);
}

async fn rebuilt(projections: &Projections) {
    let rebuild = projections.shared.rebuild.lock().unwrap().clone().unwrap();
    rebuild.finished().await.unwrap();
}

#[tokio::test]
async fn sums_are_missed_of_read_models_that_hold_events_and_of_no_others() {
    for (bank, warns) in [(Bank::new(), false), (Bank::lives(60, 3, 10).await, true)] {
        let folder = tempfile::tempdir().unwrap();
        opened(&bank, &folder).await.shutdown().await.unwrap();
        let (file, _) = files(&folder);
        without_sums(&file);
        let log = tempfile::NamedTempFile::new().unwrap();
        let out = Arc::new(log.reopen().unwrap());
        let lines = tracing_subscriber::fmt().with_writer(out).with_ansi(false).finish();
        let database = open_reader(&file).unwrap();
        tracing::subscriber::with_default(lines, || Pages::open(&file, &database)).unwrap();
        let told = fs::read_to_string(log.path()).unwrap();
        assert_eq!(told.contains("WARN"), warns, "{told}");
    }
}

#[tokio::test]
async fn one_bit_of_any_page_is_found_before_anything_is_answered() {
    let bank = Bank::lives(61, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    let whole = projections.read(None, |reader| reader.account_ids(None, 10)).await.unwrap();
    projections.shutdown().await.unwrap();
    let (file, sums) = files(&folder);
    let kept = generation::folder(folder.path());
    let (bytes, known) = (fs::read(&file).unwrap(), fs::read(&sums).unwrap());
    let mut dice = Dice::new(62);
    let pages: Vec<_> = (0..bytes.len()).step_by(PAGE).collect();
    assert!(pages.len() > 40, "{}", pages.len());
    for start in pages {
        fs::remove_dir_all(&kept).unwrap();
        fs::create_dir(&kept).unwrap();
        let mut changed = bytes.clone();
        flip(&mut changed, start, &mut dice);
        fs::write(&file, changed).unwrap();
        fs::write(&sums, &known).unwrap();
        fs::write(kept.join("CURRENT"), "gen-1.db\n").unwrap();

        let open = Projections::open(folder.path(), bank.port(), Options::default());
        let projections = open.await.unwrap();
        let ask = async || projections.read(None, |reader| reader.account_ids(None, 10)).await;
        // What SQLite cannot open was built anew before; of all else the first question is told.
        if projections.status().await.unwrap().generation == 1 {
            let error = ask().await.unwrap_err();
            assert!(error.is_damage(), "{start}: {error}");
            assert!(!projections.answers());
            rebuilt(&projections).await;
        }
        assert!(projections.answers());
        assert_eq!(ask().await.unwrap(), whole, "{start}");
        assert_eq!(projections.verify().await.unwrap().difference(), None, "{start}");
        projections.shutdown().await.unwrap();
        assert!(!sums.exists());
    }
}

#[tokio::test]
async fn a_page_that_changes_while_it_is_served_is_found_by_the_scrub() {
    let bank = Bank::lives(63, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    opened(&bank, &folder).await.shutdown().await.unwrap();
    let projections = opened(&bank, &folder).await;
    let rate = NonZeroU64::new(1 << 30).unwrap();
    projections.scrub(rate).await;
    assert!(projections.answers());
    let (file, _) = files(&folder);
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len().saturating_sub(PAGE);
    flip(&mut bytes, last, &mut Dice::new(64));
    fs::write(&file, bytes).unwrap();
    projections.scrub(rate).await;
    rebuilt(&projections).await;
    assert!(projections.answers());
    assert_eq!(projections.status().await.unwrap().generation, 2);
    projections.scrub(rate).await;
    assert_eq!(projections.status().await.unwrap().generation, 2);
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn sums_that_are_lost_are_taken_anew_and_wrong_ones_have_the_file_built_anew() {
    let bank = Bank::lives(65, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    opened(&bank, &folder).await.shutdown().await.unwrap();
    let (_, sums) = files(&folder);
    let known = fs::read(&sums).unwrap();
    let cut = known.len() / 2;
    for left in [None, Some(0), Some(7), Some(15), Some(19), Some(cut)] {
        match left {
            None => fs::remove_file(&sums).unwrap(),
            Some(left) => fs::write(&sums, &known[..left]).unwrap(),
        }
        let projections = opened(&bank, &folder).await;
        assert_eq!(projections.status().await.unwrap().generation, 1, "{left:?}");
        projections.shutdown().await.unwrap();
        assert_eq!(fs::read(&sums).unwrap()[20..], known[20..], "{left:?}");
    }
    let mut changed = known;
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&sums, changed).unwrap();
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    assert!(projections.wait_for(bank.head().await).await.unwrap_err().is_damage());
    rebuilt(&projections).await;
    projections.shutdown().await.unwrap();
}

/// A read database with rows of its own in its write-ahead log.
fn filled(path: &Path, rows: u32) -> Writer {
    let writer = Writer::create(path).unwrap();
    writer.database().execute_batch("CREATE TABLE filling (bytes BLOB)").unwrap();
    add(&writer, rows);
    writer
}

fn add(writer: &Writer, rows: u32) {
    for _ in 0..rows {
        let sql = "SAVEPOINT row; INSERT INTO filling VALUES (randomblob(3000));
             UPDATE progress SET position = position + 1; RELEASE row";
        writer.database().execute_batch(sql).unwrap();
    }
}

fn look_at_all(pages: &mut Pages) -> Look {
    let mut look = pages.look(0).unwrap();
    while let Look::On(next) = look {
        look = pages.look(next).unwrap();
    }
    look
}

/// All that the write-ahead log of the database at `path` has committed.
fn committed(path: &Path) -> Log {
    let mut log = Log::of(path);
    log.read_on().unwrap();
    log
}

#[test]
fn what_a_write_ahead_log_has_committed_is_what_sqlite_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let wal = path.with_extension("db-wal");
    let mut log = committed(&path);
    assert_eq!(log.frames(), 0);
    let writer = filled(&path, 5);
    let frames = || wal::copied(writer.database()).unwrap().frames;
    for rows in [1, 30, 7] {
        add(&writer, rows);
        log.read_on().unwrap();
        assert_eq!(log.frames(), frames());
        // Read by and by, or at once.
        assert_eq!(log.sums(), committed(&path).sums());
    }
    let taken = log.take_sums();
    add(&writer, 1);
    log.read_on().unwrap();
    assert!((1..taken.len()).contains(&log.sums().len()), "{:?}", log.sums());
    // It begins again, over what was there.
    assert!(wal::copy(writer.database()).unwrap().all);
    add(&writer, 2);
    log.read_on().unwrap();
    let begun = log.frames();
    assert_eq!(begun, frames());
    assert_eq!(log.sums(), committed(&path).sums());
    assert!(fs::metadata(&wal).unwrap().len() > u64::from(begun).saturating_mul(5000));
    // What is not committed is in the log once there is too much of it.
    let spill = "PRAGMA cache_size = 5; PRAGMA cache_spill = 1; BEGIN";
    writer.database().execute_batch(spill).unwrap();
    add(&writer, 60);
    let sums = log.sums().clone();
    log.read_on().unwrap();
    assert_eq!((log.frames(), log.sums()), (begun, &sums));
    writer.database().execute_batch("COMMIT").unwrap();
    assert!(frames() > begun);
    log.read_on().unwrap();
    assert_eq!(log.frames(), frames());
    assert_eq!(log.sums(), committed(&path).sums());
    drop(writer);
    log.read_on().unwrap();
    assert_eq!((log.frames(), log.sums().len()), (0, 0));
}

#[test]
fn a_write_ahead_log_is_taken_up_to_the_last_commit_before_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = filled(&path, 5);
    let begun = committed(&path).frames();
    add(&writer, 20);
    let bytes = fs::read(path.with_extension("db-wal")).unwrap();
    for (page, at) in [(0, 3), (1, 40), (begun, 40), (begun, 2000)] {
        let frame = usize::try_from(page).unwrap().saturating_mul(PAGE.saturating_add(24));
        let mut changed = bytes.clone();
        changed[frame.saturating_add(at)] ^= 1;
        fs::write(folder.path().join("changed-wal"), changed).unwrap();
        let left = committed(&folder.path().join("changed")).frames();
        assert!(left <= page && (left > 0) == (page > 1), "{page} {at}: {left}");
    }
}

#[test]
fn wherever_a_copy_is_cut_off_the_pages_fit_and_a_log_that_is_shorter_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let (wal, sums) = (path.with_extension("db-wal"), path.with_extension("db-sums"));
    let writer = filled(&path, 40);
    assert!(lock(writer.pages().unwrap()).copy(writer.database()).unwrap());
    add(&writer, 30);
    let read = |path: &Path| fs::read(path).unwrap();
    let (before, known_before) = (read(&path), read(&sums));
    assert!(lock(writer.pages().unwrap()).copy(writer.database()).unwrap());
    let (after, known, log) = (read(&path), read(&sums), read(&wal));
    // It begins again, in the same file.
    add(&writer, 3);
    let next = read(&wal);
    drop(writer);
    assert!(!wal.exists());
    let half = before.len() / 2;
    let halfway: Vec<u8> = after[..half].iter().chain(&before[half..]).copied().collect();
    let (short, none) = (log[..log.len() / 2].to_vec(), Vec::new());
    // The same in the midst of it.
    let mut copying = known.clone();
    copying[16] = 1;
    // The file, the sums and the log; and whether they are opened, and fit.
    let cases = [
        ([&before, &known_before, &log], Some(true)),
        ([&before, &copying, &log], Some(true)),
        ([&halfway, &copying, &log], Some(true)),
        ([&after, &copying, &log], Some(true)),
        ([&after, &known, &log], Some(true)),
        ([&after, &known, &none], Some(true)),
        ([&after, &known, &next], Some(true)),
        ([&before, &known_before, &none], Some(true)),
        ([&before, &known_before, &short], Some(true)),
        ([&before, &copying, &short], None),
        ([&after, &copying, &short], None),
        ([&after, &known, &short], None),
        ([&before, &known, &none], None),
        ([&halfway, &copying, &none], None),
        ([&before, &known, &log], Some(false)),
        ([&before, &known, &next], Some(false)),
    ];
    for (number, ([file, sum, log], fits)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        fs::write(&path, file).unwrap();
        fs::write(path.with_extension("db-sums"), sum).unwrap();
        fs::write(path.with_extension("db-wal"), log).unwrap();
        let opened = Writer::open(&path);
        assert_eq!(opened.is_ok(), fits.is_some(), "{number}: {opened:?}");
        if let Ok(writer) = opened {
            let look = look_at_all(&mut lock(writer.pages().unwrap()));
            assert_eq!(look == Look::Whole, fits.unwrap(), "{number}: {look:?}");
        }
    }
}

#[test]
fn what_was_made_of_a_page_that_changed_does_not_become_right_by_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = filled(&path, 40);
    let copy = |writer: &Writer| lock(writer.pages().unwrap()).copy(writer.database());
    assert!(copy(&writer).unwrap());
    // A byte that nobody uses, of a page that every event changes.
    let database = writer.database();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'progress'";
    let page: u32 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    let page = usize::try_from(page).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[page.saturating_mul(PAGE).saturating_sub(PAGE / 2)] ^= 1;
    fs::write(&path, &bytes).unwrap();
    add(&writer, 1);
    for _ in 0..2 {
        let error = copy(&writer).unwrap_err();
        assert!(is_damage(&error), "{error}");
    }
    drop(writer);
    let writer = Writer::open(&path).unwrap();
    assert_eq!(look_at_all(&mut lock(writer.pages().unwrap())), Look::Damaged(page));
    assert!(is_damage(&copy(&writer).unwrap_err()));
}

#[test]
fn a_log_that_is_read_all_the_time_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = filled(&path, 5);
    let kept = 100;
    lock(writer.pages().unwrap()).frames_kept = kept;
    let done = AtomicBool::new(false);
    let mut longest = 0;
    thread::scope(|scope| {
        // Whenever something is committed, somebody reads what was there before.
        for _ in 0..3 {
            scope.spawn(|| {
                let reader = open_reader(&path).unwrap();
                while !done.load(Ordering::Relaxed) {
                    let page = reader.unchecked_transaction().unwrap();
                    let sql = "SELECT count(*) FROM filling";
                    page.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        for _ in 0..300 {
            add(&writer, 3);
            lock(writer.pages().unwrap()).copy_if_long(writer.database()).unwrap();
            longest = wal::copied(writer.database()).unwrap().frames.max(longest);
        }
        done.store(true, Ordering::Relaxed);
    });
    // More than thirty times as much was written.
    assert!(longest < kept * 5, "{longest}");
}
