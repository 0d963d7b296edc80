//! `POST /v1/sys/wrapping/unwrap`: the protocol of Vault and OpenBao for leases whose tokens this process keeps,
//! so that one client works for every vault. Errors have Vault's form, and tell nothing of a token.

use std::{net::IpAddr, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use keytrail_app::{App, UNWRAP_PATH, UnwrapError};
use keytrail_domain::{SecretPayload, SecretValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use super::{ExtraRoutes, HttpState, body, observe::Arrival};
use crate::auth::{Rate, RateLimiter};

/// Exchanges from one address: enough for many consumers behind one, too few to try tokens out.
const RATE: Rate = Rate { per_minute: 1_200, burst: 200 };
/// Addresses that are remembered.
const ADDRESSES: usize = 10_000;
/// The header with a token.
const HEADER: &str = "x-vault-token";

struct Unwrapping {
    app: App,
    limit: RateLimiter<IpAddr>,
}

/// The route.
pub fn unwrap_route(app: App, clock: Arc<dyn keytrail_ports::Clock>) -> ExtraRoutes {
    let limit = RateLimiter::new(RATE, ADDRESSES, clock);
    let unwrapping = web::Data::new(Unwrapping { app, limit });
    Arc::new(move |config| {
        config.app_data(unwrapping.clone()).service(
            web::resource(UNWRAP_PATH)
                .route(web::post().to(unwrap))
                .route(web::put().to(unwrap))
                .default_service(web::to(async || {
                    refused(StatusCode::METHOD_NOT_ALLOWED, "use POST or PUT")
                })),
        );
    })
}

/// What Vault takes in the body; it may be missing when the token is in the header.
#[derive(Deserialize)]
struct Wish {
    token: Option<String>,
}

/// Vault's answer around a secret of KV version 2.
#[derive(Serialize)]
struct Answer<'a> {
    request_id: String,
    lease_id: &'a str,
    renewable: bool,
    lease_duration: u32,
    data: Data<'a>,
    wrap_info: Option<()>,
    warnings: Option<()>,
    auth: Option<()>,
}

#[derive(Serialize)]
struct Data<'a> {
    data: std::collections::BTreeMap<&'a str, &'a str>,
    metadata: Map<String, Value>,
}

async fn unwrap(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
    unwrapping: web::Data<Unwrapping>,
) -> HttpResponse {
    let Ok(arrival) = Arrival::of(&request) else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    };
    if let Err(seconds) = unwrapping.limit.take(&arrival.peer.0) {
        let mut answer = refused(StatusCode::TOO_MANY_REQUESTS, "too many requests: try again later");
        answer.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
        return answer;
    }
    let Ok(body) = body::read(&request, payload, &state.options).await else {
        return refused(StatusCode::BAD_REQUEST, "the body could not be read");
    };
    let Some(token) = token(&request, body) else {
        return refused(
            StatusCode::BAD_REQUEST,
            "give the token: {\"token\": \"...\"}, or the header X-Vault-Token",
        );
    };
    match unwrapping.app.unwrap(token.expose()).await {
        Ok(payload) => answer(&payload, arrival.id.to_string()),
        Err(error @ UnwrapError::Invalid) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(error @ UnwrapError::Unavailable(_)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a lease could not be exchanged");
            refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

/// The token of the body, else that of the header.
fn token(request: &HttpRequest, mut body: Vec<u8>) -> Option<SecretValue> {
    let wish = serde_json::from_slice::<Wish>(&body).ok();
    body.zeroize();
    let header = || request.headers().get(HEADER)?.to_str().ok().map(str::to_owned);
    let token = wish.and_then(|wish| wish.token).filter(|token| !token.is_empty()).or_else(header)?;
    (!token.is_empty()).then(|| SecretValue::new(token))
}

fn answer(payload: &SecretPayload, request_id: String) -> HttpResponse {
    // One place of the vault per secret version: there it is always the first one.
    let metadata = json!({ "custom_metadata": null, "deletion_time": "", "destroyed": false, "version": 1 });
    let data = Data {
        data: payload.iter().map(|(name, value)| (name, value.expose())).collect(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
    };
    let (wrap_info, warnings, auth) = (None, None, None);
    HttpResponse::Ok().json(Answer {
        request_id,
        lease_id: "",
        renewable: false,
        lease_duration: 0,
        data,
        wrap_info,
        warnings,
        auth,
    })
}

fn refused(status: StatusCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "errors": [message] }))
}
