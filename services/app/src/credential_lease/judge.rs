//! Tokens that the vault keeps are revoked when the right to them is lost: the vault does not know our rights.
//! What this process keeps itself is judged when it is used.

use std::time::Duration;

use keytrail_domain::{Principal, StreamId, lease::LeaseCommand};
use keytrail_ports::views::{ConsumerRow, OpenLease};
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, Call, Tenure, execute::Execution, idempotency::principal_key};

/// Between two looks at what is open.
const EVERY: Duration = Duration::from_secs(1);
/// Consumers looked at together: those whose tokens end first.
const MOST: u32 = 10_000;
/// The part of Keytrail that revokes.
const NAME: &str = "leases";

impl App {
    /// Looks again and again at the tokens that are out, until `stop`.
    pub(crate) async fn judge_leases(&self, tenure: &Tenure, stop: &CancellationToken) {
        loop {
            if let Err(error) = self.judge_open_leases(tenure).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "open leases cannot be judged: trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn judge_open_leases(&self, tenure: &Tenure) -> Result<(), AppError> {
        let now = self.now();
        for row in self.ports().views.open_leases(now, MOST).await? {
            for lease in row.open.iter().filter(|lease| now < lease.until) {
                tenure.check()?;
                // One that cannot be judged keeps nobody from the others.
                if let Err(error) = self.judge_lease(&row, lease).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(lease = %lease.lease, error, "a lease cannot be judged: trying again");
                }
            }
        }
        Ok(())
    }

    async fn judge_lease(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<(), AppError> {
        match self.counts_still(row, lease).await? {
            true => Ok(()),
            false => self.revoke_lease(row, lease).await,
        }
    }

    async fn counts_still(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<bool, AppError> {
        if !self.may_lease_still(row.tenant, row.credential, &lease.consumer).await? {
            return Ok(false);
        }
        let credential = self.ports().views.credentials_by_id(row.tenant, &[row.credential]).await?.pop();
        let current = |row: &keytrail_ports::views::CredentialRow| {
            row.versions.last().map(|version| version.number) == Some(lease.version)
        };
        let good = credential.filter(|row| !row.suspended && row.deleted_at.is_none() && !row.purged);
        Ok(good.is_some_and(|row| current(&row)))
    }

    /// The vault first: what is written down as revoked is.
    async fn revoke_lease(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<(), AppError> {
        self.ports().secrets.revoke(&lease.accessor).await?;
        let call = Call { principal: Principal::internal(row.tenant, NAME), correlation: self.fresh_id() };
        let stream = StreamId::lease(row.tenant, row.credential, self.now());
        let command = LeaseCommand::Revoke { lease: lease.lease, consumer: principal_key(&row.consumer) };
        let execution = Execution {
            call: &call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((lease.event, "revoked")),
            fresh: false,
            from: 0,
        };
        self.write_down(execution, command).await.map(drop)
    }
}
