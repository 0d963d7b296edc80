//! Connections in lists, through all of their states, and with definitions that narrow those.

use serde_json::{Value, json};

use crate::{
    component::erp,
    connections::{connection, go, register},
    harness::{Client, World, bearer},
};

/// Names of the connections that a filter finds, by name.
async fn names(client: &Client, filter: Value) -> Vec<String> {
    let query = "query($f: ConnectionFilterInput) { connections(first: 9, filter: $f, orderBy: {by: NAME}) \
                 { totalCount nodes { name } } }";
    let found = client.data(query, json!({ "f": filter })).await["connections"].clone();
    let names: Vec<_> = found["nodes"].as_array().expect("nodes").clone();
    assert_eq!(found["totalCount"], names.len());
    names.iter().map(|node| crate::harness::text(&node["name"])).collect()
}

#[tokio::test]
async fn connections_are_found_by_kind_management_labels_and_state_in_order_and_in_pages() {
    let world = World::start().await;
    let alice = &world.alice;
    let labels = json!([{ "key": "env", "value": "prod" }]);
    register(alice, "Bees", json!({ "management": "MANAGED", "labels": labels, "state": "DISCOVERED" }))
        .await;
    register(alice, "Ants", json!({ "description": "by hand", "metadata": { "rack": 7 } })).await;
    register(alice, "Cows", json!({ "component": "grafana", "labels": labels })).await;
    for (filter, expected) in [
        (Value::Null, vec!["Ants", "Bees", "Cows"]),
        (json!({ "management": "MANAGED" }), vec!["Bees"]),
        (json!({ "management": "UNMANAGED" }), vec!["Ants", "Cows"]),
        (json!({ "components": ["grafana"] }), vec!["Cows"]),
        (json!({ "labels": [{ "key": "env", "value": "prod" }] }), vec!["Bees", "Cows"]),
        (json!({ "labels": [{ "key": "env" }], "states": ["REGISTERED"] }), vec!["Cows"]),
        (json!({ "text": "hand" }), vec!["Ants"]),
    ] {
        assert_eq!(names(alice, filter.clone()).await, expected, "{filter}");
    }
    let page = "query($after: String) { connections(first: 2, after: $after, orderBy: {by: NAME, descending: true}) \
                { nodes { name management } pageInfo { hasNextPage endCursor } } }";
    let first = alice.data(page, json!({})).await["connections"].clone();
    let expected =
        json!([{ "name": "Cows", "management": "UNMANAGED" }, { "name": "Bees", "management": "MANAGED" }]);
    assert_eq!((&first["nodes"], &first["pageInfo"]["hasNextPage"]), (&expected, &json!(true)));
    let rest = alice.data(page, json!({ "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(rest["connections"]["nodes"], json!([{ "name": "Ants", "management": "UNMANAGED" }]));
}

#[tokio::test]
async fn a_connection_goes_through_its_eight_states_and_says_when_nobody_was_asked() {
    let world = World::start().await;
    let alice = &world.alice;
    let mut input = bearer("Deploy", "s3cr3t");
    // Nobody listens there.
    input["fields"]["base_url"] = json!("http://127.0.0.1:9");
    let credential = alice.create(input).await;
    let id = register(alice, "Link", json!({ "state": "DISCOVERED", "credentialIds": [credential] })).await;
    assert_eq!(go(alice, &id, "REGISTERED").await, "REGISTERED");
    let connect =
        json!({ "connectionId": id, "to": "CONNECTED", "reason": "in a hurry", "skipVerification": true });
    let selection =
        "connection { state lastTransition { mover reason verification by { member { subject } } } }";
    let connected = alice.mutate("transitionConnection", selection, connect).await["connection"].clone();
    let how = json!({ "mover": "USER", "reason": "in a hurry", "verification": "SKIPPED",
        "by": { "member": { "subject": "alice" } } });
    assert_eq!(connected, json!({ "state": "CONNECTED", "lastTransition": how }));
    for state in ["DISCONNECTED", "MAINTENANCE", "IGNORED", "NOT_FOUND", "REGISTERED"] {
        assert_eq!(go(alice, &id, state).await, state);
    }
    let update = json!({ "connectionId": id, "name": "Bridge", "url": "https://bridge.example", "metadata": { "a": 1 } });
    let selection = "connection { name url metadata }";
    let changed = alice.mutate("updateConnection", selection, update).await;
    let expected = json!({ "name": "Bridge", "url": "https://bridge.example", "metadata": { "a": 1 } });
    assert_eq!(changed["connection"], expected);
    let detach = json!({ "connectionId": id, "credentialId": credential });
    let left = alice.mutate("detachCredential", "connection { credentials { name } }", detach.clone()).await;
    assert_eq!(left["connection"]["credentials"], json!([]));
    let back = alice.mutate("attachCredential", "connection { credentials { name } }", detach).await;
    assert_eq!(back["connection"]["credentials"], json!([{ "name": "Deploy" }]));
    alice.mutate("deleteConnection", "visible", json!({ "connectionId": id })).await;
    assert_eq!(names(alice, Value::Null).await, Vec::<String>::new());
    assert_eq!(names(alice, json!({ "deleted": true })).await, ["Bridge"]);
    assert_eq!(connection(alice, &id, "state allowedTransitions").await["state"], "DELETED");
}

#[tokio::test]
async fn a_definition_narrows_what_its_connections_may_do() {
    let world = World::start().await;
    let mut definition = erp("erp", "https://erp.example");
    definition["transitions"] = json!({ "REGISTERED": ["IGNORED"] });
    world.alice.mutate("registerComponent", "visible", json!({ "definition": definition })).await;
    let id = register(&world.alice, "Ours", json!({ "component": "acme/erp" })).await;
    let seen = connection(&world.alice, &id, "allowedTransitions").await;
    assert_eq!(seen["allowedTransitions"], json!(["IGNORED", "DELETED"]));
    let connect = json!({ "connectionId": id, "to": "CONNECTED", "skipVerification": true });
    let refused = world.alice.refused("transitionConnection", connect).await;
    assert_eq!(
        (&refused["reason"], &refused["allowed"]),
        (&json!("ILLEGAL_TRANSITION"), &json!(["IGNORED", "DELETED"]))
    );
    assert_eq!(go(&world.alice, &id, "IGNORED").await, "IGNORED");
}
