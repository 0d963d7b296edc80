//! Opening, refusing, and making anew.

use std::{fs, path::PathBuf};

use keytrail_ports::views::Page;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    OpenError,
    views::{Opened, Stale},
};

fn home() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    (directory, path)
}

fn batch(numbers: std::ops::RangeInclusive<u64>) -> Vec<RecordedEvent> {
    let one = |number: u64| {
        let mut row = credential(acme(), u128::from(number % 40), &format!("name {number}"));
        row.labels = Labels::new([("n".to_owned(), (number % 3).to_string())]).unwrap();
        let grant = Put::Grant(row.id, Grantee::Member(member(1)), Some(Level::View), None);
        event(acme(), number, &[put(row), grant])
    };
    numbers.map(one).collect()
}

async fn rebuilt(path: &Path) -> SqliteViews {
    let mut rebuild = SqliteViews::rebuild(path, ORIGIN).unwrap();
    for first in [1, 101, 201] {
        rebuild
            .feed(batch(first..=first + 99), Position::nth(first + 99), Arc::new(Puts(VERSION)))
            .await
            .unwrap();
    }
    rebuild.finish().await.unwrap()
}

fn ready(opened: Opened) -> SqliteViews {
    match opened {
        Opened::Ready(views) => views,
        Opened::Stale(stale) => panic!("{stale:?}"),
    }
}

fn stale(path: &Path) -> Stale {
    match open(path, VERSION) {
        Opened::Stale(stale) => stale,
        Opened::Ready(_) => panic!("should be stale"),
    }
}

async fn everything(views: &SqliteViews) -> (Page<Arc<CredentialRow>>, Vec<String>) {
    let filter = CredentialFilter { text: Some("ame 2".to_owned()), ..Default::default() };
    let found = names(views, CredentialQuery { filter, ..query(acme()) }).await;
    (views.credentials(query(acme())).await.unwrap(), found)
}

#[tokio::test]
async fn views_made_anew_are_those_that_grew() {
    let (_directory, path) = home();
    let anew = rebuilt(&path).await;
    let grown = views().await;
    project(&grown, batch(1..=150)).await.unwrap();
    project(&grown, batch(151..=300)).await.unwrap();
    assert_eq!(anew.checkpoint().await.unwrap(), Some(Position::nth(300)));
    assert_eq!(everything(&anew).await, everything(&grown).await);
    assert!(!everything(&anew).await.1.is_empty());
    for views in [&anew, &grown] {
        project(views, batch(301..=310)).await.unwrap();
    }
    assert_eq!(everything(&anew).await, everything(&grown).await);
}

#[tokio::test]
async fn views_go_on_where_they_were_closed() {
    let (_directory, path) = home();
    drop(rebuilt(&path).await);
    let views = ready(open(&path, VERSION));
    assert_eq!(views.checkpoint().await.unwrap(), Some(Position::nth(300)));
    project(&views, batch(301..=310)).await.unwrap();
    drop(views);
    let views = ready(open(&path, VERSION));
    assert_eq!(views.checkpoint().await.unwrap(), Some(Position::nth(310)));
    assert_eq!(names(&views, query(acme())).await.len(), 40);
}

#[tokio::test]
async fn missing_other_and_unfinished_views_are_to_be_made_anew() {
    let (_directory, path) = home();
    assert_eq!(stale(&path), Stale::Missing);
    drop(rebuilt(&path).await);
    assert!(matches!(open(&path, VERSION + 1), Opened::Stale(Stale::OtherVersion)));
    let other = Origin { log: Uuid::from_u128(8), ..ORIGIN };
    assert!(matches!(SqliteViews::open(&path, other).unwrap(), Opened::Stale(Stale::OtherLog)));
    Connection::open(&path).unwrap().execute("DELETE FROM meta WHERE name = 'complete'", []).unwrap();
    assert!(matches!(stale(&path), Stale::Damaged(_)));
    drop(rebuilt(&path).await);
    drop(ready(open(&path, VERSION)));
}

#[tokio::test]
async fn torn_views_are_to_be_made_anew() {
    let (_directory, path) = home();
    drop(rebuilt(&path).await);
    let whole = fs::read(&path).unwrap();
    let mut wiped = whole.clone();
    wiped[4_096..].fill(0);
    for torn in [whole[..whole.len() / 3].to_vec(), wiped, b"not a database at all".to_vec()] {
        fs::write(&path, torn).unwrap();
        assert!(matches!(stale(&path), Stale::Damaged(_)));
        drop(rebuilt(&path).await);
        assert_eq!(fs::read(&path).unwrap().len(), whole.len());
    }
}

#[tokio::test]
async fn somebody_elses_file_is_not_thrown_away() {
    let (_directory, path) = home();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = SqliteViews::open(&path, ORIGIN).err();
    assert!(matches!(error, Some(OpenError::NotOurs { .. })), "{error:?}");
}

#[tokio::test]
async fn a_rebuild_that_fails_leaves_the_old_views() {
    let (_directory, path) = home();
    drop(rebuilt(&path).await);
    let mut rebuild = SqliteViews::rebuild(&path, ORIGIN).unwrap();
    let failing = vec![event(acme(), 1, &[Put::Fail])];
    rebuild.feed(failing, Position::nth(1), Arc::new(Puts(VERSION))).await.unwrap();
    let error = rebuild.finish().await.err();
    assert!(matches!(error, Some(ViewError::Projection(_))), "{error:?}");
    let mut rebuild = SqliteViews::rebuild(&path, ORIGIN).unwrap();
    for batch in [vec![event(acme(), 1, &[Put::Fail])], batch(2..=3)] {
        let upto = batch[0].position;
        let _ = rebuild.feed(batch, upto, Arc::new(Puts(VERSION))).await;
    }
    assert!(rebuild.finish().await.is_err(), "a batch is missing");
    let views = ready(open(&path, VERSION));
    assert_eq!(views.checkpoint().await.unwrap(), Some(Position::nth(300)));
}
