//! Environments, and who holds them.

use keytrail_domain::{EnvironmentId, Grantee, environment::EnvironmentEvent as E};
use keytrail_ports::{
    AuthorityChange,
    views::{EnvironmentRow, EnvironmentShareRow, ViewError, ViewTx},
};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let (id, at) = (fact.event.stream.environment_id().ok_or_else(|| fact.orphan())?, fact.meta.recorded_at);
    if let E::Created { environment, name, description, team } = event {
        views.put_environment(&EnvironmentRow {
            tenant: fact.meta.tenant,
            id: *environment,
            name: name.clone(),
            description: description.clone(),
            team: *team,
            shares: Vec::new(),
            connections: Vec::new(),
            created_at: at,
            created_by: fact.meta.actor.clone(),
            updated_at: at,
            deleted_at: None,
            revision: 1,
        })?;
    } else {
        let mut row = views.environment(fact.meta.tenant, id)?.ok_or_else(|| fact.orphan())?;
        row.revision += 1;
        row.updated_at = at;
        change(&mut row, fact, event);
        views.put_environment(&row)?;
    }
    match authority(id, event) {
        Some(change) => fact.changes(change, views),
        None => Ok(()),
    }
}

fn change(row: &mut EnvironmentRow, fact: &Fact<'_>, event: &E) {
    let at = fact.meta.recorded_at;
    match event {
        E::Renamed { name } => row.name.clone_from(name),
        E::DescriptionChanged { description } => row.description.clone_from(description),
        E::Shared { grantee, expires_at } => {
            row.shares.retain(|share| share.grantee != *grantee);
            row.shares.push(EnvironmentShareRow { grantee: *grantee, since: at, expires_at: *expires_at });
        }
        E::ShareRevoked { grantee } => row.shares.retain(|share| share.grantee != *grantee),
        E::ConnectionAdded { connection } => row.connections.push(*connection),
        E::ConnectionRemoved { connection } => row.connections.retain(|known| known != connection),
        E::Deleted {} => row.deleted_at = Some(at),
        E::Created { .. } => {}
    }
}

/// Its team holds it from the beginning.
fn authority(environment: EnvironmentId, event: &E) -> Option<AuthorityChange> {
    let holding = |grantee, until| Some(AuthorityChange::Holding { environment, grantee, until });
    match event {
        E::Created { team, .. } => holding(Grantee::Team((*team)?), Some(None)),
        E::Shared { grantee, expires_at } => holding(*grantee, Some(*expires_at)),
        E::ShareRevoked { grantee } => holding(*grantee, None),
        E::Deleted {} => Some(AuthorityChange::EnvironmentGone { environment }),
        E::Renamed { .. }
        | E::DescriptionChanged { .. }
        | E::ConnectionAdded { .. }
        | E::ConnectionRemoved { .. } => None,
    }
}
