//! The plain routes, and what every answer has.

use actix_web::{HttpResponse, web};
use keytrail_server::http::{GraphiqlPage, MetricsRoute, ServerOptions, start_metrics};
use std::sync::Arc;

use crate::{
    client::{Answer, JSON, http, post, query},
    world::{Plan, World},
};

async fn get(world: &World, path: &str) -> Answer {
    Answer::of(http().get(world.url(path))).await
}

#[tokio::test]
async fn liveness_is_plain_and_readiness_names_each_part() {
    let world = World::start();
    assert_eq!(get(&world, "/healthz").await.status, 200);
    let ready = get(&world, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["parts"]["vault"]["ready"]), (200, &true.into()));
    world.directory.break_part("vault");
    let broken = get(&world, "/readyz").await;
    assert_eq!(broken.status, 503);
    assert_eq!(broken.json()["parts"]["vault"], serde_json::json!({ "ready": false, "trouble": "sealed" }));
    assert_eq!(broken.json()["parts"]["log"]["ready"], true);
    assert_eq!(get(&world, "/healthz").await.status, 200);
}

#[tokio::test]
async fn readiness_is_a_number_for_each_part() {
    let world = World::start();
    let ready = async |part: &str, number: u8| {
        let text = world.metrics().await;
        let line = format!("keytrail_ready{{part=\"{part}\"}} {number}");
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    };
    ready("vault", 1).await;
    world.directory.break_part("vault");
    ready("vault", 0).await;
    ready("log", 1).await;
}

#[tokio::test]
async fn failures_are_counted_from_zero_on() {
    let text = World::start().metrics().await;
    let line = r#"keytrail_http_requests_total{route="/graphql",outcome="failed"} 0"#;
    assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
}

#[tokio::test]
async fn the_public_keys_are_published() {
    let world = World::start();
    let keys = get(&world, "/.well-known/jwks.json").await.json();
    assert_eq!((keys["keys"][0]["alg"].as_str(), keys["keys"][0].get("d")), (Some("EdDSA"), None));
}

#[tokio::test]
async fn requests_and_sockets_are_counted_without_naming_a_tenant() {
    let world = World::start();
    Answer::of(post(&world, JSON, &query("{ __typename }"))).await;
    Answer::of(post(&world, JSON, &query("{ nothing }"))).await;
    Answer::of(post(&world, JSON, &query("{ refused }"))).await;
    let text = world.metrics().await;
    for line in [
        r#"keytrail_http_requests_total{route="/graphql",outcome="ok"} 1"#,
        r#"keytrail_http_requests_total{route="/graphql",outcome="refused"} 1"#,
        r#"keytrail_http_requests_total{route="/graphql",outcome="field_errors"} 1"#,
        "keytrail_http_sockets_open 0",
        "keytrail_http_subscriptions_open 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("keytrail_http_request_duration_seconds_bucket"));
    assert!(!text.contains("acme") && !text.contains("ten_") && !text.contains("alice"));
}

#[tokio::test]
async fn addresses_that_callers_invent_make_no_new_numbers() {
    let world = World::start();
    for path in ["/a", "/b", "/graphql/c"] {
        assert_eq!(get(&world, path).await.code(), "NOT_FOUND");
    }
    let text = world.metrics().await;
    assert!(text.contains(r#"{route="other",outcome="refused"} 3"#), "{text}");
}

#[tokio::test]
async fn metrics_can_have_an_address_of_their_own() {
    let world = Plan::with(|plan| plan.options.metrics = MetricsRoute::Elsewhere).start();
    assert_eq!(get(&world, "/metrics").await.status, 404);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = start_metrics(listener, Arc::clone(&world.state)).unwrap();
    let url = |path| format!("http://{}{path}", own.address());
    assert!(Answer::of(http().get(url("/metrics"))).await.text.contains("keytrail_http_requests"));
    assert_eq!(Answer::of(http().get(url("/graphql"))).await.status, 404);
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    let world = World::start();
    for path in ["/healthz", "/nothing", "/graphql", "/metrics"] {
        let answer = get(&world, path).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
}

#[tokio::test]
async fn the_query_page_is_there_for_development_only_and_loads_nothing_from_elsewhere() {
    assert_eq!(get(&World::start(), "/graphiql").await.status, 404);
    let world = Plan::with(|plan| plan.options.graphiql = GraphiqlPage::Served).start();
    let page = get(&world, "/graphiql").await;
    assert!(page.header("content-type").starts_with("text/html") && !page.text.contains("http"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    for path in ["/graphiql.js", "/graphiql.css"] {
        assert!(page.text.contains(path) && get(&world, path).await.status == 200, "{path}");
    }
}

#[tokio::test]
async fn other_parts_can_add_routes() {
    let extra = Arc::new(|config: &mut web::ServiceConfig| {
        config.route("/oauth2/callback", web::get().to(HttpResponse::NoContent));
    });
    let world = Plan::with(|plan| {
        plan.server = ServerOptions { workers: 1, extra: Some(extra), ..ServerOptions::default() }
    });
    let answer = get(&world.start(), "/oauth2/callback").await;
    assert_eq!((answer.status, answer.header("x-request-id").len()), (204, 36));
}

#[tokio::test]
async fn other_methods_on_plain_routes_are_405() {
    let world = World::start();
    for path in ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"] {
        let answer = Answer::of(http().post(world.url(path))).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET"), "{path}");
    }
}

#[tokio::test]
async fn with_a_certificate_only_tls_is_spoken() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let world = Plan::with(|plan| plan.server.tls = Some(tls)).start();
    let trusted = reqwest::Certificate::from_der(made.cert.der()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let answer = Answer::of(client.get(world.url("/healthz"))).await;
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, "max-age=31536000"));
    let plain = http().get(format!("http://{}/healthz", world.address)).send().await;
    assert!(plain.is_err());
}
