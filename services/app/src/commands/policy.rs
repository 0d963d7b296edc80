//! The policy in force is a fact in each tenant's log.

use keytrail_domain::{Principal, StreamId, TenantId, policy::Policy};

use crate::{App, AppError, Call, execute::Execution};

/// Who records it.
const NAME: &str = "policy";

impl App {
    /// Records the policy in force for every tenant whose last record says otherwise.
    ///
    /// # Errors
    /// `UNAVAILABLE` when log or vault are away: the tenants before have theirs.
    pub async fn record_policy(&self) -> Result<(), AppError> {
        for tenant in self.ports().views.tenants().await? {
            self.record_policy_of(tenant).await?;
        }
        Ok(())
    }

    pub(super) async fn record_policy_of(&self, tenant: TenantId) -> Result<(), AppError> {
        let call = Call { principal: Principal::internal(tenant, NAME), correlation: self.fresh_id() };
        let execution = Execution {
            call: &call,
            stream: StreamId::policy(tenant),
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        self.execute::<Policy>(execution, |_| Ok(self.0.options.policy.clone())).await?;
        Ok(())
    }
}
