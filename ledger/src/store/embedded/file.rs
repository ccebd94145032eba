//! The log's file: how it is made, opened and recognised.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use uuid::Uuid;

use super::chain::Head;
use super::fault::OpenError;
use super::notes;
use crate::envelope::Position;

/// The log's file in the data directory.
pub const LOG_FILE: &str = "events.db";

/// The log of a restore until it has come to its end. Of its own, so that what one that was killed
/// has left is not taken for a new log that was never begun.
pub(super) const RESTORED_FILE: &str = "events.db.restored";

/// The format that this build reads and writes.
pub const FORMAT: u32 = 1;

/// What SQLite keeps in the header of every payledger log: `payl`.
const APPLICATION_ID: i32 = 0x7061_796c;

/// What the names of the files end with that SQLite keeps beside a database while it writes.
pub(super) const COMPANIONS: [&str; 3] = ["-journal", "-shm", "-wal"];

/// Who may look into a directory that is made.
const OWNER_ONLY: u32 = 0o700;

/// How long a connection waits for another one's lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE blocks (
        first_position INTEGER PRIMARY KEY,
        events INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        chain BLOB NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
";

/// The file with `suffix` after its name, as SQLite names what belongs to it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a directory that is not there, durably, and what leads to it, for its owner alone: what is
/// in it says who owes what. Gives what it made, the innermost first.
pub(in crate::store) fn make_directory(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let missing = directory.ancestors().take_while(|it| !it.as_os_str().is_empty() && !it.exists());
    let missing: Vec<_> = missing.map(Path::to_owned).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(OWNER_ONLY);
    let made = builder.create(directory).map_err(OpenError::io(directory));
    let made = made.and_then(|()| missing.iter().try_for_each(|it| sync_parent(it)));
    if made.is_err() {
        remove_empty(&missing);
    }
    made.map(|()| missing)
}

/// Removes directories that were made in vain, the innermost first, unless somebody has put
/// something there since.
pub(super) fn remove_empty(directories: &[PathBuf]) {
    for directory in directories {
        let _kept = fs::remove_dir(directory);
    }
}

/// Removes what SQLite keeps beside the database at `path`, as far as it is there.
pub(super) fn remove_companions(path: &Path) {
    for suffix in COMPANIONS {
        let _gone = fs::remove_file(beside(path, suffix));
    }
}

/// Makes the directory's entries durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|it| it.sync_all()).map_err(OpenError::io(directory))
}

/// Makes the entry of `path` in its directory durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), OpenError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Makes the file's content durable.
pub(super) fn sync_file(path: &Path) -> Result<(), OpenError> {
    File::open(path).and_then(|it| it.sync_all()).map_err(OpenError::io(path))
}

/// Makes an empty log. It appears under its name only when it is whole, so that a log that is
/// empty or half made is always damage and never a beginning.
pub(super) fn create(path: &Path, log_id: Option<Uuid>) -> Result<(), OpenError> {
    let fresh = beside(path, ".new");
    if fresh.exists() {
        fs::remove_file(&fresh).map_err(OpenError::io(&fresh))?;
    }
    File::create_new(&fresh).map_err(OpenError::io(&fresh))?;
    fill(&fresh, log_id).map_err(OpenError::sqlite(&fresh))?;
    sync_file(&fresh)?;
    fs::rename(&fresh, path).map_err(OpenError::io(path))?;
    sync_parent(path)
}

/// Makes the tables of a log in the new file `fresh`.
pub(super) fn fill(fresh: &Path, log_id: Option<Uuid>) -> rusqlite::Result<()> {
    let mut connection = Connection::open(fresh)?;
    let random: [u8; 16] = connection.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    let log_id = log_id.unwrap_or_else(|| uuid::Builder::from_random_bytes(random).into_uuid());
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let meta = [("format", FORMAT.to_string()), ("log_id", log_id.to_string())];
    for (name, value) in meta {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
        transaction.execute(sql, params![name, value])?;
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens the log for writing. Nothing is changed in it before it is recognised.
pub(super) fn open_writer(path: &Path, pages_max: Option<u32>) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite(path))?;
    log_id(&connection, path)?;
    let set_up = || {
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        if let Some(pages) = pages_max {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(())
    };
    set_up().map_err(OpenError::sqlite(path))?;
    Ok(connection)
}

/// How a reader may look at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Beside a writer, or where one may come.
    Shared,
    /// Nobody writes and nobody can: the directory itself takes no file.
    Immutable,
}

/// Opens the log for reading.
pub(super) fn open_reader(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = match access {
        Access::Shared => Connection::open_with_flags(path, flags)?,
        Access::Immutable => Connection::open_with_flags(immutable_uri(path), flags)?,
    };
    connection.busy_timeout(BUSY_WAIT)?;
    Ok(connection)
}

/// How SQLite is told to open a file that nobody writes and nobody can, and to make none beside it.
pub fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Opens the log for looking at it, from wherever it lies, and writes nothing to it. The log of a
/// data directory that another one is being copied into is refused.
pub(super) fn open_to_inspect(path: &Path) -> Result<(Connection, Access, Uuid), OpenError> {
    if let (Some(directory), Some(LOG_FILE)) =
        (path.parent(), path.file_name().and_then(OsStr::to_str))
    {
        notes::refuse_unfinished_copy(directory)?;
        notes::refuse_unfinished_restore(directory)?;
    }
    if !path.try_exists().map_err(OpenError::io(path))? {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    if path.is_dir() {
        let cause = "it is a directory".to_owned();
        return Err(OpenError::NotALog { path: path.to_owned(), cause });
    }
    let tried = open_reader(path, Access::Shared).map_err(OpenError::sqlite(path));
    let tried = tried.and_then(|connection| Ok((log_id(&connection, path)?, connection)));
    match tried {
        Ok((log_id, connection)) => Ok((connection, Access::Shared, log_id)),
        // A read-only directory has no room for the files that SQLite shares with a writer. With
        // no write-ahead log there is nothing that they could tell.
        Err(OpenError::Sqlite { .. }) if no_wal(path) => {
            let access = Access::Immutable;
            let connection = open_reader(path, access).map_err(OpenError::sqlite(path))?;
            let log_id = log_id(&connection, path)?;
            Ok((connection, access, log_id))
        }
        Err(error) => Err(error),
    }
}

/// Is everything in the file itself?
pub fn no_wal(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).map_or(true, |wal| wal.len() == 0)
}

/// Writes into a copy where it ends: a copy that has lost its end is whole up to where it ends, and
/// has nothing beside it that knows better.
pub(super) fn note_end(copy: &Connection, end: &Head) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('head', ?1)";
    copy.execute(sql, [end_text(end)]).map(drop)
}

/// Where a log ended when it was copied, if it is a copy: its position, and the value as it was
/// noted.
pub(super) fn noted_end(
    log: &Connection,
    path: &Path,
) -> Result<Option<(Position, String)>, OpenError> {
    let sql = "SELECT value FROM meta WHERE name = 'head'";
    let noted = log.query_row(sql, [], |row| row.get::<_, String>(0)).optional();
    let Some(noted) = noted.map_err(OpenError::sqlite(path))? else { return Ok(None) };
    let position = noted.split(' ').next().and_then(|position| position.parse().ok());
    let position = position.ok_or_else(|| OpenError::NotALog {
        path: path.to_owned(),
        cause: format!("its head is no position: {noted}"),
    })?;
    Ok(Some((Position(position), noted)))
}

/// How an end is noted in a copy.
pub(super) fn end_text(end: &Head) -> String {
    format!("{} {}", end.position, end.chain)
}

/// Recognises the log and gives its id.
pub(super) fn log_id(connection: &Connection, path: &Path) -> Result<Uuid, OpenError> {
    let sqlite = |error| OpenError::sqlite(path)(error);
    let not_a_log =
        |cause: &str| OpenError::NotALog { path: path.to_owned(), cause: cause.to_owned() };
    let application: i32 = connection
        .query_row("SELECT application_id FROM pragma_application_id", [], |row| row.get(0))
        .map_err(sqlite)?;
    if application != APPLICATION_ID {
        return Err(not_a_log("it is an SQLite database of another application, or empty"));
    }
    let meta = |name: &str| {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        connection
            .query_row(sql, [name], |row| row.get::<_, String>(0))
            .optional()
            .map_err(sqlite)?
            .ok_or_else(|| not_a_log(&format!("it names no {name}")))
    };
    let found = meta("format")?;
    if found != FORMAT.to_string() {
        return Err(OpenError::Format { path: path.to_owned(), found, known: FORMAT });
    }
    Uuid::try_parse(&meta("log_id")?).map_err(|_| not_a_log("its log_id is no UUID"))
}
