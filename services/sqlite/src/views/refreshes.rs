//! Whose next access token is to be got.

use async_trait::async_trait;
use keytrail_domain::{CredentialId, TenantId, Timestamp};
use keytrail_ports::views::{RefreshTx, RefreshViews, ViewError};
use rusqlite::params;
use uuid::Uuid;

use super::{SqliteViews, doc, thing::Tenant, tx::Tx};
use crate::column::run;

impl RefreshTx for Tx<'_> {
    fn put_refresh(
        &mut self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Timestamp>,
    ) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let id = credential.as_uuid().into_bytes();
        let done = match at {
            Some(at) => {
                let put = "REPLACE INTO refreshes (tenant, credential, at) VALUES (?, ?, ?)";
                run(self.inside, put, params![tenant, id, at.as_micros()])
            }
            None => {
                let gone = "DELETE FROM refreshes WHERE tenant = ? AND credential = ?";
                run(self.inside, gone, params![tenant, id])
            }
        };
        self.told(done.map(|_| ()))
    }
}

#[async_trait]
impl RefreshViews for SqliteViews {
    async fn refreshes_due(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TenantId, CredentialId)>, ViewError> {
        self.read(move |connection| {
            let find = "SELECT tenants.id, refreshes.credential FROM refreshes \
                        JOIN tenants ON tenants.number = refreshes.tenant \
                        WHERE refreshes.at <= ? ORDER BY refreshes.at LIMIT ?";
            doc::all(connection, find, params![now.as_micros(), most], |row| {
                let tenant = TenantId::from_uuid(Uuid::from_bytes(row.get(0)?));
                Ok((tenant, CredentialId::from_uuid(Uuid::from_bytes(row.get(1)?))))
            })
        })
        .await
    }
}
