//! Connections.

use keytrail_domain::{
    EventMeta,
    connection::{ConnectionEvent as E, ConnectionState, Mover},
};
use keytrail_ports::views::{ConnectionRow, StateChangeRow, ViewError, ViewTx};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let id = fact.event.stream.connection_id().ok_or_else(|| fact.orphan())?;
    let before = views.connection(fact.meta.tenant, id)?;
    views.put_connection(&evolve(before, fact.meta, event).ok_or_else(|| fact.orphan())?)
}

/// The row after one more fact; none when the fact is about nothing.
fn evolve(before: Option<ConnectionRow>, meta: &EventMeta, event: &E) -> Option<ConnectionRow> {
    let mut row = match event {
        E::Created { .. } => return created(meta, event),
        _ => before?,
    };
    if event.counts_as_change() {
        row.revision += 1;
        row.updated_at = meta.recorded_at;
    }
    apply(&mut row, meta, event);
    Some(row)
}

fn created(meta: &EventMeta, event: &E) -> Option<ConnectionRow> {
    let E::Created {
        connection,
        tenant,
        name,
        description,
        url,
        component,
        owner,
        management,
        metadata,
        labels,
        credentials,
        state,
    } = event.clone()
    else {
        return None;
    };
    let at = meta.recorded_at;
    Some(ConnectionRow {
        tenant,
        id: connection,
        name,
        description,
        url,
        component,
        owner,
        management,
        metadata,
        labels,
        credentials,
        state,
        state_change: None,
        before_deletion: None,
        disconnected_by: None,
        created_at: at,
        created_by: meta.actor.clone(),
        updated_at: at,
        revision: 1,
    })
}

fn apply(row: &mut ConnectionRow, meta: &EventMeta, event: &E) {
    match event {
        E::Renamed { name } => row.name.clone_from(name),
        E::LabelsChanged { labels } => row.labels.clone_from(labels),
        E::DetailsChanged { description, url, metadata } => {
            row.description.clone_from(description);
            row.url.clone_from(url);
            row.metadata.clone_from(metadata);
        }
        E::CredentialAttached { credential, .. } => row.credentials.push(*credential),
        E::CredentialDetached { credential } => row.credentials.retain(|known| known != credential),
        E::CredentialReplaced { from, to } => {
            keytrail_domain::connection::replace(&mut row.credentials, *from, *to);
            row.disconnected_by = row.disconnected_by.filter(|by| by != from);
        }
        E::StateChanged { from, to, mover, reason, credential, verification } => {
            row.before_deletion = (*to == ConnectionState::Deleted).then_some(*from);
            let by_itself = *mover == Mover::Automatic && *to == ConnectionState::Disconnected;
            row.disconnected_by = credential.filter(|_| by_itself);
            row.state = *to;
            row.state_change = Some(StateChangeRow {
                at: meta.recorded_at,
                by: meta.actor.clone(),
                mover: *mover,
                reason: reason.clone(),
                credential: *credential,
                verification: *verification,
            });
        }
        E::Transferred { to, .. } => row.owner = *to,
        E::Restored { state, credentials, verification } => {
            row.state = *state;
            row.credentials.clone_from(credentials);
            row.before_deletion = None;
            row.state_change = Some(StateChangeRow {
                at: meta.recorded_at,
                by: meta.actor.clone(),
                mover: Mover::User,
                reason: None,
                credential: None,
                verification: *verification,
            });
        }
        E::Created { .. } => {}
    }
}
