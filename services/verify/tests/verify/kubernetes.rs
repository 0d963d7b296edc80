//! Kubernetes against a stub that only speaks as an API server does: no real one can be had here. TLS,
//! authorities and client certificates are real.

use std::sync::Arc;

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use keytrail_test_support::{Reply as Scripted, StubServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier},
};

use crate::{
    harness::{Credential, PATIENT},
    stub::{Play, Reply, Stub},
};

const REVIEWS: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a client, and its key, as PEM.
fn client_of(authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn review_of(name: &str) -> Value {
    json!({ "kind": "SelfSubjectReview", "status": { "userInfo": {
        "username": name, "groups": ["system:serviceaccounts", "system:authenticated"],
    } } })
}

/// An API server's stub behind TLS; with clients, only those of that authority are let in.
async fn tls_stub_of_an_api_server(
    authority: &Authority,
    clients: Option<&Authority>,
    status: u16,
    body: &Value,
) -> Stub {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let shown = params.signed_by(&key, authority).unwrap();
    let builder = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let config =
        builder.with_single_cert(vec![shown.der().clone()], key.serialize_der().try_into().unwrap()).unwrap();
    let reply = Play::Reply(Reply { status, headers: vec![], body: body.to_string() });
    Stub::serve(reply, "127.0.0.1", Some(TlsAcceptor::from(Arc::new(config)))).await
}

fn at(stub: &Stub) -> String {
    format!("https://{}", stub.address)
}

#[tokio::test]
async fn a_token_is_shown_to_a_tls_stub_of_an_api_server_that_the_credentials_authority_vouches_for() {
    let ca = authority();
    let name = "system:serviceaccount:ci:deployer";
    let stub = tls_stub_of_an_api_server(&ca, None, 201, &review_of(name)).await;
    let fields = |ca: String| json!({ "server_url": at(&stub), "ca": ca, "token": "eyJ-t0ken" });
    let report = Credential::new("kubernetes", fields(ca.pem())).check(PATIENT).await;
    assert_eq!(
        (report.verdict, report.identity.as_deref()),
        (Verdict::Valid, Some(name)),
        "{}",
        report.message
    );
    assert_eq!(report.scopes, ["system:authenticated", "system:serviceaccounts"]);
    let seen = stub.only_request();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", REVIEWS));
    assert_eq!(seen.headers["authorization"], "Bearer eyJ-t0ken");
    assert_eq!(seen.headers["host"], stub.address.to_string());
    let other = Credential::new("kubernetes", fields(authority().pem())).check(PATIENT).await;
    assert_eq!((other.verdict, other.reason), (Verdict::Inconclusive, Some(Reason::Unreachable)));
    assert_eq!(other.message, "the host's certificate is not trusted");
    stub.only_request();
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_tls_stub_of_an_api_server() {
    let (ca, clients) = (authority(), authority());
    let stub = tls_stub_of_an_api_server(&ca, Some(&clients), 201, &review_of("admin")).await;
    let fields = |(certificate, key): (String, String)| {
        json!({
            "server_url": at(&stub), "ca": ca.pem(), "client_certificate": certificate, "client_key": key,
        })
    };
    let good = Credential::new("kubernetes", fields(client_of(&clients))).check(PATIENT).await;
    assert_eq!((good.verdict, good.identity.as_deref()), (Verdict::Valid, Some("admin")), "{}", good.message);
    assert!(!stub.only_request().headers.contains_key("authorization"));
    let foreign = Credential::new("kubernetes", fields(client_of(&authority()))).check(PATIENT).await;
    assert_eq!((foreign.verdict, foreign.reason), (Verdict::Inconclusive, Some(Reason::Unreachable)));
    let mixed = (client_of(&clients).0, client_of(&clients).1);
    let mixed = Credential::new("kubernetes", fields(mixed)).check(PATIENT).await;
    assert_eq!(mixed.message, "the certificate and its key cannot be used");
    stub.only_request();
}

fn token_at(server: &str) -> Credential {
    Credential::new("kubernetes", json!({ "server_url": server, "token": "eyJ-t0ken" }))
}

#[tokio::test]
async fn answers_of_a_stub_of_an_api_server_are_understood() {
    let status = |message: &str| json!({ "kind": "Status", "message": message });
    for (code, body, expected) in [
        (201, review_of("system:anonymous"), (Verdict::Invalid, None)),
        (401, status("Unauthorized"), (Verdict::Invalid, None)),
        (
            403,
            status("selfsubjectreviews is forbidden: User \"bob\" cannot create"),
            (Verdict::Limited, None),
        ),
        (403, status("forbidden: User \"system:anonymous\" cannot create"), (Verdict::Invalid, None)),
        (403, json!("blocked"), (Verdict::Inconclusive, Some(Reason::Unexpected))),
        (201, json!({ "kind": "Other" }), (Verdict::Inconclusive, Some(Reason::Unexpected))),
        (200, json!("<html>log in"), (Verdict::Inconclusive, Some(Reason::Unexpected))),
        (429, json!({}), (Verdict::Inconclusive, Some(Reason::RateLimited))),
        (500, json!({}), (Verdict::Inconclusive, Some(Reason::Unreachable))),
    ] {
        let stub = Stub::reply(code, body.to_string()).await;
        let report = token_at(&stub.url("")).check(PATIENT).await;
        assert_eq!((report.verdict, report.reason), expected, "{code} {body}");
    }
}

#[tokio::test]
async fn a_stub_of_an_api_server_without_reviews_is_asked_for_its_versions() {
    for (code, body, expected) in [
        (200, json!({ "kind": "APIVersions", "versions": ["v1"] }), Verdict::Valid),
        (401, json!({ "kind": "Status" }), Verdict::Invalid),
        (200, json!({ "page": "log in" }), Verdict::Inconclusive),
        (404, json!({}), Verdict::Inconclusive),
    ] {
        let stub = StubServer::start().await;
        stub.on("POST", &format!("/cluster{REVIEWS}"), Scripted::json(404, &json!({ "kind": "Status" })));
        stub.on("GET", "/cluster/api", Scripted::json(code, &body));
        let report = token_at(&stub.url("/cluster/")).check(PATIENT).await;
        assert_eq!(report.verdict, expected, "{code} {body}: {}", report.message);
        let asked: Vec<_> = stub.requests().into_iter().map(|seen| seen.method).collect();
        assert_eq!(asked, ["POST", "GET"]);
    }
}
