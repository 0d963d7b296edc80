//! Hiding secrets that no event names.
//!
//! A secret is written before the event that names it, so a crash in between leaves litter. The
//! sweep must never take anything else: it hides and does not destroy, it leaves whatever is
//! younger than a day alone (an event comes at most 60 seconds after its secret), and it refuses
//! to run against another log than the one that this vault belongs to, or an older copy of it.

use keytrail_domain::{Position, SecretRef, Timestamp};
use keytrail_ports::{DeploymentMark, EventStore, LogError, SecretError, SecretStore};
use uuid::Uuid;

/// What is younger is left alone: 24 hours.
const GRACE_SECONDS: i64 = 24 * 60 * 60;

/// What a sweep needs to know.
pub struct SweepRequest<'a> {
    /// The log that this vault should belong to.
    pub log: &'a dyn EventStore,
    /// Does an event name this place? Must know every event up to the log's end.
    pub is_known: &'a (dyn Fn(SecretRef) -> bool + Sync),
    /// The present moment.
    pub now: Timestamp,
    /// Really hide, or only look.
    pub mode: SweepMode,
}

/// Whether a sweep changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepMode {
    /// Only tell what would be hidden.
    DryRun,
    /// Hide it.
    Hide,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Secrets that events name.
    pub named: usize,
    /// Secrets that no event names, but too young to tell.
    pub young: usize,
    /// Secrets that were hidden, or would be.
    pub swept: Vec<SecretRef>,
}

/// Why nothing (more) was swept.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Nobody has said which log this vault belongs to.
    #[error("the vault does not know which event log it belongs to")]
    NoMark,
    /// The vault belongs to another log.
    #[error("the vault belongs to event log {vault}, and this one is {log}")]
    AnotherLog {
        /// The log that the vault knows.
        vault: Uuid,
        /// The log that was given.
        log: Uuid,
    },
    /// The log is an older copy: events that name secrets are missing.
    #[error("the event log ends before the last position that the vault has seen: it is an older copy")]
    LogBehind {
        /// What the vault has seen.
        seen: Position,
        /// Where the log ends.
        head: Option<Position>,
    },
    /// The log is an older copy that has grown since: it has another event where the vault saw one.
    #[error(
        "the event log has another event at the last position that the vault has seen: it is an older copy"
    )]
    AnotherPast {
        /// Where.
        seen: Position,
    },
    /// The vault.
    #[error("the vault could not be swept")]
    Store(#[from] SecretError),
    /// The log.
    #[error("the event log does not answer")]
    Log(#[from] LogError),
}

/// Hides every secret that no event names and that is older than 24 hours.
///
/// # Errors
/// [`SweepError`]; except with `Store` and `Log`, nothing was changed.
pub async fn sweep(store: &dyn SecretStore, request: SweepRequest<'_>) -> Result<SweepReport, SweepError> {
    let mark = store.deployment().await?.ok_or(SweepError::NoMark)?;
    agree(mark, request.log).await?;
    let mut report = SweepReport::default();
    for tenant in store.tenants().await? {
        for stored in store.list(tenant).await? {
            if (request.is_known)(stored.at) {
                report.named += 1;
            } else if stored.written.plus_seconds(GRACE_SECONDS) >= request.now {
                report.young += 1;
            } else {
                if request.mode == SweepMode::Hide {
                    store.delete(stored.at).await?;
                }
                report.swept.push(stored.at);
            }
        }
    }
    Ok(report)
}

/// Tells the vault which log it belongs to and how far that log has come; never back.
///
/// # Errors
/// [`SweepError`] when the vault belongs to another log, has seen a later position or another event
/// there; the mark is then as before.
pub async fn remember(store: &dyn SecretStore, log: &dyn EventStore) -> Result<(), SweepError> {
    let Some(position) = log.head().await? else { return Ok(()) };
    let mark = DeploymentMark { log_id: log.log_id().await?, position, event: log.event_at(position).await? };
    match store.deployment().await? {
        Some(known) if known == mark => return Ok(()),
        Some(known) => agree(known, log).await?,
        None => {}
    }
    Ok(store.set_deployment(mark).await?)
}

/// Lets the vault belong to this log, as far as it has come, whatever it belonged to before: for who knows that the
/// other one is gone.
///
/// # Errors
/// [`SweepError::Store`] and [`SweepError::Log`]; the mark is then as before.
pub async fn claim(store: &dyn SecretStore, log: &dyn EventStore) -> Result<(), SweepError> {
    let log_id = log.log_id().await?;
    let position = log.head().await?;
    let event = match position {
        Some(position) => log.event_at(position).await?,
        None => None,
    };
    let position = position.unwrap_or(Position::START);
    Ok(store.set_deployment(DeploymentMark { log_id, position, event }).await?)
}

/// Whether this vault belongs to a log, or to none yet, and the log holds all that the vault has seen of it.
///
/// # Errors
/// [`SweepError`] says why it does not.
pub async fn belongs(store: &dyn SecretStore, log: &dyn EventStore) -> Result<(), SweepError> {
    match store.deployment().await? {
        Some(mark) => agree(mark, log).await,
        None => Ok(()),
    }
}

/// An older copy of a log has the same id, and grows past the mark in time: only the event at the
/// mark tells them apart.
async fn agree(mark: DeploymentMark, log: &dyn EventStore) -> Result<(), SweepError> {
    let (log_id, head) = (log.log_id().await?, log.head().await?);
    if mark.log_id != log_id {
        return Err(SweepError::AnotherLog { vault: mark.log_id, log: log_id });
    }
    if head.unwrap_or(Position::START) < mark.position {
        return Err(SweepError::LogBehind { seen: mark.position, head });
    }
    let here = log.event_at(mark.position).await?;
    if mark.event.is_some() && mark.event != here {
        return Err(SweepError::AnotherPast { seen: mark.position });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
