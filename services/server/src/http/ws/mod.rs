//! GraphQL over websockets: the `graphql-transport-ws` protocol.
//!
//! One task per socket does everything in turn: it takes a message, runs what it asks for, sends
//! one result. While a client does not take what was sent, its subscriptions are not asked for
//! more, so nothing piles up; when that lasts, the socket is cut.

mod end;
mod hello;
mod operations;
mod protocol;
mod socket;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use tracing::Instrument;

use self::socket::Socket;
use super::{HttpState, error::RequestError, graphql::Session, origin::check_origin};

/// The one subprotocol that is spoken; the legacy `graphql-ws` is not.
const PROTOCOL: &str = "graphql-transport-ws";

/// Upgrades a request to a socket and serves it in a task of this worker.
pub(super) async fn upgrade(
    request: &HttpRequest,
    payload: web::Payload,
    state: Arc<HttpState>,
) -> Result<HttpResponse, RequestError> {
    check_origin(request.headers(), &state.options.allowed_origins)?;
    check_protocol(request)?;
    let session = Session::begin(request, &state).await?;
    let place = state.place()?;
    let (response, outgoing, incoming) = actix_ws::handle_with_protocols(request, payload, &[PROTOCOL])
        .map_err(|_| RequestError::refused(StatusCode::BAD_REQUEST, "not a websocket handshake"))?;
    let most = state.options.sockets.message_bytes;
    let incoming = incoming.max_frame_size(most).aggregate_continuations().max_continuation_size(most);
    let socket = Socket::new(state, session, outgoing, place);
    actix_web::rt::spawn(socket.serve(incoming).in_current_span());
    Ok(response)
}

fn check_protocol(request: &HttpRequest) -> Result<(), RequestError> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names = offered.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    if names.any(|name| name.trim() == PROTOCOL) {
        return Ok(());
    }
    Err(RequestError::refused(
        StatusCode::BAD_REQUEST,
        "the websocket subprotocol must be graphql-transport-ws",
    ))
}
