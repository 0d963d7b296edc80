//! Webhook endpoints.

use keytrail_domain::webhook::{RetiringSecret, WebhookEndpointEvent as E};
use keytrail_ports::views::{ViewError, ViewTx, WebhookEndpointRow};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let tenant = fact.meta.tenant;
    let id = fact.event.stream.webhook_endpoint_id().ok_or_else(|| fact.orphan())?;
    let before = views.webhook_endpoint(tenant, id)?;
    if let E::Created { secret, .. } | E::SecretRotated { secret, .. } = event {
        views.add_secret(tenant, *secret)?;
    }
    // A secret that signs nothing any more is left to the sweep.
    if let Some(row) = &before {
        let retiring = row.retiring.map(|old| old.secret);
        match event {
            E::SecretRotated { .. } => {
                retiring.into_iter().try_for_each(|old| views.drop_secret(tenant, old))?
            }
            E::Deleted {} => {
                let all = retiring.into_iter().chain([row.secret]);
                all.into_iter().try_for_each(|old| views.drop_secret(tenant, old))?;
            }
            _ => {}
        }
    }
    views.put_webhook_endpoint(&evolve(before, fact, event).ok_or_else(|| fact.orphan())?)
}

fn evolve(before: Option<WebhookEndpointRow>, fact: &Fact<'_>, event: &E) -> Option<WebhookEndpointRow> {
    let at = fact.meta.recorded_at;
    if let E::Created { endpoint, team, settings, secret } = event {
        return Some(WebhookEndpointRow {
            tenant: fact.meta.tenant,
            id: *endpoint,
            team: *team,
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
        E::Changed { settings } => {
            // What failed at another address says nothing of this one.
            if settings.url != row.settings.url {
                row.enabled_at = at;
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
