//! Tokens, members, rates, and what resolvers are told.

use keytrail_server::auth::Rate;
use serde_json::json;

use crate::{
    client::{Answer, JSON, RESPONSE, anonymous_post, post, query},
    world::{Plan, World},
};

const SEEN: &str = "{ seen { tenant requestId peer after } }";

#[tokio::test]
async fn resolvers_see_principal_request_id_peer_and_wanted_position() {
    let world = World::start();
    let answer = Answer::of(post(&world, JSON, &query(SEEN)).header("keytrail-after", "pos_1")).await;
    let tenant = keytrail_domain::TenantId::of_slug("acme").to_string();
    assert_eq!(
        answer.json()["data"]["seen"],
        json!({ "tenant": tenant, "requestId": answer.header("x-request-id"), "peer": "127.0.0.1", "after": "pos_1" })
    );
    let id: uuid::Uuid = answer.header("x-request-id").parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn the_forwarded_address_counts_only_from_a_trusted_proxy() {
    let ask = async |world: &World| {
        let answer =
            Answer::of(post(world, JSON, &query(SEEN)).header("x-forwarded-for", "198.51.100.7")).await;
        answer.json()["data"]["seen"]["peer"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(&World::start()).await, "127.0.0.1");
    let behind =
        Plan::with(|plan| plan.options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).start();
    assert_eq!(ask(&behind).await, "198.51.100.7");
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_401_and_is_not_echoed() {
    let world = World::start();
    let expired = world.token_for("alice", -31);
    for header in
        [format!("Bearer {expired}"), "Bearer nonsense".into(), "Basic YTpi".into(), "Bearer".into()]
    {
        for accept in [JSON, RESPONSE] {
            let request = anonymous_post(&world, accept, &query(SEEN)).header("authorization", &header);
            let answer = Answer::of(request).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"), "{header}");
            assert!(!answer.text.contains(&expired) && !answer.text.contains("nonsense"));
        }
    }
    let twice = post(&world, JSON, &query(SEEN)).header("authorization", "Bearer other");
    assert_eq!(Answer::of(twice).await.status, 401);
}

#[tokio::test]
async fn membership_is_looked_up_on_each_request() {
    let world = World::start();
    let token = world.token();
    let ask = async || Answer::of(anonymous_post(&world, JSON, &query(SEEN)).bearer_auth(&token)).await;
    assert_eq!(ask().await.status, 200);
    world.directory.remove("alice");
    let answer = ask().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn membership_that_cannot_be_looked_up_is_unavailable() {
    let world = World::start();
    let request = anonymous_post(&world, JSON, &query(SEEN)).bearer_auth(world.token_for("views down", 60));
    let answer = Answer::of(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(answer.json()["errors"][0]["extensions"]["dependency"], "views");
}

#[tokio::test]
async fn a_principal_and_a_tenant_have_a_rate_and_a_batch_counts_each_request() {
    let slow = Rate { per_minute: 1, burst: 3 };
    let world = Plan::with(|plan| plan.rates.principal = slow).start();
    let batch = json!([query("{ __typename }"), query("{ __typename }")]);
    assert_eq!(Answer::of(post(&world, JSON, &batch)).await.status, 200);
    assert_eq!(Answer::of(post(&world, JSON, &query("{ __typename }"))).await.status, 200);
    let limited = Answer::of(post(&world, JSON, &query("{ __typename }"))).await;
    assert_eq!((limited.status, limited.code().as_str()), (429, "RATE_LIMITED"));
    let seconds = limited.json()["errors"][0]["extensions"]["retryAfterSeconds"].as_u64().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(limited.header("retry-after"), seconds.to_string());
    let bob = anonymous_post(&world, JSON, &query("{ __typename }")).bearer_auth(world.token_for("bob", 60));
    assert_eq!(Answer::of(bob).await.status, 200);

    let world = Plan::with(|plan| plan.rates.tenant = slow).start();
    for (number, status) in [200, 200, 200, 429].into_iter().enumerate() {
        let token = world.token_for(&format!("member {number}"), 60);
        let answer =
            Answer::of(anonymous_post(&world, JSON, &query("{ __typename }")).bearer_auth(token)).await;
        assert_eq!(answer.status, status, "{number}");
    }
}

#[tokio::test]
async fn an_address_that_failed_too_often_is_told_to_wait_and_valid_tokens_from_it_go_on() {
    let world = Plan::with(|plan| plan.rates.failures = Rate { per_minute: 1, burst: 3 }).start();
    let ask = async |token: &str| {
        Answer::of(anonymous_post(&world, JSON, &query("{ __typename }")).bearer_auth(token)).await
    };
    for _ in 0..3 {
        assert_eq!(ask("nonsense").await.status, 401);
    }
    let answer = ask("nonsense").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!(ask(&world.token()).await.status, 200);
}
