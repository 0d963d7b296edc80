use keytrail_test_support::{Authority, MariaDb};
use serde_json::json;

use super::{Given, INVALID, LIMITED, UNEXPECTED, UNREACHABLE, VALID, outcome, played};

const PASSWORD: &str = "S3cr3t pä'ss";
const USERS: &str = "
    create database shop; create database closed;
    create user app@'%' identified by 'S3cr3t pä''ss'; grant all on shop.* to app@'%';
    create user crowded@'%' identified by 'S3cr3t pä''ss' with max_connections_per_hour 1;
    create user locked@'%' identified by 'S3cr3t pä''ss' account lock;
    create user tls@'%' identified by 'S3cr3t pä''ss' require ssl;";

fn given(server: &MariaDb) -> Given {
    let fields = json!({
        "host": "localhost", "port": server.port(), "database": "shop", "username": "app",
        "password": PASSWORD, "ca": server.authority().pem(),
    });
    Given { slug: "mysql", fields }
}

#[tokio::test]
async fn mariadb_says_what_a_password_is_worth() {
    let server = MariaDb::start().await;
    server.sql(USERS).await;
    let good = given(&server);
    let report = good.report().await;
    assert_eq!((outcome(&report), report.identity.as_deref()), (VALID, Some("app")), "{report:?}");
    good.but(json!({"username": "crowded", "database": null})).is(VALID, "accepts").await;
    for (change, expected, message) in [
        (json!({"host": "127.0.0.1", "database": null}), VALID, "accepts"),
        (json!({"password": "wrong"}), INVALID, "rejects the user or the password"),
        (json!({"username": "nobody"}), INVALID, "rejects the user or the password"),
        (json!({"database": "closed"}), LIMITED, "may not use the database"),
        (json!({"username": "crowded", "database": null}), UNREACHABLE, "too many clients"),
        (json!({"username": "locked", "database": null}), INVALID, "locked"),
        (json!({"username": "tls", "database": null}), VALID, "accepts"),
        (json!({"ca": Authority::new().pem()}), UNREACHABLE, "certificate is not trusted"),
        (json!({"ca": null}), UNREACHABLE, "certificate is not trusted"),
        (json!({"tls": "off"}), VALID, "accepts"),
        (json!({"tls": "off", "password": "wrong"}), INVALID, "rejects"),
    ] {
        good.but(change).is(expected, message).await;
    }
    server.sql("grant all on *.* to app@'%'").await;
    good.but(json!({"database": "nonesuch"})).is(VALID, "no such database").await;
    server.sql("set password for app@'%' = password('another')").await;
    good.is(INVALID, "rejects the user or the password").await;
    good.but(json!({"password": "another"})).is(VALID, "accepts").await;
    server.stop();
    good.is(UNREACHABLE, "could not be reached").await;
}

#[tokio::test]
async fn no_password_goes_to_a_mariadb_without_tls_unless_that_was_chosen() {
    let server = MariaDb::start_without_tls().await;
    server.sql(USERS).await;
    let good = given(&server);
    good.is(UNEXPECTED, "offers no TLS").await;
    good.but(json!({"tls": "off"})).is(VALID, "accepts").await;
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let head = u32::try_from(body.len()).unwrap() | u32::from(sequence) << 24;
    [&head.to_le_bytes(), body].concat()
}

/// A server's first packet, with `caching_sha2_password` and without TLS.
fn greeting() -> Vec<u8> {
    let capabilities: [[u8; 2]; 2] = [[0xff, 0xf7], [0x08, 0x00]];
    let body = [
        b"\x0a8.4.0\0\x01\0\0\0abcdefgh\0".as_slice(),
        &capabilities[0],
        b"\x2d\x02\0",
        &capabilities[1],
        b"\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0",
    ];
    packet(0, &body.concat())
}

/// A MySQL 8 server is in no registry: what it says is played.
#[tokio::test]
async fn mysql_says_what_a_password_is_worth_played() {
    let fields = json!({
        "host": "127.0.0.1", "port": 1, "tls": "off", "username": "app", "password": PASSWORD,
    });
    let given = Given { slug: "mysql", fields };
    given.finds_silence_to_be_a_timeout().await;
    let error =
        |sequence, code: u16| packet(sequence, &[&[0xff], &code.to_le_bytes()[..], b"#HY000no"].concat());
    let after_greeting = |packets: &[Vec<u8>]| [vec![greeting()], packets.to_vec()].concat().concat();
    let done = packet(3, b"\0\0\0\x02\0\0\0");
    for (answer, expected, message) in [
        (error(0, 1040), UNREACHABLE, "too many clients"),
        (error(0, 1129), UNEXPECTED, "whatever the password"),
        (error(0, 1045), UNEXPECTED, "proves nothing"),
        (error(0, 1049), UNEXPECTED, "proves nothing"),
        (error(0, 1862), UNEXPECTED, "proves nothing"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), UNEXPECTED, "not of its protocol"),
        (
            after_greeting(&[packet(2, b"\x01\x03"), done.clone(), packet(1, b"\0\0\0\x02\0\0\0")]),
            VALID,
            "accepts",
        ),
        (after_greeting(&[packet(2, b"\x01\x04")]), UNEXPECTED, "only with TLS"),
        (after_greeting(&[packet(2, b"\xfemysql_clear_password\0")]), UNEXPECTED, "only with TLS"),
        (after_greeting(&[packet(2, b"\xfedialog\0")]), UNEXPECTED, "not known here"),
        (after_greeting(&[error(2, 1045)]), INVALID, "rejects"),
        (after_greeting(&[error(2, 3159)]), UNEXPECTED, "wants TLS"),
    ] {
        let port = played(answer).await;
        given.but(json!({"port": port})).is(expected, message).await;
    }
    let port = played(greeting()).await;
    given.but(json!({"port": port, "tls": "on"})).is(UNEXPECTED, "offers no TLS").await;
}
