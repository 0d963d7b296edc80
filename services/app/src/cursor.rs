//! Cursors and positions: opaque texts, sealed per tenant, that show nobody else's traffic.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keytrail_domain::{EventId, Position, TenantId};
use keytrail_ports::views::SortKey;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AppError, keys::CursorKey};

/// Longest text that is looked at, in bytes.
const LONGEST: usize = 2_048;

/// What a cursor holds. *Format*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cursor {
    /// A place in the log, and the event there, for logs with other positions.
    #[serde(rename = "l")]
    Log(Uuid, Position, EventId),
    /// A place in a list, and a hash of the list's filter and order.
    #[serde(rename = "k")]
    List(SortKey, u64),
}

impl Cursor {
    /// Seals it for one tenant.
    pub(crate) fn seal(&self, tenant: TenantId, key: &CursorKey) -> Result<String, AppError> {
        let plain = serde_json::to_vec(self).map_err(|_| AppError::internal("cursor cannot be written"))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(key.seal(tenant, plain)?))
    }

    /// Opens one.
    ///
    /// # Errors
    /// Bad input at `path` for anything that is not a cursor of this tenant.
    pub(crate) fn open(text: &str, path: &str, tenant: TenantId, key: &CursorKey) -> Result<Self, AppError> {
        let sealed = (text.len() <= LONGEST).then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        sealed
            .and_then(|sealed| key.open(tenant, sealed))
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or_else(|| AppError::bad_input(path, "must be a cursor that an answer gave"))
    }
}
