//! Service accounts and their tokens.

use keytrail_domain::{ServiceAccountId, service_account::ServiceAccountEvent as E};
use keytrail_ports::{
    AuthorityChange,
    views::{ApiTokenRow, ServiceAccountRow, ViewError, ViewTx},
};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let account = fact.event.stream.service_account_id().ok_or_else(|| fact.orphan())?;
    if let E::Created { account, name, description } = event {
        views.put_service_account(&ServiceAccountRow {
            tenant: fact.meta.tenant,
            id: *account,
            name: name.clone(),
            description: description.clone(),
            tokens: Vec::new(),
            created_at: fact.meta.recorded_at,
            created_by: fact.meta.actor.clone(),
            deleted_at: None,
            revision: 1,
        })?;
    } else {
        let row = views.service_account(fact.meta.tenant, account)?;
        let mut row = row.ok_or_else(|| fact.orphan())?;
        row.revision += 1;
        change(&mut row, fact, event);
        views.put_service_account(&row)?;
    }
    fact.changes(authority(account, event), views)
}

fn change(row: &mut ServiceAccountRow, fact: &Fact<'_>, event: &E) {
    let at = fact.meta.recorded_at;
    match event {
        E::TokenCreated { token, name, hash, scopes, expires_at } => row.tokens.push(ApiTokenRow {
            tenant: row.tenant,
            account: row.id,
            id: *token,
            name: name.clone(),
            hash: hash.clone(),
            scopes: scopes.clone(),
            expires_at: *expires_at,
            created_at: at,
            created_by: fact.meta.actor.clone(),
            revoked_at: None,
        }),
        E::TokenRevoked { token } => {
            for known in row.tokens.iter_mut().filter(|known| known.id == *token) {
                known.revoked_at = Some(at);
            }
        }
        E::Deleted {} => {
            row.deleted_at = Some(at);
            for known in row.tokens.iter_mut().filter(|known| known.revoked_at.is_none()) {
                known.revoked_at = Some(at);
            }
        }
        E::Created { .. } => {}
    }
}

fn authority(account: ServiceAccountId, event: &E) -> AuthorityChange {
    match event {
        E::Created { .. } => AuthorityChange::Account { account, present: true },
        E::Deleted {} => AuthorityChange::Account { account, present: false },
        E::TokenCreated { token, expires_at, .. } => {
            AuthorityChange::ApiToken { token: *token, account, until: Some(*expires_at) }
        }
        E::TokenRevoked { token } => AuthorityChange::ApiToken { token: *token, account, until: None },
    }
}
