//! A subscription over Server-Sent Events.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Client;

const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream of results.
pub(crate) struct EventStream {
    bytes: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>,
    unread: String,
}

impl EventStream {
    /// Subscribes as this caller; the server must answer with a stream.
    pub(crate) async fn open(client: &Client, query: &str, variables: Value) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        let answer = http
            .post(format!("{}/graphql", client.base))
            .bearer_auth(client.token.as_deref().unwrap_or_default())
            .header(ACCEPT, "text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(json!({ "query": query, "variables": variables }).to_string())
            .send()
            .await
            .expect("answered");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
        let bytes = answer.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Self { bytes: Box::pin(bytes), unread: String::new() }
    }

    /// The next result.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Some((part, rest)) = self.unread.split_once("\n\n") {
                let data = part.strip_prefix("event: next\ndata: ").map(str::to_owned);
                self.unread = rest.to_owned();
                match data {
                    Some(data) => return serde_json::from_str(&data).expect("json"),
                    None => continue,
                }
            }
            let chunk = timeout(PATIENCE, self.bytes.next()).await.expect("a result in time");
            let chunk = chunk.expect("still open").expect("readable");
            self.unread.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The data of the next result, which must be no error.
    pub(crate) async fn next_data(&mut self) -> Value {
        let result = self.next().await;
        assert!(result["errors"].is_null(), "{result:#}");
        result["data"].clone()
    }
}
