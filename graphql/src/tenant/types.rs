//! The tenant and the viewer.

use async_graphql::{Context, ID, Object, Result};
use keytrail_app::Viewer as AppViewer;
use keytrail_domain::Who;
use keytrail_ports::views::TenantRow;

use crate::{
    context::{app, caller},
    enums::Role,
    error::OrFail,
    member::Member,
    scalar::DateTime,
    service_account::ServiceAccount,
    team::Team,
};

/// One customer organisation. Nothing crosses its boundary.
#[derive(Clone, Debug)]
pub struct Tenant(pub TenantRow);

#[Object]
impl Tenant {
    /// Global id, `ten_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Short name.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Days that a deleted credential can be restored. For OWNER, ADMIN and AUDITOR.
    async fn restore_days(&self, ctx: &Context<'_>) -> Result<Option<u32>> {
        let call = caller(ctx).await?;
        app(ctx)?.may_see_settings(&call).await.or_fail(ctx)?;
        Ok(Some(self.0.restore_days))
    }

    /// Days before a credential's end at which an alert says so, largest first. For OWNER, ADMIN and
    /// AUDITOR.
    async fn expiry_days(&self, ctx: &Context<'_>) -> Result<Option<Vec<u32>>> {
        let call = caller(ctx).await?;
        app(ctx)?.may_see_settings(&call).await.or_fail(ctx)?;
        Ok(Some(self.0.expiry_days.clone()))
    }

    /// Whether connections that a bad credential disconnected come back by themselves when their
    /// credentials are well again. For OWNER, ADMIN and AUDITOR.
    async fn reconnect_on_recovery(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        let call = caller(ctx).await?;
        app(ctx)?.may_see_settings(&call).await.or_fail(ctx)?;
        Ok(Some(self.0.reconnect))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}

/// Who is asking.
pub struct Viewer(pub(crate) AppViewer);

/// A team of the viewer.
pub struct ViewerTeam {
    id: keytrail_domain::TeamId,
    lead: bool,
}

#[Object]
impl Viewer {
    /// His tenant.
    async fn tenant(&self) -> Tenant {
        Tenant(self.0.tenant.clone())
    }

    /// Himself, if he is a person.
    async fn member(&self) -> Option<Member> {
        self.0.member.clone().map(Member)
    }

    /// The service account, if he is one.
    async fn service_account(&self, ctx: &Context<'_>) -> Result<Option<ServiceAccount>> {
        match caller(ctx).await?.principal.actor.who {
            Who::ServiceAccount(id) => ServiceAccount::load(ctx, id).await,
            Who::Member(_) | Who::System(_) => Ok(None),
        }
    }

    /// His role, if he is a person.
    async fn role(&self) -> Option<Role> {
        self.0.member.as_ref().map(|member| member.role.into())
    }

    /// The teams that he is in.
    async fn teams(&self) -> Vec<ViewerTeam> {
        self.0.teams.iter().map(|(id, lead)| ViewerTeam { id: *id, lead: *lead }).collect()
    }

    /// When his token ends.
    async fn token_expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }
}

#[Object]
impl ViewerTeam {
    /// The team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        Team::load(ctx, self.id).await
    }

    /// The viewer leads it.
    async fn lead(&self) -> bool {
        self.lead
    }
}
