//! Operations on a websocket.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::{
    client::{Heard, Ws, code_of},
    world::{World, eventually},
};

#[tokio::test]
async fn a_subscription_says_each_result_and_then_complete() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("a", "subscription { count(to: 2) }").await;
    for number in [1, 2] {
        let wanted = json!({ "id": "a", "type": "next", "payload": { "data": { "count": number } } });
        assert_eq!(socket.hear_json().await, wanted);
    }
    assert_eq!(socket.hear_json().await, json!({ "id": "a", "type": "complete" }));
    socket.subscribe("a", "{ add(a: 1, b: 2) }").await;
    assert_eq!(socket.hear_json().await["payload"]["data"]["add"], 3, "an id that is over can be used again");
}

#[tokio::test]
async fn queries_and_mutations_with_variables_run_too() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    let payload = json!({
        "query": "query q($a: Int!) { add(a: $a, b: 1) } mutation m { bump }",
        "operationName": "q", "variables": { "a": 41 }, "extensions": null
    });
    socket.say(&json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
    assert_eq!(socket.hear_json().await["payload"], json!({ "data": { "add": 42 } }));
    assert_eq!(socket.hear_json().await["type"], "complete");
    socket.subscribe("2", "mutation { bump }").await;
    assert_eq!(socket.hear_json().await["payload"], json!({ "data": { "bump": 1 } }));
}

#[tokio::test]
async fn a_request_that_is_not_executed_is_an_error_message_and_over() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    for (text, code) in [
        ("{ nothing }", "BAD_USER_INPUT"),
        ("{", "BAD_USER_INPUT"),
        ("query($a: Int!) { add(a: $a, b: 1) }", "BAD_USER_INPUT"),
        ("subscription { denied }", "FORBIDDEN"),
        ("subscription { count(to: 1) forever }", "BAD_USER_INPUT"),
    ] {
        socket.subscribe("1", text).await;
        let heard = socket.hear_json().await;
        assert_eq!((&heard["type"], &heard["id"]), (&json!("error"), &json!("1")), "{text}: {heard}");
        assert_eq!(code_of(&heard["payload"][0]), code, "{text}: {heard}");
    }
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.hear_json().await["type"], "next", "nothing follows an error, and the id is free");
}

#[tokio::test]
async fn errors_of_resolvers_are_part_of_results() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "{ mustBe }").await;
    let heard = socket.hear_json().await;
    assert_eq!((&heard["type"], &heard["payload"]["data"]), (&json!("next"), &json!(null)));
    assert_eq!(code_of(&heard["payload"]["errors"][0]), "NOT_FOUND");
    assert_eq!(socket.hear_json().await["type"], "complete");

    socket.subscribe("2", "subscription { stumbles }").await;
    assert_eq!(socket.hear_json().await["payload"]["data"]["stumbles"], 1);
    let heard = socket.hear_json().await;
    assert_eq!(code_of(&heard["payload"]["errors"][0]), "INTERNAL", "{heard}");
    assert!(!heard.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_panic_ends_the_operation_and_not_the_socket() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "{ panics }").await;
    let heard = socket.hear_json().await;
    assert_eq!(code_of(&heard["payload"]["errors"][0]), "INTERNAL", "{heard}");
    assert_eq!(socket.hear_json().await["type"], "complete");
    socket.subscribe("2", "{ __typename }").await;
    assert_eq!(socket.hear_json().await["type"], "next");
}

#[tokio::test]
async fn an_id_in_use_is_4409() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("busy", "subscription { forever }").await;
    socket.hear_json().await;
    socket.subscribe("busy", "subscription { forever }").await;
    assert_eq!(socket.hear().await, Heard::Close(4409, "Subscriber for busy already exists".into()));
}

#[tokio::test]
async fn a_client_can_complete_and_hears_nothing_more_of_it() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "subscription { forever }").await;
    socket.hear_json().await;
    assert_eq!(world.levers.alive.load(Ordering::SeqCst), 1);
    socket.say(&json!({ "id": "1", "type": "complete" })).await;
    eventually(async || world.levers.alive.load(Ordering::SeqCst) == 0, "the subscription ends").await;
    socket.say(&json!({ "id": "unknown", "type": "complete" })).await;
    socket.subscribe("1", "subscription { count(to: 1) }").await;
    assert_eq!(socket.hear_json().await["payload"]["data"]["count"], 1);
}

#[tokio::test]
async fn operations_run_beside_each_other() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("slow", "{ waits }").await;
    world.levers.begun.notified().await;
    socket.subscribe("quick", "{ __typename }").await;
    assert_eq!(socket.hear_json().await["id"], "quick");
    assert_eq!(socket.hear_json().await["type"], "complete");
    world.levers.go_on.notify_one();
    assert_eq!(socket.hear_json().await["id"], "slow");
}

#[tokio::test]
async fn pings_are_answered_with_their_payload_before_and_after_the_hello() {
    let world = World::start();
    let mut socket = Ws::open(&world).await;
    socket.say(&json!({ "type": "ping" })).await;
    assert_eq!(socket.hear_json().await, json!({ "type": "pong" }));
    socket.init(&world.token()).await;
    socket.hear_json().await;
    socket.say(&json!({ "type": "pong", "payload": {} })).await;
    socket.say(&json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(socket.hear_json().await, json!({ "type": "pong", "payload": { "a": 1 } }));
}

#[tokio::test]
async fn membership_is_looked_up_for_each_operation() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    world.directory.remove("alice");
    socket.subscribe("1", "{ __typename }").await;
    let heard = socket.hear_json().await;
    assert_eq!(
        (heard["type"].as_str(), code_of(&heard["payload"][0]).as_str()),
        (Some("error"), "UNAUTHENTICATED")
    );
}

#[tokio::test]
async fn a_clients_close_is_answered_and_ends_its_operations() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "subscription { forever }").await;
    socket.hear_json().await;
    world.metric_becomes("keytrail_http_sockets_open 1").await;
    socket.0.close(None).await.unwrap();
    assert!(matches!(socket.hear().await, Heard::Close(..)));
    assert_eq!(socket.hear().await, Heard::Cut);
    world.metric_becomes("keytrail_http_sockets_open 0").await;
    assert_eq!(world.levers.alive.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_vanishes_ends_its_operations() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "subscription { forever }").await;
    socket.hear_json().await;
    drop(socket);
    eventually(async || world.levers.alive.load(Ordering::SeqCst) == 0, "the subscription ends").await;
}
