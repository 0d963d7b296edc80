//! A caller over HTTP.

use serde_json::{Value, json};

use super::Socket;

/// A caller with a token, or without.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: Option<String>,
}

impl Client {
    pub(crate) fn new(base: &str, token: Option<String>) -> Self {
        keytrail_test_support::install_crypto();
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        Self { http, base: base.to_owned(), token }
    }

    /// The whole answer, as JSON.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        self.send(&json!({ "query": query, "variables": variables })).await
    }

    /// The whole answer; none when the connection broke before it was there.
    pub(crate) async fn try_ask(&self, query: &str, variables: Value) -> Option<Value> {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.base)).json(&body);
        let request = request.bearer_auth(self.token.as_deref().unwrap_or_default());
        request.send().await.ok()?.json().await.ok()
    }

    /// The same caller at another address.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// A request that must be answered with JSON.
    pub(crate) async fn send(&self, body: &Value) -> Value {
        self.post(body.to_string()).await.json().await.expect("json")
    }

    /// A POST with these bytes as JSON.
    pub(crate) async fn post(&self, body: String) -> reqwest::Response {
        let mut request = self.http.post(format!("{}/graphql", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.header("content-type", "application/json").body(body).send().await.expect("answered")
    }

    /// The data of a request that must succeed.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(answer["errors"].is_null(), "{query}\n{answer:#}");
        answer["data"].clone()
    }

    /// The first error of a request that must fail.
    pub(crate) async fn error(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(answer["errors"].is_array(), "expected an error of {query}\n{answer:#}");
        answer["errors"][0].clone()
    }

    /// The code of the first error.
    pub(crate) async fn code(&self, query: &str, variables: Value) -> String {
        let error = self.error(query, variables).await;
        error["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A GET of any path.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.try_get(path).await.expect("answered")
    }

    /// The same of a server that may not answer.
    pub(crate) async fn try_get(&self, path: &str) -> Option<reqwest::Response> {
        self.http.get(format!("{}{path}", self.base)).send().await.ok()
    }

    /// A socket of this caller.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::open(&self.base, self.token.as_deref()).await
    }
}
