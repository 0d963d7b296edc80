//! A caller over `graphql-transport-ws`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
}

impl Socket {
    /// Opens a socket and says who is there; the server must accept.
    pub(crate) async fn open(base: &str, token: Option<&str>) -> Self {
        let mut request = base.replacen("http", "ws", 1).into_client_request().expect("address");
        *request.uri_mut() = format!("{}/graphql", base.replacen("http", "ws", 1)).parse().expect("address");
        let protocol = "graphql-transport-ws".parse().expect("header");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (stream, _) = connect_async(request).await.expect("socket");
        let mut socket = Self { stream, next_id: 1 };
        let payload = match token {
            Some(token) => json!({ "authorization": format!("Bearer {token}") }),
            None => json!({}),
        };
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("sent");
    }

    /// The next message that is no ping.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let next = timeout(PATIENCE, self.stream.next()).await.expect("a message in time");
            match next.expect("still open").expect("readable") {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).expect("json");
                    if message["type"] == "ping" {
                        self.say(json!({ "type": "pong" })).await;
                        continue;
                    }
                    return message;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// A message, if one comes within a second.
    pub(crate) async fn hear_soon(&mut self) -> Option<Value> {
        timeout(Duration::from_secs(1), self.hear()).await.ok()
    }

    /// Begins a subscription; answers its id.
    pub(crate) async fn subscribe(&mut self, query: &str, variables: Value) -> String {
        let id = self.next_id.to_string();
        self.next_id += 1;
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
        id
    }

    /// The data of the next `next` message.
    pub(crate) async fn next_data(&mut self) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"]["errors"].is_null(), "{message:#}");
        message["payload"]["data"].clone()
    }

    /// Waits for the close, and answers its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        self.close_frame().await.code.into()
    }

    /// Waits for the close, and answers why.
    pub(crate) async fn close_reason(&mut self) -> String {
        self.close_frame().await.reason.to_string()
    }

    async fn close_frame(&mut self) -> CloseFrame {
        loop {
            let next = timeout(PATIENCE, self.stream.next()).await.expect("closed in time");
            match next {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("expected a close with a code, got {other:?}"),
            }
        }
    }
}
