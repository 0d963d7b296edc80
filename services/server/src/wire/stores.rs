//! Opens log, journal, views and vault.

mod secrets;
mod views;
mod whose_log;

use std::{path::Path, sync::Arc};

use keytrail_app::{copy_is_unfinished, journal_topics};
use keytrail_domain::SecretValue;
use keytrail_kurrent::{KurrentEventStore, KurrentJournal};
use keytrail_ports::{AuthoritySource, EventStore, Journal, SecretStore, views::Views};
use keytrail_sqlite::{OpenError, SqliteEventStore, SqliteJournal};
use tokio::task::spawn_blocking;

pub(super) use self::{
    secrets::open_secrets,
    views::{log_is_older, rebuild_next},
    whose_log::claim_vault,
};
use super::{failed, moved::Moved};
use crate::{
    config::{Config, EventLog},
    data_dir::{DataDir, LOG_FILE},
    launch::StartError,
};

/// File names in the data directory.
const JOURNAL: &str = "journal.db";
const SECRETS: &str = "secrets.db";
/// Where to look when the event store cannot be used.
const KURRENT_HINT: &str = "check KEYTRAIL_EVENT_LOG; docs/kurrentdb.md has examples";

/// All stores, open.
pub(super) struct Stores {
    pub(super) log: Arc<dyn EventStore>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) views: Arc<dyn Views>,
    pub(super) authority: Arc<dyn AuthoritySource>,
    pub(super) secrets: Arc<dyn SecretStore>,
}

pub(super) async fn open(config: &Config, dir: &DataDir) -> Result<Stores, StartError> {
    let secrets = open_secrets(config, dir).await?;
    let (log, journal) = match &config.event_log {
        EventLog::Embedded => log_here(dir).await?,
        EventLog::Kurrent(address) => {
            // Before the server is made a log of ours.
            refuse_log_left_behind(dir).await?;
            whose_log::refuse_server_of_another(&*secrets, address).await?;
            log_at(address).await?
        }
    };
    let vault = whose_log::vault_belongs(&*secrets, &*log).await?;
    let views = Arc::new(views::open(dir, &*log, vault).await?);
    Ok(Stores { log, journal, authority: views.clone(), views, secrets })
}

/// Log and journal of this directory, to be copied elsewhere.
pub(super) async fn embedded(dir: &DataDir) -> Result<(SqliteEventStore, SqliteJournal), StartError> {
    let (log, journal) = (dir.file(LOG_FILE), dir.file(JOURNAL));
    refuse_lost_log(&log, &journal)?;
    if !log.exists() {
        let message = format!("there is no embedded event log at {}", log.display());
        return Err(StartError::new(message, "set KEYTRAIL_DATA_DIR to the directory of the log"));
    }
    let log = blocking(move || SqliteEventStore::open(&log)).await?;
    Ok((log, blocking(move || SqliteJournal::open(&journal)).await?))
}

type LogAndJournal = (Arc<dyn EventStore>, Arc<dyn Journal>);

async fn log_here(dir: &DataDir) -> Result<LogAndJournal, StartError> {
    let (log, journal) = (dir.file(LOG_FILE), dir.file(JOURNAL));
    refuse_lost_log(&log, &journal)?;
    if let Some(moved) = Moved::read(dir)? {
        return Err(moved.refuse_to_serve(dir));
    }
    let log = Arc::new(blocking(move || SqliteEventStore::open(&log)).await?);
    Ok((log, Arc::new(blocking(move || SqliteJournal::open(&journal)).await?)))
}

/// The journal is with the log, so that nodes that share the one share the other.
async fn log_at(address: &SecretValue) -> Result<LogAndJournal, StartError> {
    let opened = KurrentEventStore::open(kurrent_settings(address)?).await;
    let log = opened.map_err(|error| failed(&error, KURRENT_HINT))?;
    let kept = journal_topics().map(|(topic, age)| (topic.to_owned(), age));
    let journal = KurrentJournal::new(kurrent_settings(address)?, &log, kept);
    let journal = journal.map_err(|error| failed(&error, KURRENT_HINT))?;
    refuse_half_a_copy(&journal).await?;
    Ok((Arc::new(log), Arc::new(journal)))
}

fn kurrent_settings(address: &SecretValue) -> Result<keytrail_kurrent::Settings, StartError> {
    keytrail_kurrent::Settings::parse(address.expose())
        .map_err(|error| StartError::new(format!("KEYTRAIL_EVENT_LOG cannot be used: {error}"), KURRENT_HINT))
}

/// The journal is made after the log: without a log there was one, and an empty one in its place
/// would hide that.
fn refuse_lost_log(log: &Path, journal: &Path) -> Result<(), StartError> {
    let is_empty = std::fs::metadata(log).map_or(true, |found| found.len() == 0);
    if !is_empty || !journal.exists() {
        return Ok(());
    }
    Err(StartError::new(
        format!("the event log {} is missing or empty, and other files here belong to it", log.display()),
        "put the file back from a backup, or set KEYTRAIL_DATA_DIR to a new directory",
    ))
}

/// A server that begins empty, while the log of this directory has everything, looks like a loss.
async fn refuse_log_left_behind(dir: &DataDir) -> Result<(), StartError> {
    let path = dir.file(LOG_FILE);
    if !path.exists() || Moved::read(dir)?.is_some() {
        return Ok(());
    }
    let opening = path.clone();
    let log = blocking(move || SqliteEventStore::open(&opening)).await?;
    let head = log.head().await.map_err(|error| failed(&error, "restore the file from a backup"))?;
    if head.is_none() {
        return Ok(());
    }
    Err(StartError::new(
        format!(
            "{} has events that were not, or not all, copied to the server in KEYTRAIL_EVENT_LOG",
            path.display()
        ),
        "run `keytrail log copy`; to begin anew on that server, set KEYTRAIL_DATA_DIR to a new directory",
    ))
}

async fn refuse_half_a_copy(journal: &dyn Journal) -> Result<(), StartError> {
    match copy_is_unfinished(journal).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(StartError::new(
            "a copy of another log into this one is not finished",
            "run `keytrail log copy` again, where the other log is: it goes on from there",
        )),
        Err(error) => Err(failed(&error, KURRENT_HINT)),
    }
}

async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, StartError> {
    let opened = spawn_blocking(open).await.map_err(|error| failed(&error, "see the log lines above"))?;
    opened.map_err(|error| failed(&error, "restore the file from a backup, or free the directory"))
}

/// Leaves log, journal and secrets as one file each.
pub(super) async fn settle(dir: &Path) {
    for name in [LOG_FILE, JOURNAL, SECRETS] {
        let path = dir.join(name);
        // On an event store, or with an outside vault, there are no such files.
        if !path.exists() {
            continue;
        }
        let settled = spawn_blocking(move || keytrail_sqlite::settle(&path)).await;
        if let Ok(Err(error)) = settled {
            tracing::warn!(name, error = &*error as &dyn std::error::Error, "not left as one file");
        }
    }
}
