//! Around every request: its id, its span, its numbers, the headers of every answer.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use keytrail_graphql::request::{Peer, RequestId};
use tracing::{Instrument, Span, field::Empty};

use super::{HttpState, error::RequestError, metrics::Outcome, peer::client_address};

/// What is known of a request before anyone looks inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) id: RequestId,
    pub(super) peer: Peer,
}

impl Arrival {
    /// The arrival that [`observe`] noted.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, RequestError> {
        request
            .extensions()
            .get::<Self>()
            .copied()
            .ok_or_else(|| RequestError::unavailable("the request log"))
    }
}

/// Wraps the whole application.
pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request
        .app_data::<web::Data<HttpState>>()
        .cloned()
        .ok_or_else(|| RequestError::unavailable("the application"))?;
    let arrival = arrival(&request, &state);
    request.extensions_mut().insert(arrival);
    let started = Instant::now();
    let span = tracing::info_span!("request", request.id = %arrival.id, tenant.id = Empty);
    let mut answer = next.call(request).instrument(span.clone()).await?;
    finish(&mut answer, arrival.id);
    record(&answer, &state, started.elapsed(), &span);
    Ok(answer)
}

fn arrival(request: &ServiceRequest, state: &HttpState) -> Arrival {
    let direct = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let peer = client_address(direct, request.headers(), &state.options.trusted_proxies);
    Arrival { id: RequestId(state.ids.fresh(state.clock.now())), peer: Peer(peer) }
}

fn finish<B>(answer: &mut ServiceResponse<B>, id: RequestId) {
    let is_tls = answer.request().app_config().secure();
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        insert_if_absent(headers, name, value);
    }
    if is_tls {
        insert_if_absent(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// A page that needs more than the strictest policy has said so itself.
fn insert_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn record<B>(answer: &ServiceResponse<B>, state: &HttpState, took: Duration, span: &Span) {
    let route = answer.request().match_pattern().unwrap_or_else(|| "other".to_owned());
    let outcome = outcome(answer);
    state.metrics.answered(&route, outcome, took);
    let status = answer.status().as_u16();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| match outcome {
        Outcome::Failed => tracing::error!(route, status, took_ms, "request failed"),
        _ if took >= state.options.slow_after => tracing::warn!(route, status, took_ms, "slow request"),
        _ => tracing::debug!(route, status, took_ms, "request"),
    });
}

/// A handler that knows better than the status has left its word in the answer.
fn outcome<B>(answer: &ServiceResponse<B>) -> Outcome {
    let status = answer.status();
    let said = answer.response().extensions().get::<Outcome>().copied();
    said.unwrap_or(match status {
        _ if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => Outcome::Failed,
        _ if status.is_client_error() || status.is_server_error() => Outcome::Refused,
        _ => Outcome::Ok,
    })
}
