//! Webhook endpoints.

use keytrail_domain::WebhookEndpointId;
use keytrail_ports::views::WebhookEndpointRow;
use rusqlite::{Connection, params};

use super::{doc, thing::Tenant};
use crate::fault::Fault;

/// One endpoint, also a deleted one.
pub(super) fn one(
    connection: &Connection,
    tenant: Tenant,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpointRow>, Fault> {
    let find = "SELECT doc FROM webhook_endpoints WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant.0, id.as_uuid().into_bytes()])
}

/// All that are not deleted, by id.
pub(super) fn all(connection: &Connection, tenant: Tenant) -> Result<Vec<WebhookEndpointRow>, Fault> {
    let find = "SELECT doc FROM webhook_endpoints WHERE tenant = ? AND present = 1 ORDER BY id";
    doc::all(connection, find, [tenant.0], |row| doc::read(row, 0))
}
