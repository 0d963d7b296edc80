//! Work that is due now and then: the vault learns how far the log is and is swept once a day, each tenant's log
//! learns the policy in force.

use std::time::Duration;

use keytrail_app::{App, Ports};
use keytrail_vault::SweepError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::sweeping::{self, Refusal};
use crate::lifecycle::Lifecycle;

/// How often the vault learns how far the log is, and is swept if that is due.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(600);

/// How long a stop waits for the vault to learn how far the log is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before the policy is recorded again, or the vault asked, when it could not be.
const RECORD_AGAIN: Duration = Duration::from_secs(10);

/// Records the policy in force for all tenants, once, however often it takes.
pub(super) async fn record_policy(app: App, stop: CancellationToken) {
    let recording = async {
        app.caught_up().await;
        while let Err(error) = app.record_policy().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "policy not recorded: trying again");
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = recording => {}
    }
}

/// Until `stop`. At first the vault only learns how far the log is: a sweep is no part of a start.
pub(super) async fn run(app: App, ports: Ports, stop: CancellationToken) {
    let working = async {
        let mut refusal = Refusal::default();
        remember(&app, &ports).await;
        loop {
            tokio::time::sleep(MARK_EVERY).await;
            round(&app, &ports, &mut refusal).await;
        }
    };
    // What is cut off in the middle is done by the next one.
    tokio::select! {
        () = stop.cancelled() => {}
        never = working => match never {},
    }
}

/// What is done each time.
pub(super) async fn round(app: &App, ports: &Ports, refusal: &mut Refusal) {
    remember(app, ports).await;
    sweeping::sweep_daily(app, ports, refusal).await;
}

/// Tells the vault how far the log is; trouble is only logged, and whoever keeps the log says himself that it is away.
pub(super) async fn remember(app: &App, ports: &Ports) {
    // The vault would take an older copy for the log, and refuse the right one when it is back.
    if app.is_astray() {
        return;
    }
    if let Err(error) = mark(ports).await {
        let error = &error as &dyn std::error::Error;
        match ports.log.is_away() {
            true => tracing::debug!(error, "the vault was not told how far the log is, which is away"),
            false => tracing::warn!(error, "the vault was not told how far the log is: trying again later"),
        }
    }
}

/// The same for who stops: he has little time, and the next start does it anyway.
pub(super) async fn remember_soon(app: &App, ports: &Ports) {
    if ports.log.is_away() || timeout(PATIENCE, remember(app, ports)).await.is_err() {
        tracing::debug!("the vault is not told how far the log is: the next start does it");
    }
}

/// Until the vault has answered once: whether it belongs to this log is not known before. When it does not, the
/// process stops, and the next start says what to do.
pub(super) async fn agree_with_vault(ports: Ports, life: Lifecycle, stop: CancellationToken) {
    let asking = async {
        while let Err(error) = keytrail_vault::belongs(&*ports.secrets, &*ports.log).await {
            if !matches!(error, SweepError::Store(_) | SweepError::Log(_)) {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the vault belongs to another log");
                return life.fail("the log of this vault");
            }
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = asking => {}
    }
}

/// Tells the vault how far the log is.
pub(super) async fn mark(ports: &Ports) -> Result<(), SweepError> {
    keytrail_vault::remember(&*ports.secrets, &*ports.log).await
}
