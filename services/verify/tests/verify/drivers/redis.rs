use keytrail_test_support::{Authority, Redis};
use serde_json::json;

use super::{Given, INVALID, LIMITED, UNEXPECTED, UNREACHABLE, VALID, outcome, played};

const PASSWORD: &str = "S3cr3t\r\nQUIT";

#[tokio::test]
async fn redis_says_what_a_password_is_worth() {
    let server = Redis::start().await;
    let user = |name: &'static str, rights: &'static [&'static str]| {
        let rule = format!(">{PASSWORD}");
        let server = &server;
        async move { server.command(&[&["acl", "setuser", name, "on", &rule], rights].concat()).await }
    };
    user("app", &["+ping"]).await;
    user("mute", &["-@all"]).await;
    let fields = json!({
        "host": "localhost", "port": server.tls_port(), "username": "app", "password": PASSWORD,
        "ca": server.authority().pem(),
    });
    let good = Given { slug: "redis", fields };
    let report = good.report().await;
    assert_eq!((outcome(&report), report.identity.as_deref()), (VALID, Some("app")));
    let default = good.but(json!({"username": null}));
    default.is(UNEXPECTED, "asks for no password").await;
    server.command(&["config", "set", "requirepass", PASSWORD]).await;
    let clear = json!({"port": server.port(), "tls": "off", "ca": null});
    default.is(VALID, "accepts").await;
    default.but(clear.clone()).is(VALID, "accepts").await;
    for (change, expected, message) in [
        (json!({"password": "wrong"}), INVALID, "rejects"),
        (json!({"username": "nobody"}), INVALID, "rejects"),
        (json!({"username": null, "password": "wrong"}), INVALID, "rejects"),
        (json!({"username": "mute"}), LIMITED, "may not `PING`"),
        (json!({"ca": Authority::new().pem()}), UNREACHABLE, "certificate is not trusted"),
        (json!({"ca": null}), UNREACHABLE, "certificate is not trusted"),
        (json!({"tls": "off"}), UNREACHABLE, ""),
        (clear, VALID, "accepts"),
    ] {
        good.but(change).is(expected, message).await;
    }
    // A server without TLS takes the handshake for half a command.
    good.but(json!({"port": server.port()})).finds_no_answer().await;
    server.command(&["acl", "setuser", "app", "resetpass", ">another"]).await;
    good.is(INVALID, "rejects").await;
    server.stop();
    good.is(UNREACHABLE, "could not be reached").await;
}

#[tokio::test]
async fn a_port_where_nobody_speaks_redis_proves_nothing_played() {
    let fields = json!({"host": "127.0.0.1", "port": 1, "tls": "off", "password": PASSWORD});
    let given = Given { slug: "redis", fields };
    given.finds_silence_to_be_a_timeout().await;
    given.but(json!({"tls": "on"})).finds_silence_to_be_a_timeout().await;
    for (answer, expected) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", UNREACHABLE),
        ("-ERR max number of clients reached\r\n", UNREACHABLE),
        ("-ERR invalid password\r\n", INVALID),
        ("HTTP/1.1 400 Bad Request\r\n", UNEXPECTED),
        ("+OK\r\n+PONG\r\n", VALID),
        ("+OK\r\n-NOAUTH Authentication required.\r\n", INVALID),
    ] {
        let port = played(answer.into()).await;
        given.but(json!({"port": port})).is(expected, "").await;
    }
    let port = played(vec![b'x'; 100_000]).await;
    given.but(json!({"port": port})).is(UNEXPECTED, "").await;
}
