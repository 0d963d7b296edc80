use keytrail_test_support::{Authority, Postgres, eventually};
use serde_json::json;

use super::{Given, INVALID, LIMITED, Outcome, UNEXPECTED, UNREACHABLE, VALID, outcome, played};

const PASSWORD: &str = "S3cr3t pa'ss\\wörd";

async fn server() -> (Postgres, Given) {
    let server = Postgres::start().await;
    server
        .sql(
            r"set password_encryption = 'md5';
              create role old login password 'an old one';
              reset password_encryption;
              create role app login password 'S3cr3t pa''ss\wörd';
              create role clear login password 'S3cr3t pa''ss\wörd';
              create role nologin nologin password 'S3cr3t pa''ss\wörd';
              create role crowded login password 'S3cr3t pa''ss\wörd' connection limit 0;",
        )
        .await;
    server.sql("create database shop").await;
    server.sql("create database closed").await;
    server.sql("revoke connect on database closed from public").await;
    let fields = json!({
        "host": "localhost", "port": server.port(), "database": "shop", "username": "app",
        "password": PASSWORD, "ca": server.authority().pem(),
    });
    (server, Given { slug: "postgres", fields })
}

#[tokio::test]
async fn postgresql_says_what_a_password_is_worth() {
    let (server, good) = server().await;
    let report = good.report().await;
    assert_eq!((outcome(&report), report.identity.as_deref()), (VALID, Some("app")));
    good.but(json!({"host": "127.0.0.1"})).is(VALID, "accepts").await;
    good.but(json!({"host": "LOCALHOST."})).is(VALID, "accepts").await;
    for (change, expected, message) in [
        (json!({"password": "wrong"}), INVALID, "rejects the user or the password"),
        (json!({"username": "nobody"}), INVALID, "rejects the user or the password"),
        (json!({"username": "nologin"}), INVALID, "does not let this user in"),
        (json!({"database": "nonesuch"}), VALID, "no such database"),
        (json!({"database": null}), VALID, "no such database"),
        (json!({"database": "closed"}), LIMITED, "may not use the database"),
        (json!({"username": "crowded"}), UNREACHABLE, "too many clients"),
        (json!({"ca": Authority::new().pem()}), UNREACHABLE, "certificate is not trusted"),
        (json!({"ca": null}), UNREACHABLE, "certificate is not trusted"),
        (json!({"ca": "no certificate"}), UNREACHABLE, "no certificate authority"),
        (json!({"sslmode": "disable"}), UNEXPECTED, "access rules"),
        (json!({"sslmode": "disable", "username": "clear", "ca": null}), VALID, "accepts"),
        (json!({"sslmode": "disable", "username": "clear", "password": "x"}), INVALID, "rejects"),
        (json!({"sslmode": "disable", "username": "old", "password": "an old one"}), VALID, "accepts"),
        (json!({"sslmode": "disable", "username": "old", "password": "x"}), INVALID, "rejects"),
    ] {
        good.but(change).is(expected, message).await;
    }

    server.sql("alter role app password 'another'").await;
    good.is(INVALID, "rejects the user or the password").await;
    good.but(json!({"password": "another"})).is(VALID, "accepts").await;

    server.sql("alter system set ssl = off").await;
    server.sql("select pg_reload_conf()").await;
    let another = good.but(json!({"password": "another"}));
    eventually("the server takes TLS away", async || {
        (another.report().await.message == "the server offers no TLS, so no password was sent").then_some(())
    })
    .await;
    server.stop();
    another.is(UNREACHABLE, "could not be reached").await;
}

#[tokio::test]
async fn a_port_where_nobody_speaks_postgresql_proves_nothing() {
    let fields = json!({"host": "127.0.0.1", "port": 1, "username": "app", "password": PASSWORD});
    let given = Given { slug: "postgres", fields };
    given.finds_silence_to_be_a_timeout().await;
    for answer in ["N", "E", "HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let port = played(answer.into()).await;
        given.but(json!({"port": port})).is(UNEXPECTED, "offers no TLS").await;
    }
    let port = played("Sno handshake at all, this is not".into()).await;
    given.but(json!({"port": port})).is(UNREACHABLE, "does not speak TLS").await;
}

/// An `ErrorResponse` of the protocol.
fn error_response(code: &str) -> Vec<u8> {
    error_with(code, "")
}

/// The same with more fields, each ended by a null character.
fn error_with(code: &str, more: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0Mgone\0{more}\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

fn in_the_clear() -> Given {
    let fields = json!({
        "host": "127.0.0.1", "port": 1, "username": "app", "password": PASSWORD, "sslmode": "disable",
    });
    Given { slug: "postgres", fields }
}

#[tokio::test]
async fn a_server_that_starts_or_stops_proves_nothing_played() {
    let given = in_the_clear();
    let cases: [(&str, Outcome, &str); 4] = [
        ("57P03", UNREACHABLE, "not ready"),
        ("53300", UNREACHABLE, "too many clients"),
        ("XX000", UNEXPECTED, "proves nothing"),
        ("28P01", INVALID, "rejects"),
    ];
    for (code, expected, message) in cases {
        let port = played(error_response(code)).await;
        given.but(json!({"port": port})).is(expected, message).await;
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_user_proves_nothing_played() {
    let given = in_the_clear();
    for more in ["", "Rauth_failed\0", "RClientAuthentication\0"] {
        let port = played(error_with("28000", more)).await;
        given.but(json!({"port": port})).is(UNEXPECTED, "access rules").await;
    }
    let port = played(error_with("28000", "RInitializeSessionUserId\0")).await;
    given.but(json!({"port": port})).is(INVALID, "does not let this user in").await;
}
