//! Members and actors.

use async_graphql::{Context, Enum, ID, Object, Result};
use keytrail_app::{AppError, Profile};
use keytrail_domain::{Actor as DomainActor, MemberId, Who};
use keytrail_ports::views::MemberRow;

use crate::{
    context::{app, caller},
    enums::Role,
    error::OrFail,
    loader::load,
    scalar::DateTime,
};

/// A person in the tenant. A removed member stays, so that history can name him.
#[derive(Clone, Debug)]
pub struct Member(pub MemberRow);

impl Member {
    /// The member with this id, present or removed.
    pub(crate) async fn load(ctx: &Context<'_>, id: MemberId) -> Result<Option<Self>> {
        Ok(load(ctx, id).await?.map(Self))
    }
}

#[Object]
impl Member {
    /// Global id, `mem_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What people call him: his display name, else (also while the vault is away) his subject.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        let call = caller(ctx).await?;
        let profile = match app(ctx)?.profile(&call, &self.0).await {
            // Names stand beside most answers: reading goes on without the vault.
            Err(AppError::Unavailable { .. }) => Profile::default(),
            opened => opened.or_fail(ctx)?,
        };
        Ok(profile.display_name.unwrap_or_else(|| self.0.subject.clone()))
    }

    /// E-mail address; for himself and for those who manage members.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let call = caller(ctx).await?;
        let own = call.principal.actor.member() == Some(self.0.id);
        if !own && !app(ctx)?.may_manage_members(&call).await.or_fail(ctx)? {
            return Ok(None);
        }
        Ok(app(ctx)?.profile(&call, &self.0).await.or_fail(ctx)?.email)
    }

    /// Who vouches for him.
    async fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Who he is there.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// His role in the tenant.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Since when.
    async fn added_at(&self) -> DateTime {
        self.0.added_at.into()
    }

    /// Until when, if he was removed.
    async fn removed_at(&self) -> Option<DateTime> {
        self.0.removed_at.map(DateTime)
    }
}

/// What kind of actor did something.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    Member,
    /// A non-human member.
    ServiceAccount,
    /// Keytrail itself, or an operator on its machine.
    System,
}

/// Who did something.
pub struct Actor(pub DomainActor);

#[Object]
impl Actor {
    /// What kind of actor.
    async fn kind(&self) -> ActorKind {
        match self.0.who {
            Who::Member(_) => ActorKind::Member,
            Who::ServiceAccount(_) => ActorKind::ServiceAccount,
            Who::System(_) => ActorKind::System,
        }
    }

    /// The person, if it was one.
    async fn member(&self, ctx: &Context<'_>) -> Result<Option<Member>> {
        match self.0.who {
            Who::Member(id) => Member::load(ctx, id).await,
            _ => Ok(None),
        }
    }

    /// The part of Keytrail, or the id of the service account, if it was no person.
    async fn name(&self) -> Option<String> {
        match &self.0.who {
            Who::Member(_) => None,
            Who::ServiceAccount(id) => Some(id.to_string()),
            Who::System(name) => Some(name.clone()),
        }
    }
}
