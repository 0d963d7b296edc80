//! Many subscribers on websockets, and the time when the last of them has heard.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, future::try_join_all};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use super::{Check, LONGEST, Target, answer, connect};
use crate::BenchError;

/// A message that has not arrived by then does not arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Room for what is read at once: messages are short, and there are many sockets.
const READ_LEN: usize = 4 * 1024;

type Socket = WebSocketStream<TcpStream>;

/// What makes the subscribers hear something.
pub enum Post {
    /// The JSON of a GraphQL request; data without errors is a good answer.
    Graphql(String),
    /// A path and a body for something that does not speak GraphQL.
    Bare(&'static str, String),
}

/// When something was said and heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Just before the POST.
    pub sent: Instant,
    /// At the first subscriber.
    pub first: Instant,
    /// At the last one.
    pub last: Instant,
}

impl Heard {
    fn of(sent: Instant, each: &[Instant]) -> Result<Self, BenchError> {
        match (each.iter().min(), each.iter().max()) {
            (Some(first), Some(last)) => Ok(Self { sent, first: *first, last: *last }),
            _ => Err(BenchError::BadAnswer("there is no subscriber".to_owned())),
        }
    }

    /// Milliseconds from a moment to the last subscriber; none of them may have heard before it.
    ///
    /// # Errors
    /// [`BenchError::BadAnswer`] when one has: it heard something else.
    pub fn ms_since(&self, start: Instant) -> Result<f64, BenchError> {
        if self.first < start {
            return Err(BenchError::BadAnswer("a subscriber heard of it before it happened".to_owned()));
        }
        Ok(self.last.duration_since(start).as_secs_f64() * 1_000.0)
    }
}

/// Open sockets, each with one subscription, and one more connection for the POST.
pub struct Subscribers {
    runtime: Runtime,
    target: Target,
    sockets: Vec<Socket>,
    post: TcpStream,
}

impl Subscribers {
    /// Opens so many sockets and subscribes on each; answers when all of them are heard.
    ///
    /// # Errors
    /// [`BenchError`] when one of them is refused, or after two minutes.
    pub fn open(target: &Target, query: &str, count: usize) -> Result<Self, BenchError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(BenchError::io("starting the driver"))?;
        let opening = async {
            let mut sockets = Vec::with_capacity(count);
            for _ in 0..count {
                sockets.push(Box::pin(subscribed(target, query)).await?);
            }
            Ok((sockets, connect(target, 1).await?.remove(0)))
        };
        let opened = runtime.block_on(async { timeout(LONGEST, opening).await });
        let (sockets, post) =
            opened.map_err(|_| BenchError::TooSlow("opening the sockets", LONGEST.as_secs()))??;
        Ok(Self { runtime, target: target.clone(), sockets, post })
    }

    /// Sends the POST and waits until it is answered and every subscriber has heard of an alert.
    ///
    /// # Errors
    /// [`BenchError`] when it is not answered well, when a subscriber hears something else, or after
    /// half a minute.
    pub fn round(&mut self, post: &Post) -> Result<Heard, BenchError> {
        let (request, check): (_, Check) = match post {
            Post::Graphql(body) => (self.target.request(body), |answer| answer.check()),
            Post::Bare(path, body) => (self.target.post(path, "", body), |answer| answer.is_ok()),
        };
        let (stream, sockets) = (&mut self.post, &mut self.sockets);
        let work = async {
            let sent = Instant::now();
            let asking = async {
                stream.write_all(&request).await.map_err(BenchError::io("sending"))?;
                check(&answer::read(stream, &mut Vec::new()).await?)
            };
            let all = try_join_all(sockets.iter_mut().map(|socket| hear(socket, is_alert)));
            let ((), each) = tokio::try_join!(asking, all)?;
            Heard::of(sent, &each)
        };
        let done = self.runtime.block_on(async { timeout(PATIENCE, work).await });
        done.map_err(|_| BenchError::TooSlow("telling every subscriber", PATIENCE.as_secs()))?
    }
}

/// Messages are taken in turn: once the ping is answered, the subscription is there.
async fn subscribed(target: &Target, query: &str) -> Result<Socket, BenchError> {
    let mut request = format!("ws://{}/graphql", target.address).into_client_request().map_err(bad)?;
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    let config = WebSocketConfig::default().read_buffer_size(READ_LEN);
    let stream = connect(target, 1).await?.remove(0);
    let (mut socket, _) = client_async_with_config(request, stream, Some(config)).await.map_err(bad)?;
    let hello = target.token.as_ref().map(|token| json!({ "authorization": format!("Bearer {token}") }));
    say(&mut socket, &json!({ "type": "connection_init", "payload": hello.unwrap_or(json!({})) })).await?;
    hear(&mut socket, |text| text.contains(r#""connection_ack""#)).await?;
    say(&mut socket, &json!({ "id": "1", "type": "subscribe", "payload": { "query": query } })).await?;
    say(&mut socket, &json!({ "type": "ping" })).await?;
    hear(&mut socket, |text| text.contains(r#""pong""#)).await?;
    Ok(socket)
}

async fn say(socket: &mut Socket, message: &Value) -> Result<(), BenchError> {
    socket.send(Message::text(message.to_string())).await.map_err(bad)
}

/// When the next message came, which must be what is wanted.
async fn hear(socket: &mut Socket, wanted: fn(&str) -> bool) -> Result<Instant, BenchError> {
    loop {
        let message = socket.next().await.transpose().map_err(bad)?;
        let heard = Instant::now();
        match &message {
            Some(Message::Ping(_) | Message::Pong(_)) => {}
            Some(Message::Text(_) | Message::Binary(_)) => {
                let text = message.as_ref().and_then(|message| message.to_text().ok()).unwrap_or_default();
                if wanted(text) {
                    return Ok(heard);
                }
                let start: String = text.chars().take(400).collect();
                return Err(BenchError::BadAnswer(format!("a subscriber heard {start}")));
            }
            _ => return Err(BenchError::BadAnswer("a subscriber's socket was closed".to_owned())),
        }
    }
}

fn is_alert(text: &str) -> bool {
    text.contains(r#""type":"next""#) && text.contains(r#""AlertOpened""#) && !text.contains(r#""errors""#)
}

fn bad(error: tungstenite::Error) -> BenchError {
    BenchError::io("a subscriber's socket")(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_subscriber_counts_and_none_may_hear_of_it_too_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let heard = Heard::of(start, &[at(7), at(30), at(9)]).expect("three subscribers");
        assert_eq!(heard.ms_since(at(5)).ok(), Some(25.0));
        assert!(heard.ms_since(at(8)).is_err(), "one heard something else");
        assert!(Heard::of(start, &[]).is_err());
    }

    #[test]
    fn only_an_alert_without_errors_counts() {
        let alert = r#"{"id":"1","type":"next","payload":{"data":{"event":{"type":"AlertOpened"}}}}"#;
        assert!(is_alert(alert));
        for other in [
            alert.replace("Opened", "Resolved"),
            alert.replace("next", "error"),
            alert.replace("data", "errors"),
        ] {
            assert!(!is_alert(&other), "{other}");
        }
    }
}
