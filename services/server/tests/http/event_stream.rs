//! Server-Sent Events.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::StreamExt;
use serde_json::json;

use crate::{
    client::{Answer, anonymous_post, http, post, query, with_query},
    world::{Plan, World, eventually},
};

const STREAM: &str = "text/event-stream";

/// The parts of a stream up to its end.
fn events(text: &str) -> Vec<(String, String)> {
    let parts = text.split("\n\n").filter(|part| part.starts_with("event"));
    parts
        .map(|part| {
            let (event, data) = part.split_once('\n').unwrap();
            (event.replace("event: ", ""), data.replacen("data:", "", 1).trim().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn a_subscription_is_a_stream_of_results_and_a_complete() {
    let world = World::start();
    let answer = Answer::of(post(&world, STREAM, &query("subscription { count(to: 2) }"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let next = |number| ("next".to_owned(), json!({ "data": { "count": number } }).to_string());
    assert_eq!(events(&answer.text), [next(1), next(2), ("complete".into(), String::new())]);
}

#[tokio::test]
async fn queries_and_mutations_stream_their_one_result() {
    let world = World::start();
    for (text, data) in
        [("{ add(a: 1, b: 2) }", json!({ "add": 3 })), ("mutation { bump }", json!({ "bump": 1 }))]
    {
        let answer = Answer::of(post(&world, STREAM, &query(text))).await;
        let heard = events(&answer.text);
        assert_eq!(heard[0], ("next".into(), json!({ "data": data }).to_string()), "{text}");
        assert_eq!(heard[1].0, "complete");
    }
}

#[tokio::test]
async fn a_wrong_query_is_a_result_and_a_wrong_request_is_an_http_error() {
    let world = World::start();
    for (text, code) in
        [("{ nothing }", "BAD_USER_INPUT"), ("{", "BAD_USER_INPUT"), ("subscription { denied }", "FORBIDDEN")]
    {
        let answer = Answer::of(post(&world, STREAM, &query(text))).await;
        let heard = events(&answer.text);
        assert!(
            answer.status == 200 && heard[0].1.contains(code) && heard[1].0 == "complete",
            "{}",
            answer.text
        );
    }
    let anonymous = Answer::of(anonymous_post(&world, STREAM, &query("subscription { count(to: 2) }"))).await;
    assert_eq!((anonymous.status, anonymous.code().as_str()), (401, "UNAUTHENTICATED"));
    assert!(anonymous.header("content-type").starts_with("application/json"));
}

#[tokio::test]
async fn a_link_can_open_a_subscription_and_not_a_mutation() {
    let world = World::start();
    let get = async |text: &str| {
        let request = http().get(with_query(&world, &[("query", text)]));
        Answer::of(request.header("accept", STREAM).bearer_auth(world.token())).await
    };
    assert_eq!(events(&get("subscription { count(to: 1) }").await.text).len(), 2);
    assert_eq!(get("mutation { bump }").await.status, 405);
    assert_eq!(world.levers.bumps.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_subscription() {
    let world = World::start();
    let mut body =
        post(&world, STREAM, &query("subscription { forever }")).send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    world.metric_becomes("keytrail_http_subscriptions_open 1").await;
    drop(body);
    eventually(async || world.levers.alive.load(Ordering::SeqCst) == 0, "the subscription ends").await;
    world.metric_becomes("keytrail_http_sockets_open 0").await;
}

#[tokio::test]
async fn a_stream_ends_without_complete_when_the_token_expires() {
    let world = World::start();
    let request = anonymous_post(&world, STREAM, &query("subscription { forever }"));
    let reading = Answer::of(request.bearer_auth(world.token_for("alice", 1)));
    let answer = tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap();
    assert_eq!(events(&answer.text).len(), 1, "{}", answer.text);
    assert!(!answer.text.contains("complete"));
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let world = Plan::with(|plan| plan.options.sockets.keep_alive = Duration::from_millis(20)).start();
    let mut body =
        post(&world, STREAM, &query("subscription { forever }")).send().await.unwrap().bytes_stream();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("}\n\n:\n\n:\n\n") {
        heard.extend_from_slice(&body.next().await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn streams_and_sockets_share_a_bounded_number_of_places() {
    let world = Plan::with(|plan| plan.options.sockets.sockets = 1).start();
    let first = post(&world, STREAM, &query("subscription { forever }")).send().await.unwrap();
    let refused = Answer::of(post(&world, STREAM, &query("subscription { forever }"))).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "UNAVAILABLE"));
    drop(first);
    let again = async || {
        let answer = post(&world, STREAM, &query("subscription { count(to: 1) }")).send().await.unwrap();
        answer.status() == 200
    };
    eventually(again, "the place is free again").await;
}
