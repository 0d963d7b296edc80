//! Opening a websocket and saying who is there.

use std::time::Duration;

use keytrail_server::auth::Rate;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Answer, Heard, Opening, PROTOCOL, Ws, http, open, refused_status},
    world::{Plan, World},
};

#[tokio::test]
async fn only_the_newer_subprotocol_is_spoken() {
    let world = World::start();
    for protocol in [None, Some("graphql-ws"), Some("nonsense"), Some("graphql-ws, other")] {
        let opening = Opening { protocol, ..Opening::default() };
        assert_eq!(refused_status(&world, &opening).await, 400, "{protocol:?}");
    }
    let both = Opening { protocol: Some("graphql-ws, graphql-transport-ws"), ..Opening::default() };
    assert!(open(&world, &both).await.is_ok());
}

#[tokio::test]
async fn foreign_pages_may_not_open_a_socket() {
    let world =
        Plan::with(|plan| plan.options.allowed_origins = vec!["https://board.example".into()]).start();
    let own = format!("http://{}", world.address);
    for (origin, passes) in [
        (own.as_str(), true),
        ("https://board.example", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let opening = Opening { origin: Some(origin), ..PROTOCOL };
        if passes {
            assert!(open(&world, &opening).await.is_ok(), "{origin}");
        } else {
            assert_eq!(refused_status(&world, &opening).await, 403, "{origin}");
        }
    }
}

#[tokio::test]
async fn something_that_is_no_handshake_is_a_json_error() {
    let world = World::start();
    let request = http().get(world.url("/graphql")).header("upgrade", "websocket");
    let answer = Answer::of(request.header("sec-websocket-protocol", "graphql-transport-ws")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn a_token_in_the_first_message_or_in_the_header_is_acknowledged() {
    let world = World::start();
    let ack = Heard::Json(json!({ "type": "connection_ack" }));
    for payload in [
        json!({ "authorization": format!("Bearer {}", world.token()) }),
        json!({ "Authorization": format!("bearer {}", world.token()) }),
        json!({ "token": world.token() }),
    ] {
        let mut socket = Ws::open(&world).await;
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, ack);
    }
    let authorization = Some(format!("Bearer {}", world.token()));
    let mut socket = open(&world, &Opening { authorization, ..PROTOCOL }).await.unwrap();
    socket.say(&json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await, ack);
    let authorization = Some("Bearer nonsense".to_owned());
    assert_eq!(refused_status(&world, &Opening { authorization, ..PROTOCOL }).await, 401);
}

#[tokio::test]
async fn whoever_proves_nothing_is_closed_with_4403() {
    let world = World::start();
    for payload in [
        json!(null),
        json!({}),
        json!({ "token": "nonsense" }),
        json!({ "token": 7 }),
        json!({ "authorization": "Basic x" }),
        json!({ "token": world.token_for("alice", -60) }),
    ] {
        let mut socket = Ws::open(&world).await;
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear_close().await, 4403, "{payload}");
    }
    world.directory.remove("alice");
    let mut socket = Ws::open(&world).await;
    socket.init(&world.token()).await;
    assert_eq!(socket.hear_close().await, 4403);
}

#[tokio::test]
async fn when_membership_cannot_be_looked_up_the_client_is_told_to_come_again() {
    let world = World::start();
    let mut socket = Ws::open(&world).await;
    socket.init(&world.token_for("views down", 60)).await;
    assert_eq!(socket.hear_close().await, 1013);
}

#[tokio::test]
async fn failed_hellos_count_as_failed_attempts() {
    let world = Plan::with(|plan| plan.rates.failures = Rate { per_minute: 1, burst: 2 }).start();
    for reason in ["Forbidden", "Forbidden", "Forbidden: too many failed attempts"] {
        let mut socket = Ws::open(&world).await;
        socket.init("nonsense").await;
        assert_eq!(socket.hear().await, Heard::Close(4403, reason.into()));
    }
}

#[tokio::test]
async fn subscribing_before_the_hello_is_4401() {
    let world = World::start();
    let mut socket = Ws::open(&world).await;
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.hear_close().await, 4401);
    let authorization = Some(format!("Bearer {}", world.token()));
    let mut socket = open(&world, &Opening { authorization, ..PROTOCOL }).await.unwrap();
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.hear_close().await, 4401);
}

#[tokio::test]
async fn no_hello_in_time_is_4408() {
    let world = Plan::with(|plan| plan.options.sockets.init_time = Duration::from_millis(50)).start();
    assert_eq!(Ws::open(&world).await.hear_close().await, 4408);
}

#[tokio::test]
async fn a_second_hello_is_4429() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.init(&world.token()).await;
    assert_eq!(socket.hear_close().await, 4429);
}

#[tokio::test]
async fn what_is_no_message_is_4400() {
    let world = World::start();
    for message in [
        json!({}),
        json!([]),
        json!({ "type": "nonsense" }),
        json!({ "type": "start", "id": "1", "payload": { "query": "{ __typename }" } }),
        json!({ "type": "subscribe", "payload": { "query": "{ __typename }" } }),
        json!({ "type": "subscribe", "id": "", "payload": { "query": "{ __typename }" } }),
        json!({ "type": "subscribe", "id": 1, "payload": { "query": "{ __typename }" } }),
        json!({ "type": "subscribe", "id": "1" }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": 1 } }),
        json!({ "type": "subscribe", "id": "1", "payload": {} }),
        json!({ "type": "complete" }),
        json!({ "type": "subscribe", "id": "x".repeat(65), "payload": { "query": "{ __typename }" } }),
    ] {
        let mut socket = Ws::ready(&world).await;
        socket.say(&message).await;
        assert_eq!(socket.hear_close().await, 4400, "{message}");
    }
    let mut socket = Ws::ready(&world).await;
    socket.send(Message::text("{")).await;
    assert_eq!(socket.hear_close().await, 4400);
    let mut socket = Ws::ready(&world).await;
    socket.send(Message::binary(vec![1])).await;
    assert_eq!(socket.hear_close().await, 1003);
}
