//! One message to many websockets: what a POST brings goes to each of them as it is.

use std::sync::Arc;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Session};
use parking_lot::Mutex;

/// The sockets that are open. They stay until the program ends.
#[derive(Clone, Default)]
pub(super) struct Fanout(Arc<Mutex<Vec<Session>>>);

/// Opens a socket; it counts from the answer to its first message on.
pub(super) async fn open(
    fanout: web::Data<Fanout>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Error> {
    let (response, session, incoming) =
        actix_ws::handle_with_protocols(&request, body, &["graphql-transport-ws"])?;
    fanout.0.lock().push(session.clone());
    actix_web::rt::spawn(talk(session, incoming.aggregate_continuations()));
    Ok(response)
}

/// Just enough of the protocol for the driver to know that it was heard.
async fn talk(mut session: Session, mut incoming: AggregatedMessageStream) {
    while let Some(Ok(message)) = incoming.recv().await {
        let AggregatedMessage::Text(text) = message else { continue };
        let answer = match () {
            () if text.contains(r#""connection_init""#) => r#"{"type":"connection_ack"}"#,
            () if text.contains(r#""ping""#) => r#"{"type":"pong"}"#,
            () => continue,
        };
        if session.text(answer).await.is_err() {
            return;
        }
    }
}

/// Writes the body to every socket, without a copy.
pub(super) async fn tell(fanout: web::Data<Fanout>, message: web::Bytes) -> HttpResponse {
    let sessions = fanout.0.lock().clone();
    for mut session in sessions {
        if session.binary(message.clone()).await.is_err() {
            return HttpResponse::InternalServerError().body("a socket is gone");
        }
    }
    HttpResponse::Ok().finish()
}
