//! A service account as callers see it.

use async_graphql::{Context, Enum, ID, Object, Result};
use keytrail_domain::{Scope as DomainScope, ServiceAccountId};
use keytrail_ports::views::{ApiTokenRow, ServiceAccountRow};

use crate::{
    context::{app, caller},
    error::OrFail,
    scalar::DateTime,
};

/// A non-human member: a flow's runtime, a build. It has what is granted to it and nothing else. A deleted one
/// stays, so that history can name it.
#[derive(Clone, Debug)]
pub struct ServiceAccount(Box<ServiceAccountRow>);

impl From<ServiceAccountRow> for ServiceAccount {
    fn from(row: ServiceAccountRow) -> Self {
        Self(Box::new(row))
    }
}

impl ServiceAccount {
    /// The account with this id, present or deleted.
    pub(crate) async fn load(ctx: &Context<'_>, id: ServiceAccountId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.service_account(&call, id).await.or_fail(ctx)?.map(Self::from))
    }
}

#[Object]
impl ServiceAccount {
    /// Global id, `svc_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique in the tenant.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Its API tokens, oldest first; never what they are. Null for who is no OWNER, ADMIN or AUDITOR.
    #[graphql(complexity = "4 * child_complexity + 1")]
    async fn tokens(&self, ctx: &Context<'_>) -> Result<Option<Vec<ApiToken>>> {
        let call = caller(ctx).await?;
        let seen = app(ctx)?.sees_tokens(&call).await.or_fail(ctx)?;
        Ok(seen.then(|| self.0.tokens.iter().cloned().map(ApiToken).collect()))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}

/// What an API token may be used for.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "DomainScope")]
pub enum Scope {
    /// Queries and subscriptions.
    Read,
    /// `verifyCredential`.
    Verify,
    /// `leaseCredential`.
    Lease,
    /// Every other mutation.
    Write,
}

/// A token of a service account, without the token.
pub struct ApiToken(ApiTokenRow);

#[Object]
impl ApiToken {
    /// Its id, `tok_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may be used for.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes.iter().map(|scope| (*scope).into()).collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Until when it is good; null: until it is revoked.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When it was last used, to about a minute; null when it never was.
    async fn last_used_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        Ok(app(ctx)?.token_last_used(self.0.id).await.or_fail(ctx)?.map(DateTime))
    }

    /// When it was revoked, by hand or with its account.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}
