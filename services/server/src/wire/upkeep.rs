//! Work that is due now and then: the vault learns how far the log is and is swept once a day, each tenant's log
//! learns the policy in force.

use std::time::Duration;

use keytrail_app::{App, Ports};
use keytrail_vault::SweepError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::sweeping::{self, Refusal};

/// How often the vault learns how far the log is, and is swept if that is due.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(600);

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before the policy is recorded again when it could not be.
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
    let mut refusal = Refusal::default();
    remember(&ports).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MARK_EVERY) => {}
        }
        round(&app, &ports, &mut refusal).await;
    }
}

/// What is done each time.
pub(super) async fn round(app: &App, ports: &Ports, refusal: &mut Refusal) {
    remember(ports).await;
    sweeping::sweep_daily(app, ports, refusal).await;
}

/// Tells the vault how far the log is; trouble is only logged, and whoever keeps the log says himself that it is away.
pub(super) async fn remember(ports: &Ports) {
    if ports.log.is_away() {
        tracing::debug!("the vault is not told how far the log is, which is away: next time");
        return;
    }
    // Who stops has little time, and a log that is frozen says nothing.
    let told = match timeout(PATIENCE, mark(ports)).await {
        Ok(told) => told,
        Err(_) => {
            return tracing::debug!("the vault is not told how far the log is, which is silent: next time");
        }
    };
    if let Err(error) = told {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            error,
            "the vault was not told how far the log is: trying again with the next round or start"
        );
    }
}

/// Tells the vault how far the log is.
pub(super) async fn mark(ports: &Ports) -> Result<(), SweepError> {
    keytrail_vault::remember(&*ports.secrets, &*ports.log).await
}
