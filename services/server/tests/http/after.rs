//! `Keytrail-After`: wherever a request comes in, its position reaches the resolvers, or is refused.

use serde_json::json;

use crate::{
    client::{Answer, Heard, JSON, Opening, PROTOCOL, RESPONSE, Ws, http, open, post, query, with_query},
    world::World,
};

const SEEN: &str = "{ seen { after } }";
const STREAM: &str = "text/event-stream";

#[tokio::test]
async fn the_header_counts_however_a_request_comes() {
    let world = World::start();
    let seen = json!({ "data": { "seen": { "after": "pos_1" } } });
    let get = |accept: &str| {
        let request = http().get(with_query(&world, &[("query", SEEN)])).bearer_auth(world.token());
        request.header("accept", accept)
    };
    for request in [post(&world, JSON, &query(SEEN)), post(&world, RESPONSE, &query(SEEN)), get(JSON)] {
        assert_eq!(Answer::of(request.header("keytrail-after", "pos_1")).await.json(), seen);
    }
    for request in [post(&world, STREAM, &query(SEEN)), get(STREAM)] {
        let answer = Answer::of(request.header("keytrail-after", "pos_1")).await;
        assert!(answer.text.starts_with(&format!("event: next\ndata: {seen}\n\n")), "{}", answer.text);
    }
    let twice = post(&world, JSON, &query(SEEN)).header("keytrail-after", "pos_1");
    assert_eq!(Answer::of(twice.header("keytrail-after", "pos_1")).await.json(), seen);
}

#[tokio::test]
async fn what_cannot_be_a_position_is_400_and_named_and_not_echoed() {
    let world = World::start();
    let long = "x".repeat(513);
    for values in [&[long.as_bytes()][..], &[b"\xff\xfe"], &[b"pos_1", b"pos_2"], &[b"pos_1", b""]] {
        for accept in [JSON, RESPONSE, STREAM] {
            let mut request = post(&world, accept, &query(SEEN));
            for value in values {
                request = request.header("keytrail-after", *value);
            }
            let answer = Answer::of(request).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_USER_INPUT"), "{}", answer.text);
            let error = &answer.json()["errors"][0];
            assert_eq!(error["extensions"]["fields"][0]["path"], "Keytrail-After");
            assert!(!answer.text.contains("pos_") && !answer.text.contains("xxx"), "{}", answer.text);
        }
    }
}

async fn seen_on(socket: &mut Ws) -> serde_json::Value {
    socket.subscribe("1", SEEN).await;
    let heard = socket.hear_json().await;
    assert_eq!(heard["type"], "next", "{heard}");
    heard["payload"]["data"]["seen"]["after"].clone()
}

async fn ready(world: &World, header: Option<&str>, init: serde_json::Value) -> Ws {
    let authorization = Some(format!("Bearer {}", world.token()));
    let opening = Opening { authorization, after: header, ..PROTOCOL };
    let mut socket = open(world, &opening).await.unwrap();
    socket.say(&json!({ "type": "connection_init", "payload": init })).await;
    socket
}

#[tokio::test]
async fn on_a_socket_the_first_message_counts_and_else_the_header_of_the_upgrade() {
    let world = World::start();
    for (header, init, after) in [
        (None, json!({}), json!(null)),
        (Some("pos_1"), json!({}), json!("pos_1")),
        (Some("pos_1"), json!(null), json!("pos_1")),
        (Some("pos_1"), json!({ "keytrailAfter": null }), json!("pos_1")),
        (None, json!({ "keytrailAfter": "pos_2" }), json!("pos_2")),
        (Some("pos_1"), json!({ "keytrailAfter": "pos_2" }), json!("pos_2")),
    ] {
        let mut socket = ready(&world, header, init.clone()).await;
        assert_eq!(socket.hear_json().await["type"], "connection_ack");
        assert_eq!(seen_on(&mut socket).await, after, "{header:?} {init}");
    }
}

#[tokio::test]
async fn a_first_message_with_something_else_for_a_position_is_4400() {
    let world = World::start();
    for value in [json!(7), json!(["pos_1"]), json!({}), json!("x".repeat(513))] {
        let mut socket = ready(&world, None, json!({ "keytrailAfter": value })).await;
        let Heard::Close(4400, reason) = socket.hear().await else { panic!("{value} was taken") };
        assert!(reason.contains("keytrailAfter"), "{reason}");
    }
}
