//! Teams.

use keytrail_domain::{TeamId, team::TeamEvent};
use keytrail_ports::{
    AuthorityChange,
    views::{TeamRow, ViewError, ViewTx},
};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &TeamEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    if let TeamEvent::Created { team, name } = event {
        return views.put_team(&TeamRow {
            tenant: fact.meta.tenant,
            id: *team,
            name: name.clone(),
            created_at: fact.meta.recorded_at,
            deleted_at: None,
            revision: 1,
        });
    }
    let team = fact.event.stream.team_id().ok_or_else(|| fact.orphan())?;
    let mut row = views.team(fact.meta.tenant, team)?.ok_or_else(|| fact.orphan())?;
    row.revision += 1;
    match event {
        TeamEvent::Renamed { name } => row.name.clone_from(name),
        TeamEvent::Deleted {} => row.deleted_at = Some(fact.meta.recorded_at),
        _ => {}
    }
    if let Some(change) = authority(team, event) {
        fact.changes(change, views)?;
    }
    views.put_team(&row)
}

fn authority(team: TeamId, event: &TeamEvent) -> Option<AuthorityChange> {
    match event {
        TeamEvent::MemberAdded { member, lead } | TeamEvent::LeadChanged { member, lead } => {
            Some(AuthorityChange::Membership { team, member: *member, lead: Some(*lead) })
        }
        TeamEvent::MemberRemoved { member } => {
            Some(AuthorityChange::Membership { team, member: *member, lead: None })
        }
        TeamEvent::Deleted {} => Some(AuthorityChange::TeamGone { team }),
        TeamEvent::Created { .. } | TeamEvent::Renamed { .. } => None,
    }
}
