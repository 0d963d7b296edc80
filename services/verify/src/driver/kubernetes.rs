//! Kubernetes: the API server is asked who we are.

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use serde_json::{Value, json};
use url::Url;

use super::{
    Driver, Found, Outside, Question, Role, Wanted, judged, unproven,
    web::{proves_nothing, secret_header},
};
use crate::{
    guard::{Proof, Target, Transport, Wire},
    recipe::{Evidence, Judgement},
};

const WANTS: [Wanted; 5] = [
    Wanted::always("server_url", Role::Destination),
    Wanted::perhaps("ca", Role::Destination),
    Wanted::perhaps("token", Role::Secret),
    Wanted::perhaps("client_certificate", Role::Plain),
    Wanted::perhaps("client_key", Role::Secret),
];
/// Most bytes of an answer that are read.
const LARGEST: usize = 256 * 1024;
const REVIEWS: &str = "apis/authentication.k8s.io/v1/selfsubjectreviews";
/// Whom an API server takes for somebody that it does not know.
const NOBODY: &str = "system:anonymous";

/// Asks an API server.
pub(super) struct Kubernetes;

#[async_trait]
impl Driver for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let (status, body) = talk(&question, outside, Method::POST, (REVIEWS, review.to_string())).await?;
        let user = &body["status"]["userInfo"];
        match (status, user["username"].as_str()) {
            (200 | 201, Some(NOBODY)) => Err(taken_for_nobody()),
            (200 | 201, Some(name)) => {
                Ok((judged(Verdict::Valid, "the API server knows the user"), told(name, user)))
            }
            (404, _) => before_reviews(&question, outside).await,
            _ => Err(refused(status, &body)),
        }
    }
}

/// Clusters before 1.27 have no reviews. What anybody may read proves nothing there for somebody without
/// a credential, but one that is not good is refused with 401.
async fn before_reviews(question: &Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
    let (status, body) = talk(question, outside, Method::GET, ("api", String::new())).await?;
    match status {
        200 if body["versions"].is_array() => {
            Ok((judged(Verdict::Valid, "the API server accepts the credential"), Evidence::default()))
        }
        status => Err(refused(status, &body)),
    }
}

fn refused(status: u16, body: &Value) -> Judgement {
    let nobody = body["message"].as_str().is_some_and(|message| message.contains(NOBODY));
    match status {
        401 => judged(Verdict::Invalid, "the API server rejects the credential"),
        403 if nobody => taken_for_nobody(),
        403 if body["kind"] == "Status" => {
            judged(Verdict::Limited, "the API server knows the user, but he may not ask who he is")
        }
        status => proves_nothing(status),
    }
}

fn taken_for_nobody() -> Judgement {
    judged(Verdict::Invalid, "the API server takes the credential for nobody's")
}

fn told(name: &str, user: &Value) -> Evidence {
    let groups = user["groups"].as_array().into_iter().flatten();
    Evidence {
        identity: Some(name.to_owned()),
        scopes: groups.filter_map(Value::as_str).map(str::to_owned).collect(),
        expires_at: None,
    }
}

/// One request on a connection of its own: authority and client certificate are the credential's.
async fn talk(
    question: &Question<'_>,
    outside: &Outside,
    method: Method,
    (path, body): (&str, String),
) -> Result<(u16, Value), Judgement> {
    let server = question.address("server_url")?;
    let request = request(question, &server, method, (path, body))?;
    let wire = connect(question, outside, &server).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(wire)).await.map_err(broken)?;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| unproven(Reason::Unexpected, "the answer is broken or too long"))?;
        Ok((status, serde_json::from_slice(&body.to_bytes()).unwrap_or_default()))
    };
    // The connection moves only while somebody waits for it; both end here.
    tokio::pin!(asking);
    tokio::select! {
        answered = &mut asking => answered,
        ended = connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(broken(error)),
        },
    }
}

fn request(
    question: &Question<'_>,
    server: &Url,
    method: Method,
    (path, body): (&str, String),
) -> Result<Request<Full<Bytes>>, Judgement> {
    let host = server.host_str().unwrap_or_default();
    let host = server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = format!("{}/{path}", server.path().trim_end_matches('/'));
    let mut request = Request::builder().method(method).uri(path).header(HOST, host);
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if let Some(token) = question.fields.text("token") {
        request = request.header(AUTHORIZATION, secret_header(&format!("Bearer {token}"))?);
    }
    let built = request.header("accept", "application/json").body(Full::new(Bytes::from(body)));
    built.map_err(|_| unproven(Reason::Unexpected, "no request can be made of these fields"))
}

async fn connect(question: &Question<'_>, outside: &Outside, server: &Url) -> Result<Wire, Judgement> {
    let (transport, usual_port) = match server.scheme() {
        "https" => (Transport::Encrypted, 443),
        _ => (Transport::Plain, 80),
    };
    let host = server.host_str().unwrap_or_default();
    let target = Target { host, port: server.port().unwrap_or(usual_port), usual_port, transport };
    let dialled = outside.dialer.dial(target, question.hosts).await?;
    if transport == Transport::Plain {
        return Ok(dialled.in_the_clear()?);
    }
    let (certificate, key) = (question.fields.text("client_certificate"), question.fields.text("client_key"));
    let proof = match (certificate.as_deref(), key.as_deref()) {
        (Some(certificate), Some(key)) if !question.fields.is_set("token") => {
            Some(Proof::new(certificate, key)?)
        }
        _ => None,
    };
    Ok(dialled.secured_as(question.trust(), proof).await?)
}

fn broken(_error: hyper::Error) -> Judgement {
    unproven(Reason::Unreachable, "the connection broke before the system had answered")
}
