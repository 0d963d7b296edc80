//! Who leases credentials.

use async_trait::async_trait;
use keytrail_domain::{CredentialId, TenantId, Timestamp};
use keytrail_ports::views::{ConsumerRow, LeaseTx, LeaseViews, ViewError};
use rusqlite::{Connection, params};

use super::{SqliteViews, doc, events::who, thing::Tenant, tx::Tx};
use crate::{column::run, fault::Fault};

fn put(inside: &Connection, Tenant(tenant): Tenant, row: &ConsumerRow) -> Result<(), Fault> {
    let until = row.open.iter().map(|lease| lease.until.as_micros()).max().unwrap_or(i64::MIN);
    let put = "REPLACE INTO lease_consumers (tenant, credential, consumer, at, until, doc) VALUES (?, ?, ?, ?, ?, ?)";
    let (id, at) = (row.credential.as_uuid().into_bytes(), row.last_leased_at.as_micros());
    run(inside, put, params![tenant, id, who(&row.consumer), at, until, doc::write(row)?]).map(|_| ())
}

impl LeaseTx for Tx<'_> {
    fn put_consumer(&mut self, row: &ConsumerRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(put(self.inside, tenant, row))
    }

    fn consumer(
        &mut self,
        tenant: TenantId,
        credential: CredentialId,
        consumer: &str,
    ) -> Result<Option<ConsumerRow>, ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let find = "SELECT doc FROM lease_consumers WHERE tenant = ? AND credential = ? AND consumer = ?";
        let values = params![tenant, credential.as_uuid().into_bytes(), consumer];
        self.told(doc::find(self.inside, find, values))
    }
}

#[async_trait]
impl LeaseViews for SqliteViews {
    async fn consumers(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        most: u32,
    ) -> Result<Vec<ConsumerRow>, ViewError> {
        self.read_of(tenant, move |connection, Tenant(tenant)| {
            let find = "SELECT doc FROM lease_consumers WHERE tenant = ? AND credential = ? \
                        ORDER BY at DESC, consumer LIMIT ?";
            let values = params![tenant, credential.as_uuid().into_bytes(), most];
            doc::all(connection, find, values, |row| doc::read(row, 0))
        })
        .await
    }

    async fn open_leases(&self, now: Timestamp, most: u32) -> Result<Vec<ConsumerRow>, ViewError> {
        self.read(move |connection| {
            let find = "SELECT doc FROM lease_consumers WHERE until > ? ORDER BY until LIMIT ?";
            doc::all(connection, find, params![now.as_micros(), most], |row| doc::read(row, 0))
        })
        .await
    }
}
