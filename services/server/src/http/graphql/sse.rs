//! Server-Sent Events: one request, one stream of results (graphql-sse, distinct connections mode).

use std::{convert::Infallible, pin::Pin, time::Duration};

use actix_web::{HttpResponse, http::Method, http::header, web::Bytes};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Event, Finished, Params, Ready, Session, Via};
use crate::http::{HttpState, error::RequestError, metrics::Open};

type Events = Pin<Box<dyn Stream<Item = Event>>>;

struct Connection {
    events: Events,
    keep_alive: Interval,
    expires: Instant,
    shutdown: CancellationToken,
    over: bool,
    _place: OwnedSemaphorePermit,
    _counted: Open,
}

/// A stream of the results, also when the only one is that the request is refused.
pub(super) async fn answer(
    state: &HttpState,
    session: &Session,
    params: &Params,
    method: &Method,
) -> Result<HttpResponse, RequestError> {
    let via = if method == Method::GET { Via::GetStream } else { Via::Stream };
    let events: Events = match Ready::prepare(state, session, params, via).await {
        Ok(ready) => Box::pin(ready.events(state)),
        // What concerns the connection is an HTTP error; what concerns the query is a result.
        Err(refused) if refused.status.is_some() => return Err(refused),
        Err(refused) => Box::pin(stream::iter([Event::Error(Finished::refused(&refused))])),
    };
    let connection = Connection {
        events,
        keep_alive: keep_alive(state.options.sockets.keep_alive),
        expires: state.deadline(session.caller.as_ref()),
        shutdown: state.shutdown.clone(),
        over: false,
        _place: state.place()?,
        _counted: state.metrics.socket(),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(connection, next)))
}

/// A comment now and then keeps proxies from taking the connection for dead.
fn keep_alive(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A stream that stops without `complete` tells the client to come again: with a new token, or to
/// another node.
async fn next(mut at: Connection) -> Option<(Result<Bytes, Infallible>, Connection)> {
    if at.over {
        return None;
    }
    let text = tokio::select! {
        () = at.shutdown.cancelled() => return None,
        () = sleep_until(at.expires) => return None,
        _ = at.keep_alive.tick() => ":\n\n".to_owned(),
        event = at.events.next() => match event? {
            Event::Next(result) => next_event(&result),
            Event::Error(result) => {
                at.over = true;
                next_event(&result) + COMPLETE
            }
            Event::Complete => {
                at.over = true;
                COMPLETE.to_owned()
            }
        },
    };
    Some((Ok(Bytes::from(text)), at))
}

const COMPLETE: &str = "event: complete\ndata:\n\n";

/// JSON has no line breaks of its own, so one `data` line holds it.
fn next_event(result: &Finished) -> String {
    format!("event: next\ndata: {}\n\n", result.to_json())
}
