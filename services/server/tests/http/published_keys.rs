//! Keys at a JWKS URL.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keytrail_ports::{Clock, SystemClock};
use keytrail_server::auth::{
    AuthError, BuiltinIssuer, Expected, InvalidToken, JwksOptions, JwksUrl, KeySource, TokenVerifier,
};
use serde_json::{Value, json};

/// What the issuer's server answers.
#[derive(Clone)]
enum Answer {
    Keys(Value),
    /// The keys are elsewhere.
    Redirect(Value),
    Large,
    Broken,
}

/// An issuer: keys of our own kind, published where a test says.
struct Issuer {
    url: url::Url,
    answer: Arc<Mutex<Answer>>,
    reads: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(answer: Answer) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (answer, reads) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (said, counted) = (Arc::clone(&answer), Arc::clone(&reads));
        let server = HttpServer::new(move || {
            let (said, counted) = (Arc::clone(&said), Arc::clone(&counted));
            App::new().default_service(web::to(move |request: HttpRequest| {
                counted.fetch_add(1, Ordering::SeqCst);
                let response = respond(request.path(), &said.lock().unwrap());
                async { response }
            }))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", server.addrs()[0]).parse().unwrap();
        tokio::spawn(server.run());
        Self { url, answer, reads }
    }

    fn verifier(&self, change: impl FnOnce(&mut JwksOptions)) -> TokenVerifier {
        let mut options = JwksOptions { shortest_interval: Duration::ZERO, ..JwksOptions::default() };
        change(&mut options);
        let keys = KeySource::Published(JwksUrl::start(self.url.clone(), options).unwrap());
        let expected = Expected {
            issuer: "https://id".into(),
            audience: "keytrail".into(),
            tenant_claim: "tenant".into(),
        };
        TokenVerifier::outside(expected, keys, Arc::new(SystemClock))
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn publish(&self, keys: &Value) {
        *self.answer.lock().unwrap() = Answer::Keys(keys.clone());
    }
}

fn respond(path: &str, answer: &Answer) -> HttpResponse {
    match answer {
        Answer::Redirect(keys) if path == "/elsewhere" => HttpResponse::Ok().json(keys),
        Answer::Keys(keys) => HttpResponse::Ok().json(keys),
        Answer::Redirect(_) => HttpResponse::Found().insert_header(("location", "/elsewhere")).finish(),
        Answer::Large => HttpResponse::Ok().body("x".repeat(1024 * 1024)),
        Answer::Broken => HttpResponse::InternalServerError().finish(),
    }
}

/// A key pair and tokens signed with it.
struct Signer {
    keys: Value,
    key: EncodingKey,
    _folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = BuiltinIssuer::open(folder.path()).unwrap().jwks().clone();
        let pem = std::fs::read(folder.path().join("issuer.key")).unwrap();
        Self { keys, key: EncodingKey::from_ed_pem(&pem).unwrap(), _folder: folder }
    }

    fn token(&self) -> String {
        let kid = self.keys["keys"][0]["kid"].as_str().map(str::to_owned);
        let end = SystemClock.now().as_seconds() + 60;
        let claims =
            json!({ "iss": "https://id", "aud": "keytrail", "sub": "u", "tenant": "acme", "exp": end });
        jsonwebtoken::encode(&Header { kid, ..Header::new(Algorithm::EdDSA) }, &claims, &self.key).unwrap()
    }
}

#[tokio::test]
async fn a_key_that_was_published_later_is_found() {
    let (first, second) = (Signer::new(), Signer::new());
    let issuer = Issuer::start(Answer::Keys(first.keys.clone())).await;
    let verifier = issuer.verifier(|_| ());
    verifier.verify(&first.token()).await.unwrap();
    let answer = verifier.verify(&second.token()).await;
    assert_eq!(answer.unwrap_err(), AuthError::Invalid(InvalidToken::UnknownKey));
    issuer.publish(&second.keys);
    verifier.verify(&second.token()).await.unwrap();
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_read_more_often_than_allowed() {
    let known = Signer::new();
    let issuer = Issuer::start(Answer::Keys(known.keys.clone())).await;
    let verifier = issuer.verifier(|options| options.shortest_interval = Duration::from_secs(600));
    verifier.verify(&known.token()).await.unwrap();
    for _ in 0..20 {
        let answer = verifier.verify(&Signer::new().token()).await;
        assert_eq!(answer.unwrap_err(), AuthError::Invalid(InvalidToken::UnknownKey));
    }
    assert_eq!(issuer.reads(), 1);
}

#[tokio::test]
async fn known_keys_serve_on_while_the_issuer_is_down() {
    let signer = Signer::new();
    let issuer = Issuer::start(Answer::Keys(signer.keys.clone())).await;
    let verifier = issuer.verifier(|_| ());
    verifier.verify(&signer.token()).await.unwrap();
    *issuer.answer.lock().unwrap() = Answer::Broken;
    let unknown = verifier.verify(&Signer::new().token()).await;
    assert!(matches!(unknown, Err(AuthError::Unavailable { .. })), "{unknown:?}");
    verifier.verify(&signer.token()).await.unwrap();
}

#[tokio::test]
async fn redirects_large_answers_and_errors_are_unavailable() {
    let signer = Signer::new();
    let elsewhere = Answer::Redirect(signer.keys.clone());
    for answer in [elsewhere, Answer::Large, Answer::Broken, Answer::Keys(json!({ "keys": [] }))] {
        let issuer = Issuer::start(answer).await;
        let verifier = issuer.verifier(|_| ());
        let refused = verifier.verify(&signer.token()).await;
        assert!(matches!(refused, Err(AuthError::Unavailable { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_costs_a_bounded_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", silent.local_addr().unwrap()).parse().unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = JwksOptions { time_limit: Duration::from_millis(100), ..JwksOptions::default() };
    let keys = KeySource::Published(JwksUrl::start(url, options).unwrap());
    let expected = Expected { issuer: "i".into(), audience: "a".into(), tenant_claim: "t".into() };
    let verifier = TokenVerifier::outside(expected, keys, Arc::new(SystemClock));
    let token = Signer::new().token();
    let answer = tokio::time::timeout(Duration::from_secs(2), verifier.verify(&token)).await;
    assert!(matches!(answer, Ok(Err(AuthError::Unavailable { .. }))), "{answer:?}");
}
