//! Clients: plain HTTP, and a websocket that speaks JSON.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::world::World;

pub(crate) const RESPONSE: &str = "application/graphql-response+json";
pub(crate) const JSON: &str = "application/json";

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A POST by alice that wants this media type.
pub(crate) fn post(world: &World, accept: &str, body: &Value) -> RequestBuilder {
    anonymous_post(world, accept, body).bearer_auth(world.token())
}

pub(crate) fn anonymous_post(world: &World, accept: &str, body: &Value) -> RequestBuilder {
    http()
        .post(world.url("/graphql"))
        .header("content-type", "application/json")
        .header("accept", accept)
        .body(body.to_string())
}

/// The address of a GET with these parameters.
pub(crate) fn with_query(world: &World, parameters: &[(&str, &str)]) -> url::Url {
    url::Url::parse_with_params(&world.url("/graphql"), parameters).unwrap()
}

pub(crate) fn query(text: &str) -> Value {
    json!({ "query": text })
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        code_of(&self.json()["errors"][0])
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }
}

pub(crate) fn code_of(error: &Value) -> String {
    error["extensions"]["code"].as_str().unwrap_or("none").to_owned()
}

/// What a websocket client hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Json(Value),
    Close(u16, String),
    /// The connection ended without a close frame.
    Cut,
}

pub(crate) struct Ws(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

/// How a socket is opened.
#[derive(Default)]
pub(crate) struct Opening<'a> {
    pub(crate) protocol: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) authorization: Option<String>,
    pub(crate) after: Option<&'a str>,
}

pub(crate) async fn open(world: &World, opening: &Opening<'_>) -> Result<Ws, Error> {
    let mut request = format!("ws://{}/graphql", world.address).into_client_request()?;
    let headers = request.headers_mut();
    if let Some(protocol) = opening.protocol {
        headers.insert("sec-websocket-protocol", protocol.parse()?);
    }
    if let Some(origin) = opening.origin {
        headers.insert("origin", origin.parse()?);
    }
    if let Some(authorization) = &opening.authorization {
        headers.insert("authorization", authorization.parse()?);
    }
    if let Some(after) = opening.after {
        headers.insert("keytrail-after", after.parse()?);
    }
    connect_async(request).await.map(|(socket, _)| Ws(socket))
}

/// The status of an upgrade that is refused.
pub(crate) async fn refused_status(world: &World, opening: &Opening<'_>) -> u16 {
    match open(world, opening).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the upgrade was accepted"),
    }
}

pub(crate) const PROTOCOL: Opening<'static> =
    Opening { protocol: Some("graphql-transport-ws"), origin: None, authorization: None, after: None };

impl Ws {
    /// A socket before its first message.
    pub(crate) async fn open(world: &World) -> Self {
        open(world, &PROTOCOL).await.unwrap()
    }

    /// A socket of alice that was acknowledged.
    pub(crate) async fn ready(world: &World) -> Self {
        Self::ready_with(world, &world.token()).await
    }

    pub(crate) async fn ready_with(world: &World, token: &str) -> Self {
        let mut socket = Self::open(world).await;
        socket.init(token).await;
        assert_eq!(socket.hear().await, Heard::Json(json!({ "type": "connection_ack" })));
        socket
    }

    pub(crate) async fn init(&mut self, token: &str) {
        let payload = json!({ "authorization": format!("Bearer {token}") });
        self.say(&json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, text: &str) {
        self.say(&json!({ "id": id, "type": "subscribe", "payload": { "query": text } })).await;
    }

    /// The next message; websocket pings and pongs are passed over.
    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            let heard = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await;
            match heard.expect("nothing was said") {
                Some(Ok(Message::Text(text))) => return Heard::Json(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return closed(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Cut,
            }
        }
    }

    pub(crate) async fn hear_json(&mut self) -> Value {
        match self.hear().await {
            Heard::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn hear_close(&mut self) -> u16 {
        match self.hear().await {
            Heard::Close(code, _) => code,
            other => panic!("{other:?}"),
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> Heard {
    frame.map_or(Heard::Close(1005, String::new()), |frame| {
        Heard::Close(frame.code.into(), frame.reason.to_string())
    })
}
