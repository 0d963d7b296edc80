//! Changes of the tenant.

use async_graphql::{Context, InputObject, Object, Result};
use keytrail_app::TenantUpdate;

use super::Tenant;
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, revision},
    payload::payload,
};

/// Settings that change; what is not given stays.
#[derive(InputObject, Clone)]
pub struct UpdateTenantInput {
    /// What people call it.
    pub name: Option<String>,
    /// Days that a deleted credential can be restored, 1 to 3650.
    pub restore_days: Option<u32>,
    /// Days before a credential's end at which an alert says so: at most ten, each 1 to 365.
    pub expiry_days: Option<Vec<u32>>,
    /// Let connections that a bad credential disconnected come back by themselves when their credentials
    /// are well again.
    pub reconnect_on_recovery: Option<bool>,
    /// Only when the tenant is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The changed tenant.
    UpdateTenantPayload {
        /// The tenant.
        tenant: Tenant
    }
}

/// Changes of the tenant.
#[derive(Default)]
pub struct TenantMutation;

#[Object]
impl TenantMutation {
    /// Change the tenant's settings.
    async fn update_tenant(
        &self,
        ctx: &Context<'_>,
        input: UpdateTenantInput,
    ) -> Result<UpdateTenantPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateTenant", input.idempotency_key.clone(), &input);
        let expected = revision(input.expected_revision)?;
        let app = app(ctx)?;
        let update = TenantUpdate {
            name: input.name,
            restore_days: input.restore_days,
            expiry_days: input.expiry_days,
            reconnect: input.reconnect_on_recovery,
            expected_revision: expected,
        };
        let done = app.update_tenant(&call, mutation, update).await.or_fail(ctx)?;
        let tenant = Tenant(app.tenant(&call).await.or_fail(ctx)?);
        Ok(UpdateTenantPayload::new(&done, Some(tenant)))
    }
}
