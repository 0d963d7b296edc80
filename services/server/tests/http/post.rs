//! POST: media types, status codes, errors.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Answer, JSON, RESPONSE, http, post, query},
    world::World,
};

#[tokio::test]
async fn a_query_is_answered_in_the_media_type_that_was_asked_for() {
    let world = World::start();
    for (accept, wanted) in [
        (JSON, "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
        (RESPONSE, "application/graphql-response+json; charset=utf-8"),
        (
            "application/json;q=0.5, application/graphql-response+json",
            "application/graphql-response+json; charset=utf-8",
        ),
    ] {
        let answer = Answer::of(post(&world, accept, &query("{ echo(text: \"hi\") }"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, wanted), "{accept}");
        assert_eq!(answer.json(), json!({ "data": { "echo": "hi" } }));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_media_type_that_we_do_not_speak_is_406_with_a_json_error() {
    let world = World::start();
    let answer = Answer::of(post(&world, "text/html", &query("{ me { add(a: 1, b: 2) } }"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (406, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn what_was_not_executed_is_400_or_200_by_media_type_and_has_no_data() {
    let world = World::start();
    let cases = [
        ("parse", query("{ echo(")),
        ("validation", query("{ nothingOfTheKind }")),
        ("missing argument", query("{ add(a: 1) }")),
        ("wrong argument", query("{ add(a: 1, b: \"x\") }")),
        ("missing variable", query("query($a: Int!) { add(a: $a, b: 1) }")),
        (
            "wrong variable",
            json!({ "query": "query($a: Int!) { add(a: $a, b: 1) }", "variables": { "a": "x" } }),
        ),
        ("operation name", json!({ "query": "query a { me { me { __typename } } }", "operationName": "b" })),
        ("which operation", query("query a { __typename } query b { __typename }")),
        ("subscription", query("subscription { count(to: 1) }")),
        ("fragment cycle", query("{ ...a } fragment a on Query { me { ...a } }")),
        ("introspection is off", query("{ __schema { types { name } } }")),
    ];
    for (what, body) in cases {
        for (accept, status) in [(JSON, 200), (RESPONSE, 400)] {
            let answer = Answer::of(post(&world, accept, &body)).await;
            assert_eq!(answer.status, status, "{what} as {accept}: {}", answer.text);
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{what}: {}", answer.text);
            assert!(answer.json().get("data").is_none(), "{what}: {}", answer.text);
            let fields = &answer.json()["errors"][0]["extensions"]["fields"];
            assert!(fields[0]["path"].is_string() && fields[0]["message"].is_string(), "{what}: {fields}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_not_well_formed_is_400_in_every_media_type() {
    let world = World::start();
    for body in
        ["", "{", "[]", "7", "{}", r#"{"query": 1}"#, r#"{"query":"{me}","variables":[]}"#, "\u{feff}{}"]
    {
        for accept in [JSON, RESPONSE] {
            let answer = Answer::of(post(&world, accept, &Value::Null).body(body)).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_USER_INPUT"), "{body}");
            assert!(answer.json().get("data").is_none());
        }
    }
    let answer = Answer::of(post(&world, JSON, &Value::Null).body(vec![0xff, 0xfe])).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn only_json_in_utf_8_is_read() {
    let world = World::start();
    let send = async |content_type: Option<&str>| {
        let request = http().post(world.url("/graphql")).bearer_auth(world.token());
        let request = request.body(query("{ add(a: 1, b: 2) }").to_string());
        let request = content_type.into_iter().fold(request, |it, value| it.header("content-type", value));
        Answer::of(request).await
    };
    for good in ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=\"UTF-8\""]
    {
        assert_eq!(send(Some(good)).await.status, 200, "{good}");
    }
    for bad in [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=utf-16"),
        None,
    ] {
        let answer = send(bad).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "BAD_USER_INPUT"), "{bad:?}");
    }
    let packed = post(&world, JSON, &query("{ add(a: 1, b: 2) }")).header("content-encoding", "gzip");
    assert_eq!(Answer::of(packed).await.status, 415);
}

#[tokio::test]
async fn other_methods_are_405_with_the_allowed_ones() {
    let world = World::start();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = http().request(method.parse().unwrap(), world.url("/graphql"));
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST"), "{method}");
        assert_eq!(answer.code(), "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn errors_of_resolvers_stand_beside_the_data_with_their_codes() {
    let world = World::start();
    let answer = Answer::of(post(&world, RESPONSE, &query("{ echo(text: \"hi\") refused uncoded }"))).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["data"], json!({ "echo": "hi", "refused": null, "uncoded": null }));
    let error = |path: &str| {
        let errors = json["errors"].as_array().unwrap();
        errors.iter().find(|error| error["path"][0] == path).unwrap()["extensions"].clone()
    };
    assert_eq!(error("refused"), json!({ "code": "REFUSED", "reason": "CREDENTIAL_IN_USE" }));
    assert_eq!(error("uncoded"), json!({ "code": "INTERNAL", "requestId": answer.header("x-request-id") }));
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
}

#[tokio::test]
async fn an_executed_query_without_data_is_200_with_data_null() {
    let world = World::start();
    let answer = Answer::of(post(&world, RESPONSE, &query("{ mustBe }"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "NOT_FOUND"));
    assert_eq!(answer.json().get("data"), Some(&Value::Null));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_server_goes_on() {
    let world = World::start();
    let answer = Answer::of(post(&world, JSON, &query("{ panics }"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "INTERNAL"));
    assert!(!answer.text.contains("hunter2"));
    assert_eq!(Answer::of(post(&world, JSON, &query("{ add(a: 1, b: 2) }"))).await.status, 200);
}

#[tokio::test]
async fn wrong_values_are_not_quoted() {
    let world = World::start();
    for body in [
        json!({ "query": "query($l: Level!) { level(level: $l) }", "variables": { "l": "hunter2" } }),
        json!({ "query": "query($a: Int!) { add(a: $a, b: 1) }", "variables": { "a": "hunter2" } }),
        query("{ add(a: 1, b: \"hunter2\") }"),
        query("{ echo(text: \"hunter2\" }"),
        json!({ "query": "{ echo(text: 1) }", "operationName": "hunter2" }),
    ] {
        let answer = Answer::of(post(&world, JSON, &body)).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT");
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_each_with_its_own_errors() {
    let world = World::start();
    let batch = json!([
        query("{ echo(text: \"a\") }"),
        query("{ nothing }"),
        query("mutation { bump }"),
        query("mutation { bump }")
    ]);
    let answer = Answer::of(post(&world, JSON, &batch)).await;
    let json = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(json[0], json!({ "data": { "echo": "a" } }));
    assert_eq!(json[1]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!((&json[2]["data"]["bump"], &json[3]["data"]["bump"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn a_batch_has_at_most_ten_requests() {
    let world = World::start();
    let batch = |count| Value::Array(vec![query("{ __typename }"); count]);
    assert_eq!(Answer::of(post(&world, JSON, &batch(10))).await.status, 200);
    assert_eq!(Answer::of(post(&world, JSON, &batch(11))).await.status, 400);
}

#[tokio::test]
async fn a_mutation_goes_on_when_its_caller_hangs_up() {
    let world = World::start();
    let mut caller = TcpStream::connect(world.address).await.unwrap();
    let body = query("mutation { slowBump }").to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        world.token(),
        body.len()
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    world.levers.begun.notified().await;
    caller.shutdown().await.unwrap();
    assert_eq!(caller.read(&mut [0]).await.unwrap(), 0, "the server has let the caller go");
    world.levers.go_on.notify_one();
    let done = async || world.levers.bumps.load(std::sync::atomic::Ordering::SeqCst) == 1;
    crate::world::eventually(done, "the mutation ends").await;
}

#[tokio::test]
async fn persisted_queries_are_found_after_they_were_sent_once() {
    let world = World::start();
    let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"; // of {__typename}
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = json!({ "extensions": extensions });
    let missed = Answer::of(post(&world, JSON, &by_hash)).await;
    assert_eq!(missed.code(), "PERSISTED_QUERY_NOT_FOUND");
    let sent = json!({ "query": "{__typename}", "extensions": extensions });
    assert_eq!(Answer::of(post(&world, JSON, &sent)).await.json()["data"]["__typename"], "Query");
    assert_eq!(Answer::of(post(&world, JSON, &by_hash)).await.json()["data"]["__typename"], "Query");
    let other = json!({ "query": "{ __typename }", "extensions": extensions });
    assert_eq!(Answer::of(post(&world, JSON, &other)).await.code(), "BAD_USER_INPUT");
}
