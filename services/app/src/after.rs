//! Reading what was written elsewhere: a query waits until this node's views have come so far.

use std::time::Duration;

use keytrail_domain::{EventId, Position, TenantId};

use crate::{App, AppError, Call, cursor::Cursor};

/// How callers name the position that they have seen.
const HEADER: &str = "Keytrail-After";
/// How long a query waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

impl App {
    /// Waits until the views show a position that a payload gave. One of another log, such as the one
    /// that this was copied from, is found by its event.
    ///
    /// # Errors
    /// [`AppError::Behind`] after two seconds; bad input for a text that is no position of this tenant.
    pub async fn wait_for(&self, call: &Call, position: &str) -> Result<(), AppError> {
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        match Cursor::open(position, HEADER, tenant, &key)? {
            Cursor::Log(log, position, _) if log == self.0.log_id => self.shows(position).await,
            Cursor::Log(_, _, event) => self.shows_event(tenant, event).await,
            Cursor::List(..) => Err(AppError::bad_input(HEADER, "must be the position of an answer")),
        }
    }

    /// Waits until the views show a position.
    ///
    /// # Errors
    /// [`AppError::Behind`] after two seconds.
    pub async fn shows(&self, position: Position) -> Result<(), AppError> {
        if self.0.progress.wait(position, PATIENCE).await { Ok(()) } else { Err(AppError::Behind) }
    }

    async fn shows_event(&self, tenant: TenantId, event: EventId) -> Result<(), AppError> {
        let shown = async {
            let mut steps = self.0.progress.steps();
            while self.ports().views.event(tenant, event).await?.is_none() {
                // The sender lives as long as we do.
                let _ = steps.changed().await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, shown).await.unwrap_or(Err(AppError::Behind))
    }
}
