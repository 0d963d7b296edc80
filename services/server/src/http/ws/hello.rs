//! The first message of a socket: who is there, and what he has seen elsewhere.

use serde_json::Value;

use super::end::End;
use crate::{
    auth::{Caller, bearer_token},
    http::{HttpState, error::RequestError, graphql::Session},
};

/// The caller named in `connection_init`, else the one of the upgrade request's header.
pub(super) async fn caller(
    state: &HttpState,
    session: &Session,
    payload: Option<&Value>,
) -> Result<Caller, End> {
    match (token_in(payload)?, &session.caller) {
        (Some(token), _) => {
            Session::admit(state, session.arrival, token).await.map_err(|error| end_of(&error))
        }
        (None, Some(caller)) => Ok(caller.clone()),
        (None, None) => match state.authenticator.failed(session.arrival.peer.0) {
            Ok(()) => Err(End::FORBIDDEN),
            Err(_) => Err(BUSY),
        },
    }
}

/// `{"keytrailAfter": "…"}`: the header `Keytrail-After` for pages, which cannot set one.
pub(super) fn position(session: &mut Session, payload: Option<&Value>) -> Result<(), End> {
    let position = payload.and_then(|payload| payload.get("keytrailAfter"));
    match position.filter(|position| !position.is_null()).map(Value::as_str) {
        None => Ok(()),
        Some(Some(position)) if session.wait_for(position) => Ok(()),
        Some(_) => Err(NO_POSITION),
    }
}

const NO_POSITION: End = End::Close(4400, "invalid message: keytrailAfter must be the position of an answer");
const BUSY: End = End::Close(4403, "Forbidden: too many failed attempts");

/// `{"authorization": "Bearer …"}` or `{"token": "…"}`.
fn token_in(payload: Option<&Value>) -> Result<Option<&str>, End> {
    let fields = match payload {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(End::BAD_MESSAGE),
    };
    if let Some(header) = fields.get("authorization").or_else(|| fields.get("Authorization")) {
        return header.as_str().and_then(|header| bearer_token(header).ok()).map(Some).ok_or(End::FORBIDDEN);
    }
    match fields.get("token") {
        None => Ok(None),
        Some(token) => token.as_str().map(Some).ok_or(End::FORBIDDEN),
    }
}

fn end_of(error: &RequestError) -> End {
    match error {
        passing if passing.is_passing() => End::LATER,
        often if often.is_about_rate() => BUSY,
        _ => End::FORBIDDEN,
    }
}
