//! Opens log, journal, views and vault.

use std::{path::Path, sync::Arc};

use futures_util::StreamExt;
use keytrail_app::{Projections, copy_is_unfinished, journal_topics, views_fit};
use keytrail_domain::SecretValue;
use keytrail_kurrent::{KurrentEventStore, KurrentJournal};
use keytrail_ports::{
    AuthoritySource, EventStore, Filter, Journal, LogSignal, SecretStore,
    views::{Projector, Views},
};
use keytrail_sqlite::{OpenError, Opened, Origin, Rebuild, SqliteEventStore, SqliteJournal, SqliteViews};
use keytrail_vault::{
    KeySource, Login, SealedConfig, SealedSecretStore, SweepError, VaultConfig, VaultSecretStore,
};
use tokio::task::spawn_blocking;

use super::{failed, moved::Moved};
use crate::{
    admin::{Progress, ProgressSender},
    config::{Config, EventLog, RemoteVault, SecretSource, Vault, VaultLogin},
    data_dir::{DataDir, LOG_FILE},
    launch::StartError,
};

/// File names in the data directory.
const JOURNAL: &str = "journal.db";
const VIEWS: &str = "views.db";
const VIEWS_NEXT: &str = "views.next.db";
const SECRETS: &str = "secrets.db";
const KEY: &str = "vault.key";
/// Where to look when the event store cannot be used.
const KURRENT_HINT: &str = "check KEYTRAIL_EVENT_LOG; docs/kurrentdb.md has examples";
/// Events that a rebuild hands over at once.
const BATCH: usize = 4_096;

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
            refuse_server_of_another(&*secrets, address).await?;
            log_at(address).await?
        }
    };
    vault_belongs(&*secrets, &*log).await?;
    let views = Arc::new(open_views(dir, &*log).await?);
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

/// Asked before anything is written there. A vault that does not answer is asked later, [`vault_belongs`].
async fn refuse_server_of_another(
    secrets: &dyn SecretStore,
    address: &SecretValue,
) -> Result<(), StartError> {
    let Ok(Some(mark)) = secrets.deployment().await else { return Ok(()) };
    let there = KurrentEventStore::peek(kurrent_settings(address)?).await;
    match there.map_err(|error| failed(&error, KURRENT_HINT))? {
        Some(log) if log == mark.log_id => Ok(()),
        Some(log) => Err(not_ours(&SweepError::AnotherLog { vault: mark.log_id, log }, mark.log_id)),
        None => Err(StartError::new(
            format!("the vault belongs to event log {}, and the server has none", mark.log_id),
            claim_hint(mark.log_id),
        )),
    }
}

/// A vault of another log, or of a newer copy of it: what was in that one would seem to be lost, and what is written
/// from here on would be apart from it. One that does not answer is no reason not to start: it is asked until it does.
async fn vault_belongs(secrets: &dyn SecretStore, log: &dyn EventStore) -> Result<(), StartError> {
    let Err(error) = keytrail_vault::belongs(secrets, log).await else { return Ok(()) };
    match (&error, secrets.deployment().await) {
        (SweepError::Store(_) | SweepError::Log(_), _) | (_, Err(_) | Ok(None)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "whether the vault belongs to this log is not known: asking until it is");
            Ok(())
        }
        (_, Ok(Some(mark))) => Err(not_ours(&error, mark.log_id)),
    }
}

fn not_ours(error: &SweepError, vault: uuid::Uuid) -> StartError {
    failed(error, &claim_hint(vault))
}

fn claim_hint(vault: uuid::Uuid) -> String {
    format!(
        "check KEYTRAIL_EVENT_LOG, KEYTRAIL_VAULT and KEYTRAIL_DATA_DIR, or put back the log; when that is gone for \
         good, or you went back on purpose, run `keytrail vault claim --instead-of {vault}`"
    )
}

/// Lets the vault belong to the log that is configured, instead of the one that is named; answers the log's id.
pub(super) async fn claim_vault(
    config: &Config,
    dir: &DataDir,
    instead_of: uuid::Uuid,
) -> Result<uuid::Uuid, StartError> {
    let secrets = open_secrets(config, dir).await?;
    let hint = "nothing was changed: put that right and run the command again";
    let mark = secrets.deployment().await.map_err(|error| failed(&error, hint))?;
    if mark.is_none_or(|mark| mark.log_id != instead_of) {
        let belongs = mark.map_or("no event log yet".to_owned(), |mark| format!("event log {}", mark.log_id));
        return Err(StartError::new(
            format!("the vault belongs to {belongs}, and not to {instead_of}"),
            "is it the right vault? `keytrail serve` says to which log it belongs",
        ));
    }
    let (log, _) = match &config.event_log {
        EventLog::Embedded => log_here(dir).await?,
        EventLog::Kurrent(address) => log_at(address).await?,
    };
    keytrail_vault::claim(&*secrets, &*log).await.map_err(|error| failed(&error, hint))?;
    log.log_id().await.map_err(|error| failed(&error, hint))
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

/// What views of this program and that log are made from.
async fn origin_of(log: &dyn EventStore) -> Result<Origin, StartError> {
    let id = log.log_id().await.map_err(|error| failed(&error, "check KEYTRAIL_EVENT_LOG"))?;
    Ok(Origin { log: id, projector: Projections.version() })
}

/// The views as they are; made anew when there are none, or none that fit.
async fn open_views(dir: &DataDir, log: &dyn EventStore) -> Result<SqliteViews, StartError> {
    let path = dir.file(VIEWS);
    adopt(&dir.file(VIEWS_NEXT), &path)
        .map_err(|error| failed(&error, "check the data directory's permissions"))?;
    let origin = origin_of(log).await?;
    let opening = path.clone();
    let why = match blocking(move || SqliteViews::open(&opening, origin)).await? {
        Opened::Ready(views) if fits(&views, log).await? => return Ok(views),
        Opened::Ready(_) => "they know another history than the log tells: it is an older copy".to_owned(),
        Opened::Stale(why) => format!("{why:?}"),
    };
    tracing::info!(why, "making the views anew from the event log");
    let (progress, _unread) = crate::admin::progress();
    rebuild(&path, log, &progress).await.map(|(views, events)| {
        tracing::info!(events, "the views are made");
        views
    })
}

async fn fits(views: &SqliteViews, log: &dyn EventStore) -> Result<bool, StartError> {
    views_fit(views, log)
        .await
        .map_err(|error| failed(&error, "check KEYTRAIL_EVENT_LOG and KEYTRAIL_DATA_DIR"))
}

/// Views that `views rebuild` made while the old ones were in use.
fn adopt(next: &Path, views: &Path) -> std::io::Result<()> {
    let beside = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        std::path::PathBuf::from(name)
    };
    if !next.exists() {
        return Ok(());
    }
    for ending in ["", "-wal", "-shm"] {
        remove(&beside(views, ending))?;
    }
    if beside(next, "-wal").exists() {
        // It was not closed: the views are made once more.
        return ["", "-wal", "-shm"].iter().try_for_each(|ending| remove(&beside(next, ending)));
    }
    std::fs::rename(next, views)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// Makes views beside those in use, for the next start; answers from how many events.
pub(super) async fn rebuild_next(
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

pub(super) async fn open_secrets(config: &Config, dir: &DataDir) -> Result<Arc<dyn SecretStore>, StartError> {
    match &config.vault {
        Vault::Embedded { key } => {
            let key = match key {
                None => KeySource::File(dir.file(KEY)),
                Some(SecretSource::File(path)) => KeySource::File(path.clone()),
                Some(SecretSource::Value(value)) => KeySource::Value(value.clone()),
            };
            let opened = SealedSecretStore::open(SealedConfig { path: dir.file(SECRETS), key }).await;
            Ok(Arc::new(opened.map_err(|error| failed(&error, "see what the message says to do"))?))
        }
        Vault::Remote(remote) => Ok(Arc::new(connect(remote).await?)),
    }
}

async fn connect(remote: &RemoteVault) -> Result<VaultSecretStore, StartError> {
    let config = VaultConfig {
        address: remote.address.as_str().trim_end_matches('/').to_owned(),
        mount: remote.mount.clone(),
        namespace: remote.namespace.clone(),
        ca_file: remote.ca_file.clone(),
        login: login(&remote.login)?,
    };
    let connected = VaultSecretStore::connect(config).await;
    connected.map_err(|error| failed(&error, "check the KEYTRAIL_VAULT settings"))
}

fn login(login: &VaultLogin) -> Result<Login, StartError> {
    Ok(match login {
        VaultLogin::Token(SecretSource::Value(token)) => Login::Token(trimmed(token)),
        VaultLogin::Token(SecretSource::File(path)) => Login::TokenFile(path.clone()),
        VaultLogin::AppRole { mount, role_id, secret_id_file } => Login::AppRole {
            mount: mount.clone(),
            role_id: role_id.clone(),
            secret_id_file: secret_id_file.clone(),
        },
        VaultLogin::Kubernetes { mount, role, token_file } => {
            Login::Kubernetes { mount: mount.clone(), role: role.clone(), token_file: token_file.clone() }
        }
    })
}

fn trimmed(token: &SecretValue) -> SecretValue {
    SecretValue::new(token.expose().trim().to_owned())
}
