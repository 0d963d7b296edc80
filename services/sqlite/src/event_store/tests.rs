//! What is special about the log on a file: it survives, it is refused when damaged, it fails
//! cleanly.

use std::{fs, path::Path, sync::Arc};

use futures_util::{StreamExt, future::join_all};
use keytrail_domain::{EventId, NewEvent, StreamId, TeamId, TenantId};
use keytrail_ports::{EventStore, Expected, Filter, LogError, LogSignal};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    KIND, SqliteEventStore,
    append::{Append, Log},
};
use crate::{
    OpenError,
    file::{Durable, File},
    group_commit::Ledger,
};

keytrail_ports::event_store_contract!(async { SqliteEventStore::in_memory().unwrap() });

fn stream(number: u128) -> StreamId {
    StreamId::team(TenantId::of_slug("acme"), TeamId::from_uuid(Uuid::from_u128(number)))
}

fn event(number: u128, size: usize) -> NewEvent {
    NewEvent {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        event_type: "TeamCreated".to_owned(),
        data: vec![b' '; size].into(),
        metadata: b"{}".to_vec().into(),
    }
}

async fn write(store: &SqliteEventStore, streams: std::ops::Range<u128>) {
    let all = streams.map(|number| async move {
        store.append(&stream(number), Expected::NoStream, vec![event(number, 400)]).await.unwrap()
    });
    join_all(all).await;
}

fn home() -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    (directory, path)
}

fn refusal(path: &Path) -> OpenError {
    SqliteEventStore::open(path).err().expect("should be refused")
}

#[tokio::test]
async fn a_log_is_the_same_after_it_was_closed() {
    let (_directory, path) = home();
    let store = SqliteEventStore::open(&path).unwrap();
    write(&store, 0..10).await;
    let (id, head) = (store.log_id().await.unwrap(), store.head().await.unwrap());
    drop(store);
    let store = SqliteEventStore::open(&path).unwrap();
    assert_eq!((store.log_id().await.unwrap(), store.head().await.unwrap()), (id, head));
    write(&store, 10..12).await;
    let mut signals = store.subscribe(None, Filter::default()).await.unwrap();
    for position in 1..=12 {
        let Some(Ok(LogSignal::Event(event))) = signals.next().await else { panic!("no event") };
        assert_eq!(event.position.commit, position);
    }
    store.verify().await.unwrap();
}

#[tokio::test]
async fn an_answered_append_is_in_the_file_for_another_reader() {
    let (_directory, path) = home();
    let store = SqliteEventStore::open(&path).unwrap();
    write(&store, 0..1).await;
    let count = |sql| Connection::open(&path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(*) FROM events"), Ok(1));
}

#[tokio::test]
async fn appends_that_wait_share_a_commit() {
    let store = SqliteEventStore::in_memory().unwrap();
    write(&store, 0..200).await;
    let stats = store.stats();
    let number = |of: &std::sync::atomic::AtomicU64| of.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((number(&stats.rows), number(&stats.requests)), (200, 200));
    assert!(number(&stats.commits) < 200 && number(&stats.largest_group) > 1, "{stats:?}");
}

#[tokio::test]
async fn without_room_nothing_is_written_and_with_room_it_works_again() {
    let (_directory, path) = home();
    drop(SqliteEventStore::open(&path).unwrap());
    let store = SqliteEventStore::start_with_room_for(&path, 24).unwrap();
    let fits = store.append(&stream(1), Expected::NoStream, vec![event(1, 100)]).await.unwrap();
    let too_much = vec![event(2, 100), event(3, 4 << 20)];
    let error = store.append(&stream(2), Expected::NoStream, too_much.clone()).await.unwrap_err();
    let LogError::Unavailable(source) = error else { panic!("{error:?}") };
    assert!(source.to_string().ends_with("log.db: no room left on the disk"), "{source}");
    assert!(store.read_stream(&stream(2), 0, 9).await.unwrap().is_empty());
    assert_eq!(store.head().await.unwrap(), Some(fits.position));
    let again = store.append(&stream(1), Expected::Revision(0), vec![event(4, 10)]).await.unwrap();
    assert_eq!(again.position.commit, fits.position.commit + 1);
    drop(store);
    let store = SqliteEventStore::open(&path).unwrap();
    store.append(&stream(2), Expected::NoStream, too_much).await.unwrap();
    store.verify().await.unwrap();
}

#[test]
fn what_was_rolled_back_is_forgotten() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(KIND.schema).unwrap();
    let mut log = Log::new(0, tokio::sync::watch::Sender::new(0), Arc::default());
    for _ in 0..2 {
        connection.execute_batch("BEGIN").unwrap();
        let append = Append { stream: stream(1), expected: Expected::NoStream, events: vec![event(1, 1)] };
        let Ok(appended) = log.write(&connection, append).unwrap() else { panic!("a conflict") };
        assert_eq!(appended.position.commit, 1);
        connection.execute_batch("ROLLBACK").unwrap();
        log.aborted();
    }
}

#[test]
fn a_commit_is_on_the_disk_when_it_answers() {
    let (_directory, path) = home();
    let writer = File::at(&KIND, &path).open_writer(Durable::EachCommit).unwrap();
    let pragma = |name| writer.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(pragma("synchronous"), Ok(rusqlite::types::Value::Integer(2)));
    assert_eq!(pragma("journal_mode"), Ok(rusqlite::types::Value::Text("wal".to_owned())));
}

#[tokio::test]
async fn a_damaged_log_is_refused_by_name() {
    let (_directory, path) = home();
    let store = SqliteEventStore::open(&path).unwrap();
    write(&store, 0..300).await;
    drop(store);
    assert!(!path.with_extension("db-wal").exists(), "closing leaves one file");
    let whole = fs::read(&path).unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    let mut no_header = whole.clone();
    no_header[..8].fill(0);
    let mut no_schema = whole;
    no_schema[100..2_000].fill(0xff);
    for damaged in [cut, no_header, no_schema] {
        fs::write(&path, damaged).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("log.db"), "{error}");
    }
}

#[tokio::test]
async fn verify_finds_an_event_that_is_gone() {
    let (_directory, path) = home();
    let store = SqliteEventStore::open(&path).unwrap();
    write(&store, 0..9).await;
    Connection::open(&path).unwrap().execute("DELETE FROM events WHERE position = 5", []).unwrap();
    let error = store.verify().await.unwrap_err();
    assert!(matches!(&error, LogError::Corrupt(why) if why.contains("position 5")), "{error:?}");
}

#[test]
fn a_log_without_its_last_row_in_the_index_is_refused() {
    let (_directory, path) = home();
    drop(SqliteEventStore::open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "INSERT INTO streams VALUES (1, 'not ours', x'00'); \
                        INSERT INTO events VALUES (1, 1, 0, x'00', x'00', '', x'', x'')",
        )
        .unwrap();
    assert!(matches!(refusal(&path), OpenError::Corrupt { .. }));
}

#[test]
fn somebody_elses_file_and_a_newer_one_are_refused() {
    let (_directory, path) = home();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(refusal(&path), OpenError::NotOurs { .. }));
    other.pragma_update(None, "application_id", KIND.application_id).unwrap();
    other.pragma_update(None, "user_version", KIND.format + 1).unwrap();
    assert!(matches!(refusal(&path), OpenError::Newer { found: 2, known: 1, .. }));
}

impl SqliteEventStore {
    /// A log whose file may not grow beyond so many pages: a full disk.
    fn start_with_room_for(path: &Path, pages: u32) -> Result<Self, OpenError> {
        let file = File::at(&KIND, path);
        let connection = file.open_writer(Durable::EachCommit)?;
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        Self::on(file, connection)
    }
}
