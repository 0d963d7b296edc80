//! GET: queries only.

use crate::{
    client::{Answer, RESPONSE, http, with_query},
    world::World,
};

async fn get(world: &World, parameters: &[(&str, &str)]) -> Answer {
    let request = http().get(with_query(world, parameters)).bearer_auth(world.token());
    Answer::of(request.header("accept", RESPONSE)).await
}

#[tokio::test]
async fn a_query_with_variables_and_a_name_is_answered() {
    let world = World::start();
    let text = "query a($a: Int!) { add(a: $a, b: 2) } query b { mustBe }";
    let answer = get(&world, &[("query", text), ("variables", "{\"a\": 1}"), ("operationName", "a")]).await;
    assert_eq!((answer.status, &answer.json()["data"]["add"]), (200, &serde_json::json!(3)));
}

#[tokio::test]
async fn a_mutation_is_405_and_changes_nothing() {
    let world = World::start();
    let answer = get(&world, &[("query", "mutation { bump }")]).await;
    assert_eq!(
        (answer.status, answer.header("allow"), answer.code().as_str()),
        (405, "POST", "BAD_USER_INPUT")
    );
    assert_eq!(world.levers.bumps.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn wrong_parameters_are_400() {
    let world = World::start();
    for parameters in [
        &[][..],
        &[("query", "")],
        &[("query", "{ add(a: 1, b: 2) }"), ("variables", "nonsense")],
        &[("query", "{ add(a: 1, b: 2) }"), ("variables", "[]")],
    ] {
        let answer = get(&world, parameters).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_USER_INPUT"), "{parameters:?}");
    }
}
