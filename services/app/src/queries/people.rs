//! The caller, his tenant, its teams and members.

use keytrail_domain::{MemberId, TeamId};
use keytrail_ports::{
    Action, Object,
    views::{MemberRow, TeamMemberRow, TeamRow, TenantRow},
};

use super::paging::{Pager, hash_of};
use crate::{App, AppError, AsOf, Call, Listed, PageArgs, Profile, Viewer, profile};

impl App {
    /// Who is asking.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member.
    pub async fn viewer(&self, call: &Call) -> Result<Viewer, AppError> {
        let tenant = self.tenant(call).await?;
        let member = match call.principal.actor.member() {
            Some(id) => self.ports().views.members_by_id(tenant.id, &[id]).await?.pop(),
            None => None,
        };
        let teams = self.ports().authorizer.teams(&call.principal).await?;
        Ok(Viewer { tenant, member, teams, expires_at: call.principal.expires_at })
    }

    /// The caller's tenant.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member.
    pub async fn tenant(&self, call: &Call) -> Result<TenantRow, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        self.ports().views.tenant(call.principal.tenant).await?.ok_or(AppError::Unauthenticated)
    }

    /// May the caller see the tenant's settings?
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn may_see_settings(&self, call: &Call) -> Result<(), AppError> {
        self.authorize(call, Action::View, Object::Tenant).await
    }

    /// May the caller add members, and so see how to reach them?
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member.
    pub async fn may_manage_members(&self, call: &Call) -> Result<bool, AppError> {
        match self.authorize(call, Action::Create, Object::Member(None)).await {
            Ok(()) => Ok(true),
            Err(AppError::Forbidden | AppError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A page of the tenant's teams.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn teams(&self, call: &Call, page: PageArgs) -> Result<Listed<TeamRow>, AppError> {
        self.authorize(call, Action::View, Object::Team(None)).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"teams") };
        let request = pager.request(&page)?;
        pager.seal(self.ports().views.teams(tenant, request).await?)
    }

    /// One answer per id, in order; deleted teams too, so that history can name them.
    ///
    /// # Errors
    /// As every query.
    pub async fn teams_by_id(&self, call: &Call, ids: &[TeamId]) -> Result<Vec<Option<TeamRow>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let rows = self.ports().views.teams_by_id(call.principal.tenant, ids).await?;
        Ok(ids.iter().map(|id| rows.iter().find(|row| row.id == *id).cloned()).collect())
    }

    /// Who is in a team.
    ///
    /// # Errors
    /// As every query.
    pub async fn team_members(
        &self,
        call: &Call,
        team: TeamId,
        as_of: AsOf,
    ) -> Result<Vec<TeamMemberRow>, AppError> {
        self.authorize(call, Action::View, Object::Team(Some(team))).await?;
        Ok(self.ports().views.team_members(call.principal.tenant, team, as_of.position()).await?)
    }

    /// A page of the tenant's members.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn members(&self, call: &Call, page: PageArgs) -> Result<Listed<MemberRow>, AppError> {
        self.authorize(call, Action::View, Object::Member(None)).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"members") };
        let request = pager.request(&page)?;
        pager.seal(self.ports().views.members(tenant, request).await?)
    }

    /// One answer per id, in order; removed members too, so that history can name them.
    ///
    /// # Errors
    /// As every query.
    pub async fn members_by_id(
        &self,
        call: &Call,
        ids: &[MemberId],
    ) -> Result<Vec<Option<MemberRow>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let rows = self.ports().views.members_by_id(call.principal.tenant, ids).await?;
        Ok(ids.iter().map(|id| rows.iter().find(|row| row.id == *id).cloned()).collect())
    }

    /// A member's name and e-mail; empty when there are none, or when they were erased.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the vault is away.
    pub async fn profile(&self, call: &Call, member: &MemberRow) -> Result<Profile, AppError> {
        if member.tenant != call.principal.tenant {
            return Err(AppError::NotFound);
        }
        self.profile_of(member).await
    }

    pub(crate) async fn profile_of(&self, member: &MemberRow) -> Result<Profile, AppError> {
        let Some(sealed) = &member.profile else { return Ok(Profile::default()) };
        match self.ports().secrets.get(sealed.key).await {
            Ok(key) => profile::open(sealed, member.id, &key),
            Err(keytrail_ports::SecretError::Missing) => Ok(Profile::default()),
            Err(error) => Err(error.into()),
        }
    }
}
