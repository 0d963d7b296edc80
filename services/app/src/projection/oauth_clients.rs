//! OAuth clients.

use keytrail_domain::{
    SecretRef,
    oauth_client::{ClientAuthentication, OAuthClientEvent as E},
};
use keytrail_ports::views::{OAuthClientRow, ViewError, ViewTx};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let tenant = fact.meta.tenant;
    let id = fact.event.stream.oauth_client_id().ok_or_else(|| fact.orphan())?;
    let before = views.oauth_client(tenant, id)?;
    let old = before.as_ref().and_then(|row| row.secret);
    let row = evolve(before, fact, event).ok_or_else(|| fact.orphan())?;
    remember(old, row.secret, fact, views)?;
    views.put_oauth_client(&row)
}

/// What is of no use any more is left to the sweep.
fn remember(
    old: Option<SecretRef>,
    new: Option<SecretRef>,
    fact: &Fact<'_>,
    views: &mut dyn ViewTx,
) -> Result<(), ViewError> {
    let tenant = fact.meta.tenant;
    if let Some(secret) = new {
        views.add_secret(tenant, secret)?;
    }
    match old.filter(|old| Some(*old) != new) {
        Some(secret) => views.drop_secret(tenant, secret),
        None => Ok(()),
    }
}

fn evolve(before: Option<OAuthClientRow>, fact: &Fact<'_>, event: &E) -> Option<OAuthClientRow> {
    let at = fact.meta.recorded_at;
    if let E::Created { client, client_id, settings, secret } = event {
        return Some(OAuthClientRow {
            tenant: fact.meta.tenant,
            id: *client,
            client_id: client_id.clone(),
            settings: settings.clone(),
            secret: *secret,
            users: std::collections::BTreeSet::new(),
            created_at: at,
            created_by: fact.meta.actor.clone(),
            updated_at: at,
            deleted_at: None,
            revision: 1,
        });
    }
    let mut row = before?;
    match event {
        E::Reserved { credential } => {
            row.users.insert(*credential);
            return Some(row);
        }
        E::Released { credential } => {
            row.users.remove(credential);
            return Some(row);
        }
        E::Changed { settings } => {
            row.settings.clone_from(settings);
            row.secret = row.secret.filter(|_| settings.authentication != ClientAuthentication::None);
        }
        E::SecretReplaced { secret } => row.secret = Some(*secret),
        E::Deleted {} => {
            row.secret = None;
            row.deleted_at = Some(at);
        }
        E::Created { .. } => {}
    }
    row.updated_at = at;
    row.revision += 1;
    Some(row)
}
