//! Hiding secrets that no event names: when an operator asks, and once a day.

use std::collections::HashSet;

use keytrail_app::{App, AppError, Ports};
use keytrail_domain::{SecretId, TenantId, Timestamp};
use keytrail_ports::{Clock, JournalError};
use keytrail_vault::{SweepError, SweepMode, SweepReport, SweepRequest};

use super::upkeep;

/// The journal's mark: when the vault was swept last. *Format*.
const LAST: &str = "vault-sweep";
/// How long after the last sweep the next one is due.
const DAY: i64 = 86_400;
/// What an operator can do about a refusal.
pub(super) const HINT: &str = "restore the event log and the vault from the same backup; nothing was swept";

/// Why nothing (more) was swept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSwept {
    /// The vault, or what it knows of the log.
    #[error(transparent)]
    Vault(#[from] SweepError),
    /// The log or the views.
    #[error(transparent)]
    App(#[from] AppError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl NotSwept {
    /// A sweep would be wrong, today and until somebody mends it; anything else passes by itself.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Vault(
                SweepError::NoMark
                    | SweepError::AnotherLog { .. }
                    | SweepError::LogBehind { .. }
                    | SweepError::AnotherPast { .. }
            )
        )
    }
}

/// When it was last said that the daily sweep is refused.
#[derive(Default)]
pub(super) struct Refusal {
    said: Option<Timestamp>,
}

impl Refusal {
    /// Once a day; from `now` on it counts as said.
    fn is_to_say(&mut self, now: Timestamp) -> bool {
        let fresh = self.said.is_some_and(|said| said <= now && now < said.plus_seconds(DAY));
        if !fresh {
            self.said = Some(now);
        }
        !fresh
    }
}

/// Hides what no event names, or only counts it.
pub(super) async fn sweep(app: &App, ports: &Ports, mode: SweepMode) -> Result<SweepReport, NotSwept> {
    app.must_be_current()?;
    upkeep::mark(ports).await?;
    let head = ports.log.head().await.map_err(AppError::from)?;
    // What no view knows yet is not litter.
    if let Some(head) = head {
        app.shows(head).await?;
    }
    let known = named_secrets(ports).await?;
    let request = SweepRequest {
        log: &*ports.log,
        // A secret's note by its fingerprint has the secret's own id.
        is_known: &|secret| known.contains(&(secret.tenant, secret.secret)),
        now: ports.clock.now(),
        mode,
    };
    let report = keytrail_vault::sweep(&*ports.secrets, request).await?;
    if mode == SweepMode::Hide
        && let Err(error) = set_last(ports).await
    {
        // The sweep is done all the same; the next one only comes too early.
        tracing::warn!(error = &error as &dyn std::error::Error, "swept, but the time is not noted");
    }
    Ok(report)
}

async fn named_secrets(ports: &Ports) -> Result<HashSet<(TenantId, SecretId)>, AppError> {
    let mut known = HashSet::new();
    for tenant in ports.views.tenants().await? {
        known.extend(ports.views.known_secrets(tenant).await?.into_iter().map(|at| (at.tenant, at.secret)));
    }
    Ok(known)
}

/// Sweeps if the last sweep is a day ago. A vault that was never swept has its first sweep a day
/// after somebody first asked, so that it is no part of a start. A refusal is tried again each time,
/// but said once a day.
pub(super) async fn sweep_daily(app: &App, ports: &Ports, refusal: &mut Refusal) {
    match sweep_if_due(app, ports).await {
        Ok(None) => {}
        Ok(Some(SweepReport { named, young, swept })) => {
            tracing::info!(named, young, hidden = swept.len(), "the vault was swept");
        }
        Err(error) if error.is_refusal() => {
            if refusal.is_to_say(ports.clock.now()) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the daily sweep is refused: {HINT}"
                );
            }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not swept: trying again");
        }
    }
}

async fn sweep_if_due(app: &App, ports: &Ports) -> Result<Option<SweepReport>, NotSwept> {
    if !is_due(ports).await? {
        return Ok(None);
    }
    match sweep(app, ports, SweepMode::Hide).await {
        // The vault knows no log as long as the log has no event.
        Err(NotSwept::Vault(SweepError::NoMark)) => Ok(None),
        swept => swept.map(Some),
    }
}

async fn is_due(ports: &Ports) -> Result<bool, JournalError> {
    let now = ports.clock.now();
    let last = ports.journal.mark(LAST).await?;
    match last.and_then(|last| serde_json::from_slice::<Timestamp>(&last.value).ok()) {
        Some(last) if last <= now => Ok(last.plus_seconds(DAY) <= now),
        // Never swept, or by a clock that was wrong: counting begins now.
        Some(_) | None => set_last(ports).await.map(|()| false),
    }
}

async fn set_last(ports: &Ports) -> Result<(), JournalError> {
    let now =
        serde_json::to_vec(&ports.clock.now()).map_err(|error| JournalError::Corrupt(error.to_string()))?;
    ports.journal.set_mark(LAST, now).await
}

#[cfg(test)]
mod tests;
