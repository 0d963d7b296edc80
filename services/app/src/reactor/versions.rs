//! What follows for secret versions: the one before is retired some minutes after everybody has leased the newer one,
//! and the secrets of a purged credential are destroyed.

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, Principal, RecordedEvent, SecretRef, StreamId, StreamKind, TenantId,
    credential::{Credential, CredentialCommand, CredentialEvent as E, Health, RetirementReason},
    lease::{LeaseEvent, MOST_SECONDS},
};
use keytrail_ports::{
    SecretError,
    views::{ConsumerRow, CredentialRow},
};

use super::follow::Reactor;
use crate::{App, AppError, Call, Tenure, credential_lease::MOST_CONSUMERS, execute::Execution};

/// Events of a credential that are read at once.
const PAGE: usize = 1_000;

/// By then every token of the version before that somebody got before he leased the newer one has been used or is
/// over; and of several that lease under one name, the others have had time to come, too.
const GRACE_SECONDS: i64 = MOST_SECONDS as i64;

/// Retires versions that nobody leases any more, some minutes behind the log.
pub(super) struct Retirement {
    pub(super) app: App,
    pub(super) tenure: Tenure,
}

#[async_trait]
impl Reactor for Retirement {
    fn name(&self) -> &'static str {
        "retirement"
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() != StreamKind::Lease {
            return Ok(false);
        }
        let (Some(id), LeaseEvent::Leased { version, .. }) = (event.stream.credential_id(), event.decode()?)
        else {
            return Ok(false);
        };
        self.app.until(event.meta()?.recorded_at.plus_seconds(GRACE_SECONDS)).await;
        self.tenure.check()?;
        self.app.retire_what_all_left(event, (event.stream.tenant_id(), id), version).await
    }
}

/// Destroys what a purge leaves in the vault.
pub(super) struct Purge(pub(super) App);

#[async_trait]
impl Reactor for Purge {
    fn name(&self) -> &'static str {
        "purge"
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() != StreamKind::Credential || !matches!(event.decode()?, E::Purged {}) {
            return Ok(false);
        }
        if let Some(id) = event.stream.credential_id() {
            self.0.release_clients(event, id).await?;
        }
        for secret in self.0.secrets_of(&event.stream).await? {
            self.0.forget_fingerprint(secret).await?;
            self.0.destroy_for_good(secret).await?;
        }
        Ok(true)
    }
}

impl App {
    /// One that is gone already needs no more. One that cannot be destroyed will never be otherwise, and must not hold back
    /// what others end.
    pub(crate) async fn destroy_for_good(&self, secret: SecretRef) -> Result<(), AppError> {
        match self.ports().secrets.destroy(secret).await {
            Ok(()) | Err(SecretError::Missing) => Ok(()),
            Err(error @ SecretError::Corrupt(_)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(?secret, error, "a secret cannot be destroyed: end it in the vault by hand");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// True when a version was retired. Who has lost the right to lease holds none back.
    async fn retire_what_all_left(
        &self,
        event: &RecordedEvent,
        (tenant, id): (TenantId, CredentialId),
        leased: u32,
    ) -> Result<bool, AppError> {
        self.views_at(event.position).await?;
        let Some(row) = self.ports().views.credentials_by_id(tenant, &[id]).await?.pop() else {
            return Ok(false);
        };
        let current = row.current_version();
        let overlapping = overlapping(&row, self.now());
        // While nothing proves the newer one, the one before is the way back.
        if leased != current || overlapping.is_empty() || row.health != Health::Valid {
            return Ok(false);
        }
        let consumers = self.ports().views.consumers(tenant, id, MOST_CONSUMERS).await?;
        // Those that are not shown leased longer ago: some may be on an old version.
        if consumers.len() >= MOST_CONSUMERS as usize {
            return Ok(false);
        }
        // Who moved a moment ago may hold a token of the version before: his own lease brings us here again.
        let settled = self.now().plus_seconds(-GRACE_SECONDS);
        let has_moved = |row: &ConsumerRow| row.version == current && row.on_version_since <= settled;
        for consumer in consumers.iter().filter(|consumer| !has_moved(consumer)) {
            if self.may_lease_still(tenant, id, &consumer.consumer).await? {
                return Ok(false);
            }
        }
        let call = Call {
            principal: Principal::internal(tenant, "retirement"),
            correlation: event.meta()?.correlation,
        };
        for version in overlapping {
            let what = format!("retired/{version}");
            let execution = Execution {
                call: &call,
                stream: StreamId::credential(tenant, id),
                expected_revision: None,
                idempotency: None,
                cause: Some((event.id, &what)),
                fresh: false,
                from: 0,
            };
            let command =
                CredentialCommand::Retire { version, reason: RetirementReason::AllMoved, now: self.now() };
            self.execute::<Credential>(execution, |now| match now.live() {
                Some(state) if state.version == leased => Ok(command.clone()),
                // It was rotated or rolled back meanwhile: another lease will tell.
                _ => Err(AppError::conflict("another version counts by now")),
            })
            .await
            .map(drop)
            .or_else(of_another_time)?;
        }
        Ok(true)
    }

    /// Where every secret version lies that the credential ever had.
    async fn secrets_of(&self, stream: &StreamId) -> Result<Vec<SecretRef>, AppError> {
        let (mut secrets, mut from) = (Vec::new(), 0);
        loop {
            let page = self.ports().log.read_stream(stream, from, PAGE).await?;
            for event in &page {
                from = event.revision + 1;
                match event.decode()? {
                    E::Created { secret, .. } | E::SecretRotated { secret, .. } => secrets.push(secret),
                    E::Authorized { authorization } => secrets.extend(authorization.refresh),
                    E::TokenRefreshed { secret, refresh, .. } => {
                        secrets.extend(std::iter::once(secret).chain(refresh));
                    }
                    _ => {}
                }
            }
            if page.len() < PAGE {
                return Ok(secrets);
            }
        }
    }
}

fn overlapping(row: &CredentialRow, now: keytrail_domain::Timestamp) -> Vec<u32> {
    let current = row.current_version();
    let before = row.versions.iter().filter(|version| version.number < current && version.is_leasable(now));
    before.map(|version| version.number).collect()
}

fn of_another_time(error: AppError) -> Result<(), AppError> {
    match error {
        AppError::Conflict { .. } | AppError::Refused { .. } | AppError::NotFound => Ok(()),
        error => Err(error),
    }
}
