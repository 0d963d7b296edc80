//! OAuth2 against a real server, and what a check must never do.

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use keytrail_test_support::OidcProvider;
use serde_json::{Value, json};

use crate::{
    harness::{Credential, PATIENT},
    stub::Stub,
};

fn credential(fields: Value) -> Credential {
    Credential::new("oauth2-generic", fields)
}

/// The client of the server, with more fields.
fn client(server: &OidcProvider, more: Value) -> Value {
    let mut fields = json!({
        "client_id": server.given("client_id"),
        "client_secret": server.given("client_secret"),
        "token_uri": server.url("/token"),
    });
    let Value::Object(more) = more else { panic!("fields are an object") };
    for (name, value) in more {
        fields[name] = value;
    }
    fields
}

async fn verdict(fields: Value) -> Verdict {
    credential(fields).check(PATIENT).await.verdict
}

#[tokio::test]
async fn a_client_is_asked_to_get_a_token() {
    let server = OidcProvider::start().await;
    let good = credential(client(&server, json!({ "scopes": "read" }))).check(PATIENT).await;
    assert_eq!((good.verdict, good.scopes), (Verdict::Valid, vec!["read".to_owned()]), "{}", good.message);
    assert_eq!(verdict(client(&server, json!({ "client_secret": "another" }))).await, Verdict::Invalid);
    assert_eq!(verdict(client(&server, json!({ "client_id": "nobody" }))).await, Verdict::Invalid);
    let posting = json!({
        "client_id": "posting", "client_secret": "posted-secret", "client_authentication": "post",
    });
    assert_eq!(verdict(client(&server, posting.clone())).await, Verdict::Valid);
    let mut wrong = posting;
    wrong["client_secret"] = json!("another");
    assert_eq!(verdict(client(&server, wrong)).await, Verdict::Invalid);
}

#[tokio::test]
async fn a_refresh_token_is_introspected_and_still_good_afterwards() {
    let server = OidcProvider::start().await;
    let introspection = server.url("/token/introspection");
    let fields = client(
        &server,
        json!({ "refresh_token": server.given("refresh_token"), "introspection_uri": introspection }),
    );
    for _ in 0..2 {
        let report = credential(fields.clone()).check(PATIENT).await;
        assert_eq!(report.verdict, Verdict::Valid, "{}", report.message);
        assert_eq!(report.identity.as_deref(), Some("octocat"));
        assert_eq!(report.scopes, ["offline_access", "openid"]);
        assert!(report.expires_at.is_some());
    }
    revoke(&server).await;
    assert_eq!(verdict(fields.clone()).await, Verdict::Revoked);
    let mut stranger = fields;
    stranger["client_secret"] = json!("another");
    assert_eq!(verdict(stranger).await, Verdict::Invalid);
}

async fn revoke(server: &OidcProvider) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(server.url("/token/revocation"));
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (encoded(server.given("client_id")), encoded(server.given("client_secret")));
    let request = request.basic_auth(id, Some(secret));
    let body = format!("token={}", server.given("refresh_token"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_access_token_is_shown_to_userinfo() {
    let server = OidcProvider::start().await;
    let with = |token: &str| json!({ "client_id": "keytrail", "access_token": token, "userinfo_uri": server.url("/me") });
    let good = credential(with(server.given("access_token"))).check(PATIENT).await;
    assert_eq!((good.verdict, good.identity.as_deref()), (Verdict::Valid, Some("octocat")));
    assert_eq!(verdict(with(server.given("narrow_token"))).await, Verdict::Limited);
    assert_eq!(verdict(with("another-token")).await, Verdict::Invalid);
}

#[tokio::test]
async fn a_refresh_token_without_introspection_is_not_used_and_stays_unverified() {
    let stub = Stub::reply(200, "{}").await;
    let fields = json!({
        "client_id": "c", "client_secret": "s3cr3t", "refresh_token": "r3fresh", "token_uri": stub.url("/token"),
    });
    assert_eq!(verdict(fields).await, Verdict::Unsupported);
    assert_eq!(stub.connections(), 0);
}

#[tokio::test]
async fn answers_that_this_server_does_not_give_are_understood_from_a_stub() {
    for (status, body, expected) in [
        (400, json!({ "error": "invalid_grant" }), (Verdict::Revoked, None)),
        (400, json!({ "error": "unauthorized_client" }), (Verdict::Limited, None)),
        (400, json!({ "error": "invalid_scope" }), (Verdict::Limited, None)),
        (400, json!({ "error": "invalid_request" }), (Verdict::Inconclusive, Some(Reason::Unexpected))),
        (200, json!("log in"), (Verdict::Inconclusive, Some(Reason::Unexpected))),
        (429, json!({}), (Verdict::Inconclusive, Some(Reason::RateLimited))),
        (500, json!({ "error": "invalid_client" }), (Verdict::Inconclusive, Some(Reason::Unreachable))),
    ] {
        let stub = Stub::reply(status, body.to_string()).await;
        let fields = json!({ "client_id": "c", "client_secret": "s3cr3t", "token_uri": stub.url("/token") });
        let report = credential(fields).check(PATIENT).await;
        assert_eq!((report.verdict, report.reason), expected, "{status} {body}");
    }
}
