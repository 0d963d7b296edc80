//! The messages of `graphql-transport-ws`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::end::End;

/// Longer ids are no honest ones; the close frame for a duplicate has room for 123 bytes.
const LONGEST_ID: usize = 64;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromClient {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Value>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Value>,
    },
    Pong {},
    Subscribe {
        id: String,
        payload: Value,
    },
    Complete {
        id: String,
    },
}

impl FromClient {
    pub(super) fn read(text: &str) -> Result<Self, End> {
        let message: Self = serde_json::from_str(text).map_err(|_| End::BAD_MESSAGE)?;
        match &message {
            Self::Subscribe { id, .. } if id.is_empty() || id.len() > LONGEST_ID => Err(End::BAD_MESSAGE),
            _ => Ok(message),
        }
    }
}

pub(super) fn connection_ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

pub(super) fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// `payload` is JSON text.
pub(super) fn next(id: &str, payload: &str) -> String {
    format!(r#"{{"id":{},"type":"next","payload":{payload}}}"#, json!(id))
}

pub(super) fn error(id: &str, errors: &[async_graphql::ServerError]) -> String {
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}
