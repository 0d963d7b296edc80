//! OAuth clients.

use async_trait::async_trait;
use keytrail_domain::{OAuthClientId, TenantId};
use keytrail_ports::views::{OAuthClientRow, OAuthClientTx, OAuthClientViews, ViewError};
use rusqlite::{Connection, params};

use super::{SqliteViews, doc, thing::Tenant, tx::Tx};
use crate::{column::run, fault::Fault};

fn put(inside: &Connection, Tenant(tenant): Tenant, row: &OAuthClientRow) -> Result<(), Fault> {
    let put = "REPLACE INTO oauth_clients (tenant, id, present, doc) VALUES (?, ?, ?, ?)";
    let id = row.id.as_uuid().into_bytes();
    run(inside, put, params![tenant, id, row.deleted_at.is_none(), doc::write(row)?])?;
    Ok(())
}

fn one(
    connection: &Connection,
    Tenant(tenant): Tenant,
    id: OAuthClientId,
) -> Result<Option<OAuthClientRow>, Fault> {
    let find = "SELECT doc FROM oauth_clients WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant, id.as_uuid().into_bytes()])
}

impl OAuthClientTx for Tx<'_> {
    fn put_oauth_client(&mut self, row: &OAuthClientRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(put(self.inside, tenant, row))
    }

    fn oauth_client(
        &mut self,
        tenant: TenantId,
        id: OAuthClientId,
    ) -> Result<Option<OAuthClientRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(one(self.inside, tenant, id))
    }
}

#[async_trait]
impl OAuthClientViews for SqliteViews {
    async fn oauth_client(
        &self,
        tenant: TenantId,
        id: OAuthClientId,
    ) -> Result<Option<OAuthClientRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| one(connection, tenant, id)).await
    }

    async fn oauth_clients(&self, tenant: TenantId) -> Result<Vec<OAuthClientRow>, ViewError> {
        self.read_of(tenant, |connection, Tenant(tenant)| {
            let find = "SELECT doc FROM oauth_clients WHERE tenant = ? AND present = 1 ORDER BY id";
            doc::all(connection, find, [tenant], |row| doc::read(row, 0))
        })
        .await
    }
}
