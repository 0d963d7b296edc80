//! Webhook endpoints.

use keytrail_domain::{
    SecretRef,
    webhook::{EndpointTarget, RetiringSecret, WebhookEndpointEvent as E},
};
use keytrail_ports::views::{ViewError, ViewTx, WebhookEndpointRow};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let tenant = fact.meta.tenant;
    let id = fact.event.stream.webhook_endpoint_id().ok_or_else(|| fact.orphan())?;
    let before = views.webhook_endpoint(tenant, id)?;
    let (secret, target) = named(event);
    for secret in secret.into_iter().chain(target.and_then(|target| target.at)) {
        views.add_secret(tenant, secret)?;
    }
    // What is of no use any more is left to the sweep.
    for secret in before.iter().flat_map(|row| outlived(row, event)) {
        views.drop_secret(tenant, secret)?;
    }
    views.put_webhook_endpoint(&evolve(before, fact, event).ok_or_else(|| fact.orphan())?)
}

/// What an event says is in the vault from now on.
fn named(event: &E) -> (Option<SecretRef>, Option<&EndpointTarget>) {
    match event {
        E::Created { secret, target, .. } => (Some(*secret), Some(target)),
        E::SecretRotated { secret, .. } => (Some(*secret), None),
        E::Changed { target, .. } => (None, target.as_ref()),
        _ => (None, None),
    }
}

fn outlived(row: &WebhookEndpointRow, event: &E) -> Vec<SecretRef> {
    let retiring = row.retiring.map(|old| old.secret);
    match event {
        E::SecretRotated { .. } => retiring.into_iter().collect(),
        E::Changed { target: Some(_), .. } => row.target.at.into_iter().collect(),
        E::Deleted {} => retiring.into_iter().chain([row.secret]).chain(row.target.at).collect(),
        _ => Vec::new(),
    }
}

fn evolve(before: Option<WebhookEndpointRow>, fact: &Fact<'_>, event: &E) -> Option<WebhookEndpointRow> {
    let at = fact.meta.recorded_at;
    if let E::Created { endpoint, team, target, settings, secret } = event {
        return Some(WebhookEndpointRow {
            tenant: fact.meta.tenant,
            id: *endpoint,
            team: *team,
            target: target.clone(),
            settings: settings.clone(),
            secret: *secret,
            retiring: None,
            disabled: None,
            enabled_at: at,
            created_at: at,
            created_by: fact.meta.actor.clone(),
            created: fact.event.position,
            deleted_at: None,
            revision: 1,
        });
    }
    let mut row = before?;
    match event {
        E::Changed { target, settings } => {
            // What failed at another address says nothing of this one.
            if let Some(target) = target.as_ref().filter(|target| **target != row.target) {
                row.enabled_at = at;
                row.target = target.clone();
            }
            row.settings.clone_from(settings);
        }
        E::SecretRotated { secret, previous_until } => {
            row.retiring = Some(RetiringSecret { secret: row.secret, until: *previous_until });
            row.secret = *secret;
        }
        E::Disabled { reason } => row.disabled = Some((*reason, at)),
        E::Enabled {} => {
            row.disabled = None;
            row.enabled_at = at;
        }
        E::Deleted {} => row.deleted_at = Some(at),
        E::TestRequested {} | E::RedeliveryRequested { .. } | E::ReplayRequested { .. } => return Some(row),
        E::Created { .. } => {}
    }
    row.revision += 1;
    Some(row)
}
