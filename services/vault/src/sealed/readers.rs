//! Reading, on threads for blocking work and on connections of its own.

use std::{path::Path, sync::Arc};

use keytrail_domain::{SecretId, SecretRef, TenantId, Timestamp};
use keytrail_ports::{DeploymentMark, SecretError, StoredSecret};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::{sync::Semaphore, task::spawn_blocking};
use uuid::Uuid;

use super::{
    OpenError,
    envelope::Envelope,
    error::{self, of_database},
    file,
    key::KeyId,
};

/// Reads at once; more only wait for the same disk.
const CONNECTIONS: usize = 4;
/// Name of the deployment mark's row.
pub(super) const DEPLOYMENT: &str = "deployment";

/// Connections that only read, each used by one call at a time.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let idle = (0..CONNECTIONS).map(|_| file::open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Runs `work` on a thread for blocking work.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| error::closed())?;
        let this = Arc::clone(self);
        let task = spawn_blocking(move || {
            let connection = this.idle.lock().pop().ok_or_else(error::closed)?;
            let found = work(&connection);
            this.idle.lock().push(connection);
            // The permit belongs to the thread: a caller that gave up does not free the connection.
            drop(permit);
            found
        });
        task.await.map_err(|_| error::closed())?
    }
}

/// The row of a live secret.
pub(super) fn envelope(connection: &Connection, at: SecretRef) -> Result<Envelope, SecretError> {
    let read =
        |row: &Row<'_>| Ok(Envelope { kek: KeyId(row.get(0)?), wrapped: row.get(1)?, sealed: row.get(2)? });
    connection
        .prepare_cached(
            "SELECT kek, wrapped, sealed FROM secrets
             WHERE tenant = ?1 AND owner = ?2 AND secret = ?3 AND state = 0",
        )
        .and_then(|mut query| {
            let place = (at.tenant.as_uuid(), at.owner, at.secret.as_uuid());
            query.query_row((place.0.as_bytes(), place.1.as_bytes(), place.2.as_bytes()), read).optional()
        })
        .map_err(|fault| match fault.sqlite_error_code() {
            // The row is there, but not of the right shape.
            None => error::corrupt(at),
            Some(_) => of_database(&fault),
        })?
        .ok_or(SecretError::Missing)
}

/// Jumps from one tenant to the next instead of reading every row.
pub(super) fn tenants(connection: &Connection) -> Result<Vec<TenantId>, SecretError> {
    connection
        .prepare_cached(
            "WITH RECURSIVE each (tenant) AS (
                 SELECT min(tenant) FROM secrets
                 UNION ALL
                 SELECT (SELECT min(tenant) FROM secrets WHERE tenant > each.tenant)
                 FROM each WHERE tenant IS NOT NULL
             )
             SELECT tenant FROM each WHERE tenant IS NOT NULL",
        )
        .and_then(|mut query| query.query_map([], |row| uuid(row, 0).map(TenantId::from_uuid))?.collect())
        .map_err(|fault| of_database(&fault))
}

/// The live secrets of a tenant.
pub(super) fn list(connection: &Connection, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError> {
    let read = |row: &Row<'_>| {
        let secret = SecretId::from_uuid(uuid(row, 1)?);
        let at = SecretRef { tenant, owner: uuid(row, 0)?, secret };
        Ok(StoredSecret { at, written: Timestamp::from_micros(row.get(2)?) })
    };
    connection
        .prepare_cached("SELECT owner, secret, written FROM secrets WHERE tenant = ?1 AND state = 0")
        .and_then(|mut query| query.query_map([tenant.as_uuid().as_bytes()], read)?.collect())
        .map_err(|fault| of_database(&fault))
}

/// The live secrets of one owner.
pub(super) fn places(
    connection: &Connection,
    tenant: TenantId,
    owner: Uuid,
) -> Result<Vec<SecretRef>, SecretError> {
    let read = |row: &Row<'_>| Ok(SecretRef { tenant, owner, secret: SecretId::from_uuid(uuid(row, 0)?) });
    connection
        .prepare_cached("SELECT secret FROM secrets WHERE tenant = ?1 AND owner = ?2 AND state = 0")
        .and_then(|mut query| {
            query.query_map((tenant.as_uuid().as_bytes(), owner.as_bytes()), read)?.collect()
        })
        .map_err(|fault| of_database(&fault))
}

/// The deployment mark, when there is one.
pub(super) fn deployment(connection: &Connection) -> Result<Option<DeploymentMark>, SecretError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM marks WHERE name = ?1")
        .and_then(|mut query| query.query_row([DEPLOYMENT], |row| row.get(0)).optional())
        .map_err(|fault| of_database(&fault))?;
    let unreadable = |_| SecretError::Corrupt("the deployment mark".to_owned());
    text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}
