//! Service accounts and their tokens.

use async_trait::async_trait;
use keytrail_domain::{ServiceAccountId, TenantId, TokenId};
use keytrail_ports::views::{AccountTx, AccountViews, ApiTokenRow, ServiceAccountRow, ViewError};
use rusqlite::{Connection, params};

use super::{SqliteViews, doc, thing::Tenant, tx::Tx};
use crate::{column::run, fault::Fault};

fn put(inside: &Connection, Tenant(tenant): Tenant, row: &ServiceAccountRow) -> Result<(), Fault> {
    let put = "REPLACE INTO service_accounts (tenant, id, present, doc) VALUES (?, ?, ?, ?)";
    let id = row.id.as_uuid().into_bytes();
    run(inside, put, params![tenant, id, row.deleted_at.is_none(), doc::write(row)?])?;
    // What changes of a token later is in the authority.
    for token in &row.tokens {
        let add = "INSERT OR IGNORE INTO api_tokens (id, doc) VALUES (?, ?)";
        run(inside, add, params![token.id.as_uuid().into_bytes(), doc::write(token)?])?;
    }
    Ok(())
}

fn one(
    connection: &Connection,
    Tenant(tenant): Tenant,
    id: ServiceAccountId,
) -> Result<Option<ServiceAccountRow>, Fault> {
    let find = "SELECT doc FROM service_accounts WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant, id.as_uuid().into_bytes()])
}

impl AccountTx for Tx<'_> {
    fn put_service_account(&mut self, row: &ServiceAccountRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(put(self.inside, tenant, row))
    }

    fn service_account(
        &mut self,
        tenant: TenantId,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccountRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(one(self.inside, tenant, id))
    }
}

#[async_trait]
impl AccountViews for SqliteViews {
    async fn service_accounts_by_id(
        &self,
        tenant: TenantId,
        ids: &[ServiceAccountId],
    ) -> Result<Vec<ServiceAccountRow>, ViewError> {
        let ids = ids.to_vec();
        self.read_of(tenant, move |connection, tenant| {
            ids.iter().filter_map(|id| one(connection, tenant, *id).transpose()).collect()
        })
        .await
    }

    async fn service_accounts(&self, tenant: TenantId) -> Result<Vec<ServiceAccountRow>, ViewError> {
        self.read_of(tenant, |connection, Tenant(tenant)| {
            let find = "SELECT doc FROM service_accounts WHERE tenant = ? AND present = 1 ORDER BY id";
            doc::all(connection, find, [tenant], |row| doc::read(row, 0))
        })
        .await
    }

    async fn api_token(&self, id: TokenId) -> Result<Option<ApiTokenRow>, ViewError> {
        let find = "SELECT doc FROM api_tokens WHERE id = ?";
        self.read(move |connection| doc::find(connection, find, [id.as_uuid().into_bytes()])).await
    }
}
