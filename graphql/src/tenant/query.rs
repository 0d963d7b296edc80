//! Questions about the caller and his tenant.

use async_graphql::{Context, Object, Result};

use super::{Tenant, Viewer};
use crate::{
    context::{app, caller},
    error::OrFail,
};

/// The caller and his tenant.
#[derive(Default)]
pub struct TenantQuery;

#[Object]
impl TenantQuery {
    /// Who is asking.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let call = caller(ctx).await?;
        Ok(Viewer(app(ctx)?.viewer(&call).await.or_fail(ctx)?))
    }

    /// The viewer's tenant.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Tenant> {
        let call = caller(ctx).await?;
        Ok(Tenant(app(ctx)?.tenant(&call).await.or_fail(ctx)?))
    }
}
