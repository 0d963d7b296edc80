//! Sizes, complexity and time.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Answer, JSON, RESPONSE, post, query},
    world::{Plan, World},
};

/// Speaks raw HTTP and returns all that comes until the connection is closed.
async fn raw(world: &World, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await; // the server may have answered and left
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    let length = read.expect("no answer").unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn head(world: &World, length: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n{length}\r\n\r\n",
        world.token()
    )
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_read() {
    let world = World::start();
    let most = 1024 * 1024;
    let frame =
        json!({ "query": "query($t: String!) { echo(text: $t) }", "variables": { "t": "" } }).to_string();
    let text = "x".repeat(most - frame.len());
    let body = json!({ "query": "query($t: String!) { echo(text: $t) }", "variables": { "t": text } });
    assert_eq!(body.to_string().len(), most);
    let answer = Answer::of(post(&world, JSON, &body)).await;
    assert_eq!((answer.status, answer.text.len()), (200, text.len() + r#"{"data":{"echo":""}}"#.len()));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let world = World::start();
    let answer = raw(&world, &head(&world, "content-length: 10485760"), b"{").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\"code\":\"BAD_USER_INPUT\""), "{answer}");
}

#[tokio::test]
async fn a_body_of_unknown_size_is_refused_as_soon_as_it_is_too_large() {
    let world = World::start();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    // The body has no end: an answer proves that nobody waits for it.
    let answer = raw(&world, &head(&world, "transfer-encoding: chunked"), chunk.repeat(2).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let world = Plan::with(|plan| plan.options.body_time = Duration::from_millis(50)).start();
    let answer = raw(&world, &head(&world, "content-length: 100"), b"{").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn an_exponential_query_is_refused_in_every_form() {
    let world = World::start();
    let letters: Vec<char> = ('a'..='z').collect();
    let chain: String = letters
        .windows(2)
        .map(|pair| format!("fragment {} on Query{{...{1} ...{1}}}", pair[0], pair[1]))
        .collect();
    let bomb = format!("{{...a}}{chain}fragment z on Query{{__typename}}");
    for (accept, status) in [(JSON, 200), (RESPONSE, 400)] {
        let answer = Answer::of(post(&world, accept, &query(&bomb))).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, "QUERY_TOO_COMPLEX"));
        assert!(answer.json().get("data").is_none());
    }
}

#[tokio::test]
async fn texts_that_are_large_in_any_way_are_refused() {
    let world = World::start();
    let aliases: String = (0..300).map(|number| format!("a{number}: __typename ")).collect();
    for (what, text) in [
        ("fields", format!("{{ me {{ {} }} }}", "__typename ".repeat(7_000))),
        ("commas", format!("{{ __typename {} }}", ",".repeat(900_000))),
        ("brackets", format!("{{ echo(text: {}", "[".repeat(60_000))),
        ("aliases", format!("{{ me {{ {aliases} }} }}")),
        (
            "depth",
            format!("{}__typename{}", "{ me ".repeat(40), "}".repeat(40)).replacen(
                "__typename",
                "{ __typename }",
                1,
            ),
        ),
        ("root fields", format!("{{ {} }}", "__typename ".repeat(40))),
        ("directives", format!("{{ me {{ {} }} }}", "__typename @include(if: true) ".repeat(300))),
    ] {
        let answer = Answer::of(post(&world, JSON, &query(&text))).await;
        assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{what}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up() {
    let world = Plan::with(|plan| plan.options.execution_time = Duration::from_millis(50)).start();
    let answer = Answer::of(post(&world, JSON, &query("{ never }"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
}

#[tokio::test]
async fn json_that_is_deep_or_odd_is_an_error_and_not_an_end() {
    let world = World::start();
    let deep =
        format!("{{\"query\":\"{{me}}\",\"variables\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = Answer::of(post(&world, JSON, &Value::Null).body(deep)).await;
    assert_eq!(answer.status, 400);
    let odd = r#"{"query":"{ echo(text: \"\ud800\") }"}"#;
    assert_eq!(Answer::of(post(&world, JSON, &Value::Null).body(odd)).await.status, 400);
}
