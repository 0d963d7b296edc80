//! What the verifier promises, whatever the other side does.

use base64::{Engine, engine::general_purpose::STANDARD};
use keytrail_domain::{
    SecretPayload, SecretValue,
    verification::{InconclusiveReason as Reason, Report, Verdict},
};
use keytrail_ports::{Clock, Verifier};
use serde_json::json;

use crate::{
    harness::{Credential, FixedClock, PATIENT, SHORT, verifier},
    stub::{Play, Reply, Stub},
};

const TOKEN: &str = "ghp_S3cr3tS3cr3tS3cr3t";

fn github(base_url: &str) -> Credential {
    Credential::new("github", json!({"base_url": base_url, "token": TOKEN}))
}

fn outcome(report: &Report) -> (Verdict, Option<Reason>) {
    (report.verdict, report.reason)
}

const fn inconclusive(reason: Reason) -> (Verdict, Option<Reason>) {
    (Verdict::Inconclusive, Some(reason))
}

#[tokio::test]
async fn no_answer_in_time_proves_nothing() {
    for play in [Play::Hang, Play::Drip] {
        let stub = Stub::start(play).await;
        assert_eq!(outcome(&github(&stub.url("")).check(SHORT).await), inconclusive(Reason::Timeout));
    }
}

#[tokio::test]
async fn no_connection_proves_nothing() {
    let gone = Stub::reply(200, "").await.url("");
    assert_eq!(outcome(&github(&gone).check(PATIENT).await), inconclusive(Reason::Unreachable));
}

#[tokio::test]
async fn what_no_rule_knows_proves_nothing() {
    for status in [201, 204, 302, 400, 404, 410, 418, 500, 502, 503] {
        let stub = Stub::reply(status, "{}").await;
        let report = github(&stub.url("")).check(PATIENT).await;
        assert_eq!(outcome(&report), inconclusive(Reason::Unexpected), "{status}");
        assert!(report.message.contains(&status.to_string()), "{}", report.message);
    }
    let stub = Stub::reply(429, "").await;
    assert_eq!(outcome(&github(&stub.url("")).check(PATIENT).await), inconclusive(Reason::RateLimited));
}

#[tokio::test]
async fn the_secret_goes_to_no_host_that_is_not_allowed() {
    let stub = Stub::reply(200, "{}").await;
    let port = stub.address.port();
    let other_port = format!("127.0.0.1:{}", port ^ 1);
    for hosts in [vec![], vec!["api.github.com".into()], vec!["127.0.0.1".into()], vec![other_port]] {
        let report = github(&stub.url("")).check_for(PATIENT, &hosts).await;
        assert_eq!(outcome(&report), inconclusive(Reason::Unreachable), "{hosts:?}");
        assert_eq!(report.message, "the host is not one of the allowed hosts");
    }
    assert_eq!(stub.connections(), 0);
    let report = github(&stub.url("")).check_for(PATIENT, &[format!("127.0.0.1:{port}")]).await;
    assert_eq!(report.verdict, Verdict::Valid);
}

#[tokio::test]
async fn hosts_come_from_the_fields_and_from_defaults() {
    assert_eq!(github("https://GHE.corp:8443/api/v3").hosts(), ["ghe.corp:8443"]);
    assert_eq!(Credential::new("github", json!({"token": TOKEN})).hosts(), ["api.github.com"]);
    let component = Credential::new("github", json!({"token": TOKEN})).component;
    assert_eq!(verifier(PATIENT).default_hosts(&component, &Default::default()), ["api.github.com"]);
}

#[tokio::test]
async fn an_answer_that_echoes_the_secret_gives_no_identity_and_no_scope() {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    for echo in [
        TOKEN.to_owned(),
        format!("you sent {TOKEN}!"),
        TOKEN.to_uppercase(),
        STANDARD.encode(TOKEN),
        STANDARD.encode(format!("user:{TOKEN}:x")),
        hex,
        TOKEN.replace('_', "%5F"),
        TOKEN.replace('_', "\\u005f"),
    ] {
        let headers = vec![("x-oauth-scopes".to_owned(), format!("repo, {echo}"))];
        let body = json!({"login": echo}).to_string();
        let stub = Stub::start(Play::Reply(Reply { status: 200, headers, body })).await;
        let report = github(&stub.url("")).check(PATIENT).await;
        assert_eq!(
            (report.verdict, report.identity, report.scopes),
            (Verdict::Valid, None, vec!["repo".into()]),
            "{echo}"
        );
    }
}

#[tokio::test]
async fn identity_and_scopes_are_bounded_and_printable() {
    let scopes: Vec<_> =
        (0..200).map(|n| format!("s{n:03}")).chain(["x".repeat(300), "a\tb".into()]).collect();
    let headers = vec![("x-oauth-scopes".to_owned(), scopes.join(","))];
    let body = json!({"login": "ü".repeat(300)}).to_string();
    let stub = Stub::start(Play::Reply(Reply { status: 200, headers, body })).await;
    let report = github(&stub.url("")).check(PATIENT).await;
    assert_eq!(report.identity, Some("ü".repeat(256)));
    assert_eq!((report.scopes.len(), report.scopes[0].as_str()), (64, "s000"));
    for odd in ["a\nb", "a\u{202e}b", "\u{200b}", "  ", ""] {
        let stub = Stub::reply(200, json!({"login": odd}).to_string()).await;
        assert_eq!(github(&stub.url("")).check(PATIENT).await.identity, None, "{odd:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_or_no_json_is_judged_by_its_status_alone() {
    let flood = Stub::start(Play::Flood).await;
    let report = github(&flood.url("")).check(PATIENT).await;
    assert_eq!((report.verdict, report.identity), (Verdict::Valid, None));
    let slack = |url: &str| Credential::new("slack", json!({"base_url": url, "bot_token": "xoxb-1234"}));
    assert_eq!(outcome(&slack(&flood.url("")).check(PATIENT).await), inconclusive(Reason::Unexpected));
    let page = Stub::reply(200, "<html>log in").await;
    assert_eq!(outcome(&slack(&page.url("")).check(PATIENT).await), inconclusive(Reason::Unexpected));
}

#[tokio::test]
async fn a_value_cannot_change_the_shape_of_a_request() {
    let stub = Stub::reply(200, "{}").await;
    let token = |value: &str| SecretPayload::new([("token".to_owned(), SecretValue::new(value.to_owned()))]);
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\0b"] {
        let mut credential = github(&stub.url(""));
        credential.fields.secrets = token(value);
        assert_eq!(outcome(&credential.check(PATIENT).await), inconclusive(Reason::Unexpected), "{value:?}");
    }
    for base_url in ["http://u:p@127.0.0.1", "file:///etc/passwd", "http://127.0.0.1#", "http://127.0.0.1?x="]
    {
        let mut credential = github(&stub.url(""));
        credential.fields.plain.insert("base_url".to_owned(), base_url.into());
        let report = credential.check_for(PATIENT, &["127.0.0.1".to_owned()]).await;
        assert_eq!(outcome(&report), inconclusive(Reason::Unexpected), "{base_url}");
    }
    assert_eq!(stub.connections(), 0);
}

#[tokio::test]
async fn values_are_encoded_where_they_stand() {
    let stub = Stub::reply(200, "").await;
    let key = "k&y=1#/?%2F";
    let fields = json!({"base_url": stub.url("/api/"), "check_path": "/a b&/ü".replace(' ', "+"), "query_name": "k[]", "value": key});
    assert_eq!(Credential::new("http-api-key", fields).check(PATIENT).await.verdict, Verdict::Valid);
    assert_eq!(stub.only_request().target, "/api/a%2Bb%26/%C3%BC?k%5B%5D=k%26y%3D1%23%2F%3F%252F");
}

#[tokio::test]
async fn a_component_without_a_check_is_unsupported_and_a_broken_one_proves_nothing() {
    let mut credential = github("https://api.github.com");
    let mut component = (*credential.component).clone();
    component.verify = None;
    credential.component = component.clone().into();
    assert_eq!(outcome(&credential.check(SHORT).await), (Verdict::Unsupported, None));
    component.verify = Some(json!({"checks": [{"x": 1}]}));
    credential.component = component.into();
    assert_eq!(outcome(&credential.check(SHORT).await), inconclusive(Reason::Unexpected));
}

#[tokio::test]
async fn an_end_that_is_given_in_seconds_counts_from_the_clock() {
    let answer = |data: serde_json::Value| json!({"data": data}).to_string();
    for (data, expected) in [
        (json!({"ttl": 3600}), Some(FixedClock.now().plus_seconds(3600))),
        (json!({"ttl": "3600.9"}), Some(FixedClock.now().plus_seconds(3600))),
        (json!({"ttl": 0}), None),
        (json!({"ttl": -5}), None),
        (json!({"ttl": "soon"}), None),
        (json!({"ttl": 0, "expire_time": null}), None),
    ] {
        let stub = Stub::reply(200, answer(data.clone())).await;
        let vault = Credential::new("vault", json!({"address": stub.url(""), "token": "hvs.token"}));
        assert_eq!(vault.check(PATIENT).await.expires_at, expected, "{data}");
    }
}
