//! The main job: create, share, verify, rotate, delete; and who hears of it.

use serde_json::{Value, json};

use crate::harness::{World, create_bearer};

#[tokio::test]
async fn a_shared_credential_is_seen_by_the_team_and_by_nobody_else() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let query = "query($id: ID!) { credential(id: $id) { name status } }";
    for outsider in [&world.bob, &world.carol, &world.stranger] {
        assert_eq!(outsider.code(query, json!({ "id": id })).await, "NOT_FOUND");
    }
    assert_eq!(world.server.anonymous().code(query, json!({ "id": id })).await, "UNAUTHENTICATED");
    let share = "mutation($input: ShareCredentialInput!) { shareCredential(input: $input) { visible } }";
    let input = json!({ "credentialId": id, "granteeId": world.team, "level": "VIEW" });
    world.alice.data(share, json!({ "input": input })).await;
    let seen = world.bob.data(query, json!({ "id": id })).await;
    assert_eq!(seen["credential"], json!({ "name": "Deploy", "status": "UNVERIFIED" }));
    assert_eq!(world.carol.code(query, json!({ "id": id })).await, "NOT_FOUND");
    assert_eq!(world.stranger.code(query, json!({ "id": id })).await, "NOT_FOUND");
    let list = "{ credentials { totalCount edges { node { id } } } }";
    assert_eq!(world.bob.data(list, Value::Null).await["credentials"]["totalCount"], 1);
    assert_eq!(world.carol.data(list, Value::Null).await["credentials"]["totalCount"], 0);
}
