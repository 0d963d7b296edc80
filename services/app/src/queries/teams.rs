//! What a team has as a team, whoever is in it: for its webhook endpoints and its flows.

use keytrail_domain::{Grantee, Level, Owner, TeamId, Timestamp};
use keytrail_ports::views::{CredentialRow, EnvironmentRow};

use crate::{App, AppError};

impl App {
    /// The highest level that every member of a team has on a credential now: by owning it, by a grant, or
    /// by an environment that the team holds.
    pub(crate) async fn team_level(
        &self,
        row: &CredentialRow,
        team: TeamId,
    ) -> Result<Option<Level>, AppError> {
        let now = self.now();
        let mut grants = self.ports().views.grants(row.tenant, row.id, None).await?;
        grants.retain(|grant| in_force(grant.expires_at, now));
        let environment = |grantee| match grantee {
            Grantee::Environment(environment) => Some(environment),
            Grantee::Member(_) | Grantee::Team(_) | Grantee::ServiceAccount(_) => None,
        };
        let ids: Vec<_> = grants.iter().filter_map(|grant| environment(grant.grantee)).collect();
        let held = match ids.is_empty() {
            true => Vec::new(),
            false => self.ports().views.environments_by_id(row.tenant, &ids).await?,
        };
        let has = |grantee: Grantee| match grantee {
            Grantee::Team(known) => known == team,
            Grantee::Environment(id) => held.iter().any(|row| row.id == id && is_held_by(row, team, now)),
            Grantee::Member(_) | Grantee::ServiceAccount(_) => false,
        };
        let granted = grants.iter().filter(|grant| has(grant.grantee)).map(|grant| grant.level).max();
        Ok(granted.max((row.owner == Owner::Team(team)).then_some(Level::of_owning_team(false))))
    }
}

/// Whether something with this end is so now.
pub(crate) fn in_force(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until)
}

/// Whether all of a team hold an environment.
fn is_held_by(row: &EnvironmentRow, team: TeamId, now: Timestamp) -> bool {
    holders(row, now).any(|holder| holder == Grantee::Team(team))
}

/// Who holds an environment now.
pub(crate) fn holders(row: &EnvironmentRow, now: Timestamp) -> impl Iterator<Item = Grantee> {
    let shares = row.shares.iter().filter(move |share| in_force(share.expires_at, now));
    let all = row.team.map(Grantee::Team).into_iter().chain(shares.map(|share| share.grantee));
    all.filter(|_| row.deleted_at.is_none())
}
