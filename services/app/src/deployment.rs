//! What the vault remembers of the log, so that a sweep never runs against another or older one.

use std::time::Duration;

use keytrail_ports::DeploymentMark;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError};

/// How often the highest position is remembered.
const EVERY: Duration = Duration::from_secs(600);
/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(30);

impl App {
    /// Remembers log and position in the vault now and then, until `stop`.
    pub async fn run_deployment_mark(&self, stop: CancellationToken) {
        loop {
            let wait = match self.mark_deployment().await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the vault could not be marked");
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Remembers how far the log is. A mark of another log, or of a longer one, stays: it says that
    /// one of the two stores was replaced.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn mark_deployment(&self) -> Result<(), AppError> {
        let Some(position) = self.ports().log.head().await? else { return Ok(()) };
        let mark = DeploymentMark { log_id: self.0.log_id, position };
        match self.ports().secrets.deployment().await? {
            Some(known) if known.log_id != mark.log_id => {
                tracing::error!("the vault belongs to another event log: it will not be swept");
                Ok(())
            }
            Some(known) if known.position > mark.position => {
                tracing::error!("the event log is older than the vault: it will not be swept");
                Ok(())
            }
            Some(known) if known == mark => Ok(()),
            _ => Ok(self.ports().secrets.set_deployment(mark).await?),
        }
    }
}
