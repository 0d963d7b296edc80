//! What one socket, and all of them, may use.

use std::{
    io::{Error, ErrorKind},
    time::Duration,
};

use keytrail_server::auth::Rate;
use serde_json::json;
use tokio_tungstenite::{MaybeTlsStream, tungstenite::Message};

use crate::{
    client::{Heard, PROTOCOL, Ws, code_of, refused_status},
    world::{Plan, World},
};

#[tokio::test]
async fn a_socket_closes_when_its_token_expires() {
    let world = World::start();
    let mut socket = Ws::ready_with(&world, &world.token_for("alice", 2)).await;
    socket.subscribe("1", "subscription { forever }").await;
    socket.hear_json().await;
    assert_eq!(socket.hear().await, Heard::Close(4403, "Forbidden: the token has expired".into()));
}

#[tokio::test]
async fn a_socket_has_a_bounded_number_of_operations() {
    let world = Plan::with(|plan| plan.options.sockets.subscriptions = 2).start();
    let mut socket = Ws::ready(&world).await;
    for id in ["1", "2"] {
        socket.subscribe(id, "subscription { forever }").await;
        assert_eq!(socket.hear_json().await["type"], "next");
    }
    socket.subscribe("3", "subscription { forever }").await;
    let heard = socket.hear_json().await;
    assert_eq!(
        (heard["type"].as_str(), code_of(&heard["payload"][0]).as_str()),
        (Some("error"), "RATE_LIMITED")
    );
    socket.say(&json!({ "id": "1", "type": "complete" })).await;
    socket.subscribe("4", "subscription { forever }").await;
    assert_eq!(socket.hear_json().await["type"], "next");
}

#[tokio::test]
async fn there_is_a_bounded_number_of_sockets() {
    let world = Plan::with(|plan| plan.options.sockets.sockets = 1).start();
    let first = Ws::open(&world).await;
    assert_eq!(refused_status(&world, &PROTOCOL).await, 503);
    drop(first);
    world.metric_becomes("keytrail_http_sockets_open 0").await;
    Ws::open(&world).await;
}

#[tokio::test]
async fn operations_on_a_socket_count_for_the_rate() {
    let world = Plan::with(|plan| plan.rates.principal = Rate { per_minute: 1, burst: 1 }).start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.hear_json().await["type"], "next");
    assert_eq!(socket.hear_json().await["type"], "complete");
    socket.subscribe("2", "{ __typename }").await;
    let error = socket.hear_json().await["payload"][0].clone();
    assert_eq!(code_of(&error), "RATE_LIMITED");
    assert!(error["extensions"]["retryAfterSeconds"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_1009_whole_or_in_pieces() {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let world = Plan::with(|plan| plan.options.sockets.message_bytes = 1_000).start();
    let mut socket = Ws::ready(&world).await;
    socket.send(Message::text("x".repeat(1_001))).await;
    assert_eq!(socket.hear_close().await, 1009);
    let mut socket = Ws::ready(&world).await;
    for (opcode, last) in [(Data::Text, false), (Data::Continue, true)] {
        socket.send(Message::Frame(Frame::message("x".repeat(600), OpCode::Data(opcode), last))).await;
    }
    assert_eq!(socket.hear_close().await, 1009);
}

#[tokio::test]
async fn an_exponential_query_is_refused_on_a_socket_too() {
    let world = World::start();
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", &format!("{{ me {{ {} }} }}", "__typename ".repeat(6_000))).await;
    assert_eq!(code_of(&socket.hear_json().await["payload"][0]), "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let plan = Plan::with(|plan| {
        plan.options.sockets.send_time = Duration::from_millis(200);
        plan.server.unread_time = Duration::from_secs(1);
    });
    let world = plan.start();
    let mut socket = Ws::ready(&world).await;
    world.metric_becomes("keytrail_http_sockets_open 1").await;
    socket.subscribe("1", "subscription { flood }").await;
    // Nothing is read: the subscription is dropped first, the connection by the system after.
    world.metric_becomes("keytrail_http_subscriptions_open 0").await;
    world.metric_becomes("keytrail_http_sockets_open 0").await;
    let MaybeTlsStream::Plain(connection) = socket.0.get_ref() else { panic!("not plain") };
    // The system gives up without a word; the client learns it when it says something.
    let is_refused = |error: &Error| error.kind() != ErrorKind::WouldBlock;
    // Whatever the client says makes the system wait anew: so it says something less often than the system waits.
    let mut pace = tokio::time::interval(Duration::from_secs(3));
    let reset = async {
        while !connection.try_write(&[0]).as_ref().is_err_and(is_refused) {
            pace.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(50), reset).await.expect("a reset");
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_one_that_is_dead_is_dropped() {
    let world = Plan::with(|plan| plan.options.sockets.ping_every = Duration::from_millis(400)).start();
    let mut living = Ws::ready(&world).await;
    let dead = Ws::ready(&world).await;
    world.metric_becomes("keytrail_http_sockets_open 2").await;
    // The client library answers pings while it is asked for messages; the dead one is not asked.
    let hearing = tokio::spawn(async move { living.hear().await });
    world.metric_becomes("keytrail_http_sockets_open 1").await;
    assert!(!hearing.is_finished());
    hearing.abort();
    drop(dead);
}
