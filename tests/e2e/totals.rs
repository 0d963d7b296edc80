//! `totalCount` of every list: all that the viewer may see, whatever the page.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer};

/// Counted on a page of one, and the number of nodes on one page of everything.
async fn total(client: &Client, list: &str, arguments: &str) -> u64 {
    let ask = async |first: u32, what: &str| {
        let query = format!("{{ {list}(first: {first}{arguments}) {{ {what} }} }}");
        client.data(&query, Value::Null).await[list].clone()
    };
    let total = ask(1, "totalCount").await["totalCount"].as_u64().expect("a number");
    let nodes = ask(1_000, "nodes { __typename }").await["nodes"].as_array().expect("nodes").len();
    assert_eq!(total, nodes as u64, "{list}");
    total
}

#[tokio::test]
async fn each_list_counts_what_the_viewer_may_see() {
    let world = World::start().await;
    let api = StubServer::start().await;
    api.on("GET", "/", Reply::status(401));
    let (alice, bob) = (&world.alice, &world.bob);
    let mut ids = Vec::new();
    for name in ["One", "Two"] {
        let mut input = bearer(name, "s3cr3t");
        input["fields"]["base_url"] = json!(api.url(""));
        let id = alice.create(input).await;
        for _ in 0..2 {
            alice.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
        }
        ids.push(id);
    }
    let share = json!({ "credentialId": ids[0], "granteeId": world.bob_id, "level": "VIEW" });
    alice.mutate("shareCredential", "visible", share).await;
    let alerts = eventually("alerts", async || {
        let alerts = total(alice, "alerts", "").await;
        (alerts == 2).then_some(alerts)
    });
    assert_eq!((alerts.await, total(bob, "alerts", "").await), (2, 1));
    assert_eq!(total(alice, "alerts", ", filter: { state: RESOLVED }").await, 0);
    for client in [alice, bob] {
        assert_eq!((total(client, "members", "").await, total(client, "teams", "").await), (3, 1));
        assert!(total(client, "components", "").await > 1);
    }
    let credentials = (total(alice, "credentials", "").await, total(bob, "credentials", "").await);
    assert_eq!(credentials, (2, 1));
    assert!(total(alice, "auditLog", "").await > 10);
    assert_eq!(total(alice, "auditLog", ", filter: { types: [\"CredentialShared\"] }").await, 1);
    assert_eq!(bob.code("{ auditLog(first: 1) { totalCount } }", Value::Null).await, "NOT_FOUND");
    assert_eq!(total(alice, "credentialAccess", &format!(", id: \"{}\"", ids[0])).await, 3);
}

#[tokio::test]
async fn lists_of_a_credential_count_as_of_then_too() {
    let world = World::start().await;
    let api = StubServer::start().await;
    api.on("GET", "/", Reply::status(401));
    let alice = &world.alice;
    let mut input = bearer("Deploy", "s3cr3t");
    input["fields"]["base_url"] = json!(api.url(""));
    let id = alice.create(input).await;
    let made = alice.credential(&id, "createdAt").await["createdAt"].clone();
    for _ in 0..2 {
        alice.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
    }
    let what = "history(first: 1) { totalCount } verifications(first: 1) { totalCount } \
                alerts(first: 1) { totalCount }";
    let query = format!("query($id: ID!, $at: DateTime) {{ credential(id: $id, asOf: $at) {{ {what} }} }}");
    let counts = async |at: &Value| {
        let found = alice.data(&query, json!({ "id": id, "at": at })).await["credential"].clone();
        ["history", "verifications", "alerts"]
            .map(|list| found[list]["totalCount"].as_u64().expect("a number"))
    };
    eventually("an alert", async || (counts(&Value::Null).await == [3, 2, 1]).then_some(())).await;
    assert_eq!(counts(&made).await, [1, 0, 0]);
    assert_eq!(counts(&json!("2999-01-01T00:00:00Z")).await, [3, 2, 1]);
}
