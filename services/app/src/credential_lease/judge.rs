//! Tokens that the vault keeps are revoked when the right to them is lost: the vault does not know our rights.
//! What this process keeps itself is judged when it is used.

use std::time::Duration;

use keytrail_domain::{Principal, StreamId, lease::LeaseCommand};
use keytrail_ports::views::{ConsumerRow, OpenLease};
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, Call, Tenure, execute::Execution, failing::Failing, idempotency::principal_key};

/// Between two looks at what is open.
const EVERY: Duration = Duration::from_secs(1);
/// Consumers looked at together: those whose tokens end first.
const MOST: u32 = 10_000;
/// The part of Keytrail that revokes.
const NAME: &str = "leases";

impl App {
    /// Looks again and again at the tokens that are out, until `stop`.
    pub(crate) async fn judge_leases(&self, tenure: &Tenure, stop: &CancellationToken) {
        let mut failing = Failing::new("judging open leases");
        loop {
            match self.judge_open_leases(tenure).await {
                Ok(()) => failing.works(),
                Err(error) => failing.failed(&error),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// All tokens are revoked before the first is written down: that waits for others who write. One that
    /// cannot be judged holds back nobody.
    async fn judge_open_leases(&self, tenure: &Tenure) -> Result<(), AppError> {
        let (now, mut revoked) = (self.now(), Vec::new());
        let rows = self.ports().views.open_leases(now, MOST).await?;
        for row in &rows {
            for lease in row.open.iter().filter(|lease| now < lease.until) {
                tenure.check()?;
                match self.revoke_unless_it_counts(row, lease).await {
                    Ok(true) => revoked.push((row, lease)),
                    Ok(false) => {}
                    Err(error) => warn(lease, &error),
                }
            }
        }
        for (row, lease) in revoked {
            tenure.check()?;
            if let Err(error) = self.note_revoked(row, lease).await {
                warn(lease, &error);
            }
        }
        Ok(())
    }

    async fn revoke_unless_it_counts(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<bool, AppError> {
        if self.counts_still(row, lease).await? {
            return Ok(false);
        }
        self.ports().secrets.revoke(&lease.accessor).await?;
        Ok(true)
    }

    async fn counts_still(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<bool, AppError> {
        if !self.may_lease_still(row.tenant, row.credential, &lease.consumer).await? {
            return Ok(false);
        }
        let credential = self.ports().views.credentials_by_id(row.tenant, &[row.credential]).await?.pop();
        let now = self.now();
        let good = credential.filter(|row| !row.is_frozen() && row.deleted_at.is_none() && !row.purged);
        Ok(good.is_some_and(|row| row.is_leasable(lease.version, now)))
    }

    /// After the vault did it: what is written down as revoked is.
    async fn note_revoked(&self, row: &ConsumerRow, lease: &OpenLease) -> Result<(), AppError> {
        let call = Call { principal: Principal::internal(row.tenant, NAME), correlation: self.fresh_id() };
        let stream = StreamId::lease(row.tenant, row.credential, self.now());
        let command = LeaseCommand::Revoke { lease: lease.lease, consumer: principal_key(&row.consumer) };
        let execution = Execution {
            call: &call,
            expected_revision: None,
            idempotency: None,
            cause: Some((lease.event, "revoked")),
            fresh: false,
            from: self.shown_revision(&stream).await?,
            stream,
        };
        self.write_down(execution, command).await.map(drop)
    }
}

fn warn(lease: &OpenLease, error: &AppError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(lease = %lease.lease, error, "a lease cannot be judged: trying again");
}
