//! Callers without a token.

use keytrail_server::http::Introspection;
use serde_json::json;

use crate::{
    client::{Answer, JSON, RESPONSE, anonymous_post, query},
    world::{Plan, World},
};

#[tokio::test]
async fn without_a_token_nothing_is_answered_when_introspection_is_off() {
    let world = World::start();
    for text in [
        "{ seen { tenant } }",
        "{ __typename }",
        "{ __schema { types { name } } }",
        "nonsense {",
        "mutation { bump }",
    ] {
        for accept in [JSON, RESPONSE] {
            let answer = Answer::of(anonymous_post(&world, accept, &query(text))).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"), "{text}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(answer.json().get("data").is_none());
        }
    }
}

#[tokio::test]
async fn without_a_token_only_the_schema_is_told_when_introspection_is_on() {
    let world = Plan::with(|plan| plan.options.introspection = Introspection::On).start();
    for text in
        ["{ __typename }", "{ __schema { queryType { name } } }", "{ __type(name: \"Query\") { name } }"]
    {
        let answer = Answer::of(anonymous_post(&world, RESPONSE, &query(text))).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text);
    }
    for text in [
        "{ __typename echo(text: \"a\") }",
        "{ ...a } fragment a on Query { add(a: 1, b: 2) }",
        "mutation { bump }",
    ] {
        let answer = Answer::of(anonymous_post(&world, RESPONSE, &query(text))).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"), "{text}");
    }
}

#[tokio::test]
async fn in_a_batch_each_request_is_refused() {
    let world = World::start();
    let answer = Answer::of(anonymous_post(&world, JSON, &json!([query("{ __typename }")]))).await;
    assert_eq!(answer.json()[0]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}
