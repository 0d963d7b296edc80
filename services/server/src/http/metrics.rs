//! Numbers about requests and sockets, and whether each part is ready. No label can take values that
//! callers choose.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{
    HttpState,
    error::RequestError,
    health::{self, Part},
};

/// Where the requests that count come in.
const GRAPHQL: &str = "/graphql";
/// Seconds.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabel {
    part: &'static str,
}

/// Numbers about requests and sockets, and whether each part is ready.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    sockets: Gauge,
    subscriptions: Gauge,
    ready: Family<PartLabel, Gauge>,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// Executed, with errors beside the data.
    FieldErrors,
    /// Not executed: the client's mistake.
    Refused,
    /// Not executed, or not answered: ours.
    Failed,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Ok, Self::FieldErrors, Self::Refused, Self::Failed];

    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::FieldErrors => "field_errors",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl HttpMetrics {
    /// Zeros, registered under `keytrail_http_…`, and `keytrail_ready`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            sockets: Gauge::default(),
            subscriptions: Gauge::default(),
            ready: Family::default(),
        };
        for outcome in Outcome::ALL {
            // From zero on: the first failure is a rise, too.
            drop(metrics.requests.get_or_create(&labels(GRAPHQL, outcome)));
        }
        registry.register(
            "keytrail_ready",
            "Whether this part can do its work: 1 or 0; absent when unknown",
            metrics.ready.clone(),
        );
        let ours = registry.sub_registry_with_prefix("keytrail_http");
        ours.register("requests", "Requests answered", metrics.requests.clone());
        ours.register(
            "request_duration_seconds",
            "Time to the head of the answer",
            metrics.durations.clone(),
        );
        ours.register("sockets_open", "Websockets and event streams open now", metrics.sockets.clone());
        ours.register(
            "subscriptions_open",
            "Operations running on sockets now",
            metrics.subscriptions.clone(),
        );
        metrics
    }

    pub(super) fn answered(&self, route: &str, outcome: Outcome, took: Duration) {
        let labels = labels(route, outcome);
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn found(&self, parts: &[Part]) {
        self.ready.clear();
        for part in parts {
            let ready = self.ready.get_or_create(&PartLabel { part: part.name });
            ready.set(i64::from(part.trouble.is_none()));
        }
    }

    pub(super) fn socket(&self) -> Open {
        Open::new(&self.sockets)
    }

    pub(super) fn subscription(&self) -> Open {
        Open::new(&self.subscriptions)
    }
}

fn labels(route: &str, outcome: Outcome) -> Labels {
    Labels { route: route.to_owned(), outcome: outcome.label() }
}

/// Counts one more while it lives.
#[derive(Debug)]
pub(super) struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(state: web::Data<HttpState>) -> Result<HttpResponse, RequestError> {
    let parts = health::parts(&state).await;
    state.metrics.found(parts.as_deref().unwrap_or_default());
    let mut text = String::new();
    encode(&mut text, &state.registry).map_err(|_| RequestError::unavailable("the metrics registry"))?;
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(text))
}
