//! What every handler shares.

use std::{sync::Arc, time::Duration};

use keytrail_graphql::limits::{QueryGate, persisted::PersistedQueries};
use keytrail_ports::{Clock, Ids};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{GraphqlExecutor, HttpMetrics, HttpOptions, Readiness, error::RequestError};
use crate::auth::{Authenticator, Caller};

/// No connection lives longer; clients come again.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the transport is built from.
pub struct HttpParts {
    /// The schema.
    pub executor: Arc<dyn GraphqlExecutor>,
    /// Lets query texts in.
    pub gate: QueryGate,
    /// Lets callers in.
    pub authenticator: Authenticator,
    /// Whether all parts work.
    pub readiness: Arc<dyn Readiness>,
    /// Our numbers; registered in `registry` by whoever made both.
    pub metrics: HttpMetrics,
    /// All numbers, for `/metrics`.
    pub registry: Registry,
    /// The built-in issuer's public keys, when it is on.
    pub jwks: Option<serde_json::Value>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes request ids.
    pub ids: Arc<dyn Ids>,
    /// What is allowed.
    pub options: HttpOptions,
    /// Cancelled when the process is to stop: sockets close with 1001 then.
    pub shutdown: CancellationToken,
}

/// What every handler shares.
pub struct HttpState {
    pub(super) executor: Arc<dyn GraphqlExecutor>,
    pub(super) gate: QueryGate,
    pub(super) persisted: PersistedQueries,
    pub(super) authenticator: Authenticator,
    pub(super) readiness: Arc<dyn Readiness>,
    pub(super) metrics: HttpMetrics,
    pub(super) registry: Registry,
    pub(super) jwks: Option<serde_json::Value>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) options: HttpOptions,
    pub(super) shutdown: CancellationToken,
    /// One permit per long-lived connection.
    pub(super) sockets: Arc<Semaphore>,
    /// Mutations, which go on when their caller hangs up.
    pub(super) tasks: TaskTracker,
}

impl HttpState {
    /// The state of one server.
    pub fn new(parts: HttpParts) -> Self {
        Self {
            executor: parts.executor,
            gate: parts.gate,
            persisted: PersistedQueries::new(parts.options.persisted_bytes),
            authenticator: parts.authenticator,
            readiness: parts.readiness,
            metrics: parts.metrics,
            registry: parts.registry,
            jwks: parts.jwks,
            clock: parts.clock,
            ids: parts.ids,
            shutdown: parts.shutdown,
            sockets: Arc::new(Semaphore::new(parts.options.sockets.sockets)),
            tasks: TaskTracker::new(),
            options: parts.options,
        }
    }

    /// A place for one more long-lived connection.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        if self.shutdown.is_cancelled() {
            return Err(RequestError::unavailable("this node, which stops,"));
        }
        let place = Arc::clone(&self.sockets).try_acquire_owned();
        place.map_err(|_| RequestError::unavailable("a place for one more socket"))
    }

    /// When a connection of this caller has to end; for one without a caller, in a day.
    pub(super) fn deadline(&self, caller: Option<&Caller>) -> Instant {
        let left = caller.and_then(Caller::expires_at).map_or(LONGEST, |end| {
            let micros = end.as_micros() - self.clock.now().as_micros();
            Duration::from_micros(u64::try_from(micros).unwrap_or_default())
        });
        Instant::now() + left.min(LONGEST)
    }
}
