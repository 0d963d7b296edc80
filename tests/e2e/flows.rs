//! Flows: steps with credentials, a start that checks them all, and copies.

use keytrail_test_support::{Reply, StubServer};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, text};

async fn credential(client: &Client, api: &StubServer, name: &str, path: &str) -> String {
    let mut input = bearer(name, "s3cr3t");
    input["fields"]["base_url"] = json!(api.url(path));
    client.create(input).await
}

fn steps(credentials: &[Option<&str>]) -> Value {
    let step = |id: &Option<&str>| json!({ "component": "http-bearer", "credentialId": id });
    credentials.iter().map(step).collect()
}

async fn make(client: &Client, name: &str, steps: Value) -> String {
    let input = json!({ "name": name, "steps": steps });
    text(&client.mutate("createFlow", "flow { id }", input).await["flow"]["id"])
}

async fn flow(client: &Client, id: &str, selection: &str) -> Value {
    let query = format!("query($id: ID!) {{ flow(id: $id) {{ {selection} }} }}");
    client.data(&query, json!({ "id": id })).await["flow"].clone()
}

#[tokio::test]
async fn a_flow_starts_only_when_every_credential_works_and_keeps_them_while_it_runs() {
    let (world, api) = (World::start().await, StubServer::start().await);
    let alice = &world.alice;
    api.on("GET", "/good/", Reply::status(204));
    api.on("GET", "/bad/", Reply::status(401));
    let good = credential(alice, &api, "Good", "/good").await;
    let bad = credential(alice, &api, "Bad", "/bad").await;
    let id = make(alice, "Orders", steps(&[Some(&good), Some(&bad), Some(&good), None])).await;
    let start = json!({ "flowId": id });
    assert_eq!(alice.refused("startFlow", start.clone()).await["reason"], "STEP_WITHOUT_CREDENTIAL");
    let whole = json!({ "flowId": id, "steps": steps(&[Some(&good), Some(&bad), Some(&good)]) });
    let selection = "flow { steps { id hasCredential credential { name } component { slug } } }";
    let changed = alice.mutate("updateFlow", selection, whole.clone()).await;
    let first = json!({
        "id": "step-1", "hasCredential": true, "credential": { "name": "Good" },
        "component": { "slug": "http-bearer" },
    });
    assert_eq!(changed["flow"]["steps"][0], first);
    let refused = alice.refused("startFlow", start.clone()).await;
    assert_eq!(refused["reason"], "VERIFICATION_FAILED");
    let failures = refused["failures"].as_array().expect("failures");
    assert_eq!(
        (failures.len(), &failures[0]["name"], &failures[0]["verdict"]),
        (1, &json!("Bad"), &json!("INVALID"))
    );
    assert_eq!(flow(alice, &id, "active").await["active"], false);
    api.on("GET", "/bad/", Reply::status(204));
    alice.mutate("verifyCredential", "visible", json!({ "credentialId": bad })).await;
    let asked = api.requests().len();
    let started = alice.mutate("startFlow", "flow { active switchedBy { name } }", start).await;
    assert_eq!(started["flow"]["active"], true);
    assert!(api.requests().len() <= asked + 1, "a verdict of a moment ago is used again");
    for (name, input, reason) in [
        ("deleteCredential", json!({ "credentialId": good, "detach": true }), "CREDENTIAL_IN_USE"),
        ("updateFlow", json!({ "flowId": id, "steps": steps(&[Some(&good)]) }), "FLOW_ACTIVE"),
        ("deleteFlow", json!({ "flowId": id }), "FLOW_ACTIVE"),
    ] {
        assert_eq!(alice.refused(name, input).await["reason"], reason, "{name}");
    }
    let stop = json!({ "flowId": id, "reason": "inventory" });
    let stopped = alice.mutate("stopFlow", "flow { active stoppedBecause }", stop).await;
    assert_eq!(stopped["flow"], json!({ "active": false, "stoppedBecause": "inventory" }));
    alice.mutate("updateFlow", "visible", json!({ "flowId": id, "steps": steps(&[Some(&good)]) })).await;
    alice.mutate("deleteCredential", "visible", json!({ "credentialId": bad })).await;
    assert_eq!(
        alice.refused("deleteCredential", json!({ "credentialId": good })).await["reason"],
        "CREDENTIAL_IN_USE"
    );
    alice.mutate("deleteFlow", "flow { deletedAt }", json!({ "flowId": id })).await;
    alice.mutate("deleteCredential", "visible", json!({ "credentialId": good })).await;
}

#[tokio::test]
async fn a_start_that_skips_the_check_says_so_and_asks_nobody() {
    let (world, api) = (World::start().await, StubServer::start().await);
    api.on("GET", "/", Reply::status(401));
    let id = credential(&world.alice, &api, "Bad", "").await;
    let flow = make(&world.alice, "Orders", steps(&[Some(&id)])).await;
    world.alice.mutate("startFlow", "visible", json!({ "flowId": flow, "skipVerification": true })).await;
    assert_eq!(api.requests().len(), 0);
    let log = "{ auditLog(filter: { types: [\"FlowStarted\"] }) { nodes { data } } }";
    let log = world.alice.data(log, Value::Null).await;
    assert_eq!(log["auditLog"]["nodes"][0]["data"]["verification"], "SKIPPED", "{log:#}");
}

#[tokio::test]
async fn a_step_takes_a_credential_of_its_component_alone() {
    let (world, api) = (World::start().await, StubServer::start().await);
    let id = credential(&world.alice, &api, "One", "").await;
    let wrong = json!([{ "component": "github", "credentialId": id }]);
    let refused = world.alice.refused("createFlow", json!({ "name": "X", "steps": wrong })).await;
    assert_eq!(refused["reason"], "COMPONENT_MISMATCH");
    let unknown = json!({ "name": "X", "steps": [{ "component": "no-such" }] });
    let error = world.alice.refused("createFlow", unknown).await;
    assert_eq!(
        (&error["code"], &error["fields"][0]["path"]),
        (&json!("BAD_USER_INPUT"), &json!("input.steps.0.component"))
    );
    let both = json!([{ "component": "http-bearer", "credentialId": id }, { "component": "github", "credentialId": id }]);
    let refused = world.alice.refused("createFlow", json!({ "name": "X", "steps": both })).await;
    assert_eq!(refused["reason"], "COMPONENT_MISMATCH");
    assert_eq!(world.alice.credential(&id, "usages { id }").await["usages"], json!([]));
}

#[tokio::test]
async fn a_copy_has_what_its_owner_can_use_and_names_the_rest() {
    let (world, api) = (World::start().await, StubServer::start().await);
    let World { alice, team, .. } = &world;
    let (shared, own) =
        (credential(alice, &api, "Shared", "").await, credential(alice, &api, "Own", "").await);
    let share = json!({ "credentialId": shared, "granteeId": team, "level": "USE" });
    alice.mutate("shareCredential", "visible", share).await;
    let id = make(alice, "Orders", steps(&[Some(&shared), Some(&own)])).await;
    let selection = "flow { active steps { credential { name } } copiedFromId } missingCredentials { name } \
                     hiddenCount replayed";
    let input = json!({ "flowId": id, "name": "Copy", "ownerTeamId": team, "idempotencyKey": "c" });
    let copy = alice.mutate("copyFlow", selection, input.clone()).await;
    let steps = json!([{ "credential": { "name": "Shared" } }, { "credential": null }]);
    assert_eq!(copy["flow"], json!({ "active": false, "steps": steps, "copiedFromId": id }));
    assert_eq!((&copy["missingCredentials"], &copy["hiddenCount"]), (&json!([{ "name": "Own" }]), &json!(0)));
    let again = alice.mutate("copyFlow", selection, input).await;
    assert_eq!(
        (&again["replayed"], &again["missingCredentials"]),
        (&json!(true), &copy["missingCredentials"])
    );
    let whole = json!({ "flowId": id, "name": "Mine" });
    let whole = alice.mutate("copyFlow", "missingCredentials { name }", whole).await;
    assert_eq!(whole["missingCredentials"], json!([]));
    let seen = world.bob.data("{ flows { nodes { name } } }", Value::Null).await;
    assert_eq!(seen["flows"]["nodes"], json!([{ "name": "Copy" }]), "he is in the team");
}
