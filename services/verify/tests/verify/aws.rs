//! AWS against moto, which checks signatures, and against answers that moto does not give.

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use keytrail_test_support::Moto;
use serde_json::json;

use crate::{
    harness::{Credential, PATIENT},
    stub::Stub,
};

fn key(endpoint: &str, id: &str, secret: &str) -> Credential {
    let fields = json!({ "endpoint": endpoint, "access_key_id": id, "secret_access_key": secret });
    Credential::new("aws", fields)
}

#[tokio::test]
async fn moto_takes_the_right_secret_and_no_other() {
    let moto = Moto::start().await;
    let good = key(&moto.url(), &moto.access_key_id, &moto.secret_access_key).check(PATIENT).await;
    assert_eq!(good.verdict, Verdict::Valid, "{}", good.message);
    assert_eq!(good.identity.as_deref(), Some("arn:aws:iam::123456789012:user/ci"));
    let other = key(&moto.url(), &moto.access_key_id, &"x".repeat(40)).check(PATIENT).await;
    assert_eq!(other.verdict, Verdict::Invalid, "{}", other.message);
    let unknown = key(&moto.url(), "AKIAIOSFODNN7EXAMPLE", &moto.secret_access_key).check(PATIENT).await;
    assert_eq!(unknown.verdict, Verdict::Invalid, "{}", unknown.message);
}

fn refused(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}

#[tokio::test]
async fn answers_of_aws_that_moto_does_not_give_are_understood_from_a_stub() {
    let inconclusive = |reason| (Verdict::Inconclusive, Some(reason));
    for (status, body, expected, requests) in [
        (403, refused("InvalidClientTokenId", ""), (Verdict::Invalid, None), 1),
        (403, refused("SignatureDoesNotMatch", "no match"), (Verdict::Invalid, None), 2),
        (403, refused("SignatureDoesNotMatch", "Signature expired: x"), inconclusive(Reason::Unexpected), 2),
        (403, refused("ExpiredToken", ""), (Verdict::Expired, None), 1),
        (403, refused("AccessDenied", ""), (Verdict::Limited, None), 1),
        (400, refused("Throttling", ""), inconclusive(Reason::RateLimited), 1),
        (403, "<html>blocked".to_owned(), inconclusive(Reason::Unexpected), 1),
        (200, "<html>log in".to_owned(), inconclusive(Reason::Unexpected), 1),
        (429, String::new(), inconclusive(Reason::RateLimited), 1),
        (503, String::new(), inconclusive(Reason::Unreachable), 1),
    ] {
        let stub = Stub::reply(status, body.clone()).await;
        let report = key(&stub.url(""), "AKIAIOSFODNN7EXAMPLE", "s3cr3t-key").check(PATIENT).await;
        assert_eq!((report.verdict, report.reason), expected, "{status} {body}");
        assert_eq!(stub.connections(), requests, "{status} {body}");
    }
}

#[tokio::test]
async fn a_session_token_and_the_region_are_signed() {
    let stub = Stub::reply(403, refused("ExpiredToken", "")).await;
    let fields = json!({
        "endpoint": stub.url(""), "access_key_id": "ASIAIOSFODNN7EXAMPLE", "secret_access_key": "s3cr3t-key",
        "session_token": "t0ken-of-session", "region": "eu-west-1",
    });
    Credential::new("aws", fields).check(PATIENT).await;
    let seen = stub.only_request();
    let (signature, token) = (&seen.headers["authorization"], &seen.headers["x-amz-security-token"]);
    assert!(signature.contains("/20260101/eu-west-1/sts/aws4_request"), "{signature}");
    assert!(signature.contains("x-amz-security-token"), "{signature}");
    assert_eq!(token, "t0ken-of-session");
    assert_eq!(seen.body, "Action=GetCallerIdentity&Version=2011-06-15");
}
