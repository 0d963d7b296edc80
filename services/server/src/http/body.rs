//! Reading a body without holding more of it than is allowed.

use actix_web::{
    HttpRequest,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::http::{HttpOptions, error::RequestError};

/// The whole body; one that says that it is too large is not read at all.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    options: &HttpOptions,
) -> Result<Vec<u8>, RequestError> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if announced.and_then(|it| it.parse::<u64>().ok()).is_some_and(|it| it > options.body_bytes as u64) {
        return Err(too_large());
    }
    timeout(options.body_time, collect(payload, options.body_bytes)).await.unwrap_or_else(|_| {
        Err(RequestError::refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))
    })
}

async fn collect(mut payload: web::Payload, most: usize) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| RequestError::refused(StatusCode::BAD_REQUEST, "the body could not be read"))?;
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large() -> RequestError {
    RequestError::refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
}
