//! Whether the process lives, and whether it can do its work.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::HttpState;

/// A part that does not answer in this time is not ready.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// One part of the service, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `log`, `vault`, `views`.
    pub name: &'static str,
    /// Why it is not ready, for an operator; none when it is. Never a secret: anyone may read it.
    pub trouble: Option<String>,
}

/// Whether all parts work.
///
/// Anyone may ask at any rate: implementations answer from what they know, or ask at most once a second.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Every part, in a fixed order.
    async fn parts(&self) -> Vec<Part>;
}

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 when every part is ready and nobody asked us to stop, else 503.
pub(super) async fn readyz(state: web::Data<HttpState>) -> HttpResponse {
    let parts = parts(&state).await;
    let answered = parts.is_some();
    let mut parts = parts.unwrap_or_default();
    if state.shutdown.is_cancelled() {
        parts.push(Part { name: "server", trouble: Some("stopping".to_owned()) });
    }
    let ready = answered && parts.iter().all(|part| part.trouble.is_none());
    let listed: Map<String, Value> = parts.into_iter().map(entry).collect();
    let body = json!({ "status": if ready { "ready" } else { "not ready" }, "parts": listed });
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

/// Every part; none when they did not answer in time.
pub(super) async fn parts(state: &HttpState) -> Option<Vec<Part>> {
    tokio::time::timeout(TIME_LIMIT, state.readiness.parts()).await.ok()
}

fn entry(part: Part) -> (String, Value) {
    let state = match part.trouble {
        None => json!({ "ready": true }),
        Some(trouble) => json!({ "ready": false, "trouble": trouble }),
    };
    (part.name.to_owned(), state)
}
