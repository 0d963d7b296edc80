//! Opens the views of a log, or makes them anew.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::StreamExt;
use keytrail_app::{Projections, views_fit};
use keytrail_ports::{EventStore, Filter, LogSignal, views::Projector};
use keytrail_sqlite::{Opened, Origin, Rebuild, SqliteViews, Stale};

use super::{blocking, whose_log::VaultSays};
use crate::{
    admin::{Progress, ProgressSender},
    data_dir::DataDir,
    launch::StartError,
    wire::failed,
};

/// File names in the data directory.
const VIEWS: &str = "views.db";
const VIEWS_NEXT: &str = "views.next.db";
/// Events that a rebuild hands over at once.
const BATCH: usize = 4_096;

/// What views of this program and that log are made from.
async fn origin_of(log: &dyn EventStore) -> Result<Origin, StartError> {
    let id = log.log_id().await.map_err(|error| failed(&error, "check KEYTRAIL_EVENT_LOG"))?;
    Ok(Origin { log: id, projector: Projections.version() })
}

/// The views as they are; made anew when there are none, or none of this log.
pub(super) async fn open(
    dir: &DataDir,
    log: &dyn EventStore,
    vault: VaultSays,
) -> Result<SqliteViews, StartError> {
    let path = dir.file(VIEWS);
    adopt(&dir.file(VIEWS_NEXT), &path)
        .map_err(|error| failed(&error, "check the data directory's permissions"))?;
    let origin = origin_of(log).await?;
    let opening = path.clone();
    let why = match blocking(move || SqliteViews::open(&opening, origin)).await? {
        Opened::Ready(views) if fits(&views, log).await? => return Ok(views),
        Opened::Ready(_) => return Err(log_is_older(dir)),
        Opened::Stale(Stale::OtherLog) if vault == VaultSays::Nothing => return Err(log_is_another(&path)),
        Opened::Stale(why) => format!("{why:?}"),
    };
    tracing::info!(why, "making the views anew from the event log");
    let (progress, _unread) = crate::admin::progress();
    rebuild(&path, log, &progress).await.map(|(views, events)| {
        tracing::info!(events, "the views are made");
        views
    })
}

/// The vault may not know it: it learns how far the log is only now and then.
pub(in crate::wire) fn log_is_older(dir: &DataDir) -> StartError {
    let views = dir.file(VIEWS);
    StartError::new(
        "the event log lacks what this node's views have seen of it: it is an older copy",
        format!(
            "put back the newer one; when that is gone for good, delete {} on every node: the views are made anew from \
             the log as it is",
            views.display()
        ),
    )
}

fn log_is_another(views: &Path) -> StartError {
    StartError::new(
        "this node's views were made from another event log, and the vault does not answer whose it is",
        format!(
            "check KEYTRAIL_EVENT_LOG, or start again when the vault answers; when the log is the right one, delete {}",
            views.display()
        ),
    )
}

async fn fits(views: &SqliteViews, log: &dyn EventStore) -> Result<bool, StartError> {
    views_fit(views, log)
        .await
        .map_err(|error| failed(&error, "check KEYTRAIL_EVENT_LOG and KEYTRAIL_DATA_DIR"))
}

/// Views that `views rebuild` made while the old ones were in use.
fn adopt(next: &Path, views: &Path) -> std::io::Result<()> {
    if !next.exists() {
        return Ok(());
    }
    remove_database(views)?;
    if beside(next, "-wal").exists() {
        // It was not closed: the views are made once more.
        return remove_database(next);
    }
    std::fs::rename(next, views)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The views are gone, and made anew by the next start.
pub(super) fn discard(dir: &DataDir) -> std::io::Result<()> {
    [VIEWS_NEXT, VIEWS].iter().try_for_each(|name| remove_database(&dir.file(name)))
}

/// A database with what stands beside it.
fn remove_database(path: &Path) -> std::io::Result<()> {
    ["", "-wal", "-shm"].iter().try_for_each(|ending| remove(&beside(path, ending)))
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes views beside those in use, for the next start; answers from how many events.
pub(in crate::wire) async fn rebuild_next(
    dir: &Path,
    log: &dyn EventStore,
    progress: &ProgressSender,
) -> Result<u64, StartError> {
    let (views, events) = rebuild(&dir.join(VIEWS_NEXT), log, progress).await?;
    drop(views);
    Ok(events)
}

async fn rebuild(
    path: &Path,
    log: &dyn EventStore,
    progress: &ProgressSender,
) -> Result<(SqliteViews, u64), StartError> {
    let origin = origin_of(log).await?;
    let target = path.to_owned();
    let mut rebuild: Rebuild = blocking(move || SqliteViews::rebuild(&target, origin)).await?;
    let events = feed(&mut rebuild, log, progress)
        .await
        .map_err(|error| failed(&*error, "run `keytrail views rebuild` again, or restore a backup"))?;
    let views = rebuild.finish().await.map_err(|error| failed(&error, "run it again"))?;
    Ok((views, events))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn feed(
    rebuild: &mut Rebuild,
    log: &dyn EventStore,
    progress: &ProgressSender,
) -> Result<u64, Failure> {
    // Positions grow with the log, however far apart they are.
    let total = log.head().await?.map(|head| head.commit);
    let mut signals = log.subscribe(None, Filter::default()).await?.ready_chunks(BATCH);
    let (mut done, mut reached) = (0, 0);
    while let Some(chunk) = signals.next().await {
        let (mut events, mut caught_up) = (Vec::with_capacity(chunk.len()), false);
        for signal in chunk {
            match signal? {
                LogSignal::Event(event) => events.push(event),
                LogSignal::Checkpoint(_) => {}
                LogSignal::CaughtUp => caught_up = true,
            }
        }
        done += events.len() as u64;
        if let Some(upto) = events.last().map(|event| event.position) {
            rebuild.feed(events, upto, Arc::new(Projections)).await?;
            reached = upto.commit;
        }
        progress.report(Progress { done: reached, total });
        if caught_up {
            return Ok(done);
        }
    }
    Err("the event log ended too early".into())
}
