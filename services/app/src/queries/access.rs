//! Who can use what, and how that came about: for those who manage a credential, and for auditors.

use std::collections::BTreeMap;

use keytrail_domain::{
    CredentialId, EnvironmentId, Grantee, Level, MemberId, Owner, Role, TeamId, Timestamp,
};
use keytrail_ports::{Action, AuthorityChange, Object, views::SortKey};
use uuid::Uuid;

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, AsOf, Call, Listed, PageArgs};

/// How somebody comes by a level. Who has several ways has what the highest of them gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It is his own, or the team's.
    Owner,
    /// He is in the team that owns it.
    OwningTeam(TeamId),
    /// He, or the team, was given it.
    Grant,
    /// He is in a team that was given it.
    GrantedTeam(TeamId),
    /// He, or a team of his, holds an environment that it was put into.
    Environment(EnvironmentId),
    /// His role in the tenant; no lease.
    Role(Role),
}

/// One way by which one member, team or service account has a level on a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Who.
    pub who: Grantee,
    /// How.
    pub way: Way,
    /// What.
    pub level: Level,
    /// Until when; none: without end.
    pub until: Option<Timestamp>,
}

impl Access {
    /// Its place in the list: by who, then by how.
    fn place(&self) -> String {
        let way = match self.way {
            Way::Owner => "0".into(),
            Way::OwningTeam(team) => format!("1 {team}"),
            Way::Grant => "2".into(),
            Way::GrantedTeam(team) => format!("3 {team}"),
            Way::Environment(environment) => format!("4 {environment}"),
            Way::Role(_) => "5".into(),
        };
        format!("{} {way}", self.who)
    }
}

impl App {
    /// A page of who can use a credential, or could at a moment.
    ///
    /// # Errors
    /// `FORBIDDEN` for who may view but not manage or audit it now; `NOT_FOUND`, also for a moment
    /// when it did not exist; bad input for page arguments.
    pub async fn credential_access(
        &self,
        call: &Call,
        id: CredentialId,
        moment: Option<Timestamp>,
        page: PageArgs,
    ) -> Result<(AsOf, Listed<Access>), AppError> {
        let (as_of, all) = self.access_at(call, id, moment).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&("access", id, moment)) };
        let request = pager.request(&page)?;
        let mut rows: Vec<_> = all.into_iter().map(|access| (access.place(), access)).collect();
        rows.sort_unstable();
        let rows = rows.into_iter().map(|(place, access)| (SortKey::Text(place, Uuid::nil()), access));
        let listed = pager.seal(part_of(rows.collect(), &request, |key| match key {
            SortKey::Text(place, _) => Some(place.clone()),
            _ => None,
        }))?;
        Ok((as_of, listed))
    }

    /// All of that list, and from where it is seen.
    pub(super) async fn access_at(
        &self,
        call: &Call,
        id: CredentialId,
        moment: Option<Timestamp>,
    ) -> Result<(AsOf, Vec<Access>), AppError> {
        self.authorize(call, Action::ReviewAccess, Object::Credential(id)).await?;
        let tenant = call.principal.tenant;
        let as_of = match moment {
            None => AsOf::Now,
            Some(moment) => self.as_of(tenant, moment).await?.ok_or(AppError::NotFound)?,
        };
        let changes = self.ports().views.access(tenant, id, as_of.position()).await?;
        let rights = Rights::of(&changes, as_of.moment(self.now()));
        let owner = rights.owner.ok_or(AppError::NotFound)?;
        let mut all = rights.all(owner);
        self.without_deleted_ones(call, rights.moment, &mut all).await?;
        Ok((as_of, all))
    }

    /// A team, an environment or a service account that is gone can do nothing with what it was given.
    async fn without_deleted_ones(
        &self,
        call: &Call,
        moment: Timestamp,
        all: &mut Vec<Access>,
    ) -> Result<(), AppError> {
        let (tenant, views) = (call.principal.tenant, &self.ports().views);
        let (mut teams, mut environments, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for access in all.iter() {
            match access.who {
                Grantee::Member(_) => {}
                Grantee::Team(team) => teams.push(team),
                Grantee::Environment(environment) => environments.push(environment),
                Grantee::ServiceAccount(account) => accounts.push(account),
            }
        }
        let ended = |at: Option<Timestamp>| at.is_some_and(|at| at <= moment);
        let mut gone = Vec::new();
        for row in views.teams_by_id(tenant, &teams).await? {
            gone.extend(ended(row.deleted_at).then_some(Grantee::Team(row.id)));
        }
        for row in views.environments_by_id(tenant, &environments).await? {
            gone.extend(ended(row.deleted_at).then_some(Grantee::Environment(row.id)));
        }
        for row in views.service_accounts_by_id(tenant, &accounts).await? {
            gone.extend(ended(row.deleted_at).then_some(Grantee::ServiceAccount(row.id)));
        }
        all.retain(|access| !gone.contains(&access.who));
        Ok(())
    }
}

/// What is in force at a moment.
struct Rights {
    moment: Timestamp,
    owner: Option<Owner>,
    grants: Vec<(Grantee, Level, Option<Timestamp>)>,
    teams: BTreeMap<TeamId, Vec<(MemberId, bool)>>,
    environments: BTreeMap<EnvironmentId, Vec<(Grantee, Option<Timestamp>)>>,
    roles: BTreeMap<MemberId, Role>,
}

impl Rights {
    fn of(changes: &[AuthorityChange], moment: Timestamp) -> Self {
        let mut rights = Self {
            moment,
            owner: None,
            grants: Vec::new(),
            teams: BTreeMap::new(),
            environments: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        for change in changes {
            rights.add(*change);
        }
        rights
    }

    fn add(&mut self, change: AuthorityChange) {
        use AuthorityChange as C;
        match change {
            C::Owned { owner, .. } => self.owner = Some(owner),
            C::Granted { grantee, level: Some((level, until)), .. } => {
                if until.is_none_or(|until| self.moment < until) {
                    self.grants.push((grantee, level, until));
                }
            }
            C::Membership { team, member, lead: Some(lead) } => {
                self.teams.entry(team).or_default().push((member, lead));
            }
            C::Holding { environment, grantee, until: Some(until) } => {
                if until.is_none_or(|until| self.moment < until) {
                    self.environments.entry(environment).or_default().push((grantee, until));
                }
            }
            C::Role { member, role: Some(role) } => drop(self.roles.insert(member, role)),
            C::Granted { level: None, .. }
            | C::Membership { lead: None, .. }
            | C::Role { role: None, .. }
            | C::TeamGone { .. }
            | C::Account { .. }
            | C::ApiToken { .. }
            | C::Holding { until: None, .. }
            | C::EnvironmentGone { .. }
            | C::CredentialGone { .. } => {}
        }
    }

    /// Every way of everybody who is there. A team's own row says what each of its members has.
    fn all(&self, owner: Owner) -> Vec<Access> {
        let level = match owner {
            Owner::Member(_) => Level::OF_OWNER,
            Owner::Team(_) => Level::of_owning_team(false),
        };
        let mut all = vec![Access { who: owner.into(), way: Way::Owner, level, until: None }];
        if let Owner::Team(team) = owner {
            all.extend(self.members(team).map(|(who, lead)| {
                let level = Level::of_owning_team(lead);
                Access { who, way: Way::OwningTeam(team), level, until: None }
            }));
        }
        for &(who, level, until) in &self.grants {
            all.push(Access { who, way: Way::Grant, level, until });
            if let Grantee::Team(team) = who {
                let way = Way::GrantedTeam(team);
                all.extend(self.members(team).map(|(who, _)| Access { who, way, level, until }));
            }
            if let Grantee::Environment(environment) = who {
                all.extend(self.by_environment(environment, level, until));
            }
        }
        all.extend(self.roles.iter().filter_map(|(member, role)| {
            let who = Grantee::Member(*member);
            role.level().map(|level| Access { who, way: Way::Role(*role), level, until: None })
        }));
        all.retain(|access| self.is_there(access.who));
        all
    }

    /// What its holders have by an environment, and the members of teams among them; each once, with the
    /// latest end.
    fn by_environment(
        &self,
        environment: EnvironmentId,
        level: Level,
        until: Option<Timestamp>,
    ) -> impl Iterator<Item = Access> {
        let way = Way::Environment(environment);
        let mut latest: BTreeMap<Grantee, Option<Timestamp>> = BTreeMap::new();
        for &(holder, end) in self.environments.get(&environment).into_iter().flatten() {
            let mut everybody = vec![holder];
            if let Grantee::Team(team) = holder {
                everybody.extend(self.members(team).map(|(member, _)| member));
            }
            let end = [until, end].into_iter().flatten().min();
            for who in everybody {
                let known = latest.entry(who).or_insert(end);
                *known = known.zip(end).map(|(known, end)| known.max(end));
            }
        }
        latest.into_iter().map(move |(who, until)| Access { who, way, level, until })
    }

    fn members(&self, team: TeamId) -> impl Iterator<Item = (Grantee, bool)> {
        let members = self.teams.get(&team).into_iter().flatten();
        members.map(|(member, lead)| (Grantee::Member(*member), *lead))
    }

    /// What a removed member was given counts for nothing.
    fn is_there(&self, who: Grantee) -> bool {
        match who {
            Grantee::Member(member) => self.roles.contains_key(&member),
            Grantee::Team(_) | Grantee::ServiceAccount(_) | Grantee::Environment(_) => true,
        }
    }
}
