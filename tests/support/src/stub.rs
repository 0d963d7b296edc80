//! A scripted HTTP server.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What the stub answers to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    manner: Manner,
}

#[derive(Clone, Debug)]
enum Manner {
    AtOnce,
    After(Duration),
    Never,
    HangUp,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), manner: Manner::AtOnce }
    }

    /// A status and a text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { body: body.into().into_bytes(), ..Self::status(status) }
    }

    /// A status and a JSON document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string()).header("content-type", "application/json")
    }

    /// A 307 to another address.
    pub fn redirect(to: &str) -> Self {
        Self::status(307).header("location", to)
    }

    /// Takes the request and never answers.
    pub fn never() -> Self {
        Self { manner: Manner::Never, ..Self::status(200) }
    }

    /// Takes the request and closes the connection.
    pub fn hang_up() -> Self {
        Self { manner: Manner::HangUp, ..Self::status(200) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers only after that long.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { manner: Manner::After(delay), ..self }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let plain = Response::builder().status(self.status);
        self.headers
            .into_iter()
            .fold(plain, |response, (name, value)| response.header(name, value))
            .body(Full::new(self.body.into()))
            .expect("status and headers that HTTP allows")
    }
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What follows the question mark; empty when nothing does.
    pub query: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Seen {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Script {
    routes: Mutex<HashMap<(String, String), VecDeque<Reply>>>,
    seen: Mutex<Vec<Seen>>,
    arrived: watch::Sender<usize>,
}

/// An HTTP/1.1 server on 127.0.0.1 whose answers are set at run time; an unknown route is a 404.
pub struct StubServer {
    address: SocketAddr,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl StubServer {
    /// Starts one on a free port, on the current runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let script = Arc::new(Script::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&script)));
        Self { address, script, task }
    }

    /// From now on a request with this method and path gets `reply`.
    pub fn on(&self, method: &str, path: &str, reply: Reply) {
        self.on_each(method, path, [reply]);
    }

    /// From now on requests get these replies in turn; the last one stays.
    pub fn on_each(&self, method: &str, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let route = (method.to_owned(), path.to_owned());
        self.script.routes.lock().insert(route, replies.into_iter().collect());
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.script.seen.lock().clone()
    }

    /// Waits until that many requests have arrived in all, and answers all of them.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<Seen> {
        let mut arrived = self.script.arrived.subscribe();
        tokio::time::timeout(Duration::from_secs(30), arrived.wait_for(|&sum| sum >= count))
            .await
            .expect("so many requests within 30 seconds")
            .expect("the stub lives");
        self.requests()
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The set ends every open connection together with the server.
async fn accept(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&script)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, script: Arc<Script>) {
    let service = service_fn(|request| script.answer(request));
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that went away is no failure of the stub.
    drop(connection.await);
}

impl Script {
    /// An error closes the connection without an answer.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
        let reply = self.next_reply(request.method().as_str(), request.uri().path());
        self.note(request).await;
        match &reply.manner {
            Manner::AtOnce => {}
            Manner::After(delay) => tokio::time::sleep(*delay).await,
            Manner::Never => std::future::pending().await,
            Manner::HangUp => return Err(HangUp),
        }
        Ok(reply.response())
    }

    fn next_reply(&self, method: &str, path: &str) -> Reply {
        let mut routes = self.routes.lock();
        let known = routes.get_mut(&(method.to_owned(), path.to_owned()));
        known
            .and_then(
                |replies| if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() },
            )
            .unwrap_or_else(|| Reply::status(404))
    }

    async fn note(&self, request: Request<Incoming>) {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|whole| whole.to_bytes().to_vec()).unwrap_or_default();
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.seen.lock().push(Seen {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body,
        });
        self.arrived.send_modify(|sum| *sum += 1);
    }
}

#[derive(Debug)]
struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script says to hang up")
    }
}

impl std::error::Error for HangUp {}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::install_crypto;

    async fn get(url: &str) -> Result<(u16, String), reqwest::Error> {
        install_crypto();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(None).build()?;
        let answer = client.get(url).header("x-who", "me").body("asked").send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    #[tokio::test]
    async fn replies_come_in_turn_the_last_one_stays_and_requests_are_kept() {
        let stub = StubServer::start().await;
        stub.on_each("GET", "/a", [Reply::text(200, "one"), Reply::text(201, "two")]);
        for wanted in [(200, "one"), (201, "two"), (201, "two")] {
            let (status, body) = get(&stub.url("/a?q=1")).await.unwrap();
            assert_eq!((status, body.as_str()), wanted);
        }
        assert_eq!(get(&stub.url("/unknown")).await.unwrap().0, 404);
        let seen = stub.wait_for(4).await;
        assert_eq!((seen[0].path.as_str(), seen[0].query.as_str()), ("/a", "q=1"));
        assert_eq!((seen[0].header("x-who"), seen[0].body.as_slice()), (Some("me"), &b"asked"[..]));
    }

    #[tokio::test]
    async fn it_redirects_delays_hangs_up_and_hangs() {
        let stub = StubServer::start().await;
        stub.on("GET", "/from", Reply::redirect("/to"));
        stub.on("GET", "/to", Reply::json(200, &serde_json::json!({ "at": "to" })));
        assert_eq!(get(&stub.url("/from")).await.unwrap().1, r#"{"at":"to"}"#);

        let delay = Duration::from_millis(50);
        stub.on("GET", "/late", Reply::status(204).after(delay));
        let began = Instant::now();
        assert_eq!(get(&stub.url("/late")).await.unwrap().0, 204);
        assert!(began.elapsed() >= delay);

        stub.on("GET", "/cut", Reply::hang_up());
        assert!(get(&stub.url("/cut")).await.is_err());
        stub.on("GET", "/never", Reply::never());
        let url = stub.url("/never");
        let asked = tokio::spawn(async move { get(&url).await });
        stub.wait_for(5).await;
        assert!(!asked.is_finished());
    }
}
