//! A secret in the wrong hands, as on-call people meet it: freeze it, see what was done with it, replace it. And
//! secrets that are used twice.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::{
    harness::{Settings, World, bearer},
    leases::{curl, lease},
};

const EXPOSURE: &str = "query($id: ID!) {
    credentialExposure(id: $id, first: 100) { totalCount nodes { type actor { member { subject } } } }
}";
const WARNINGS: &str = "warnings { code message version credentials { id } } credential { id }";

async fn alert(world: &World, id: &str, state: &str) {
    let wanted = json!([{ "cause": "COMPROMISED", "severity": "CRITICAL", "state": state }]);
    eventually("its alert", async || {
        let seen = world.alice.credential(id, "alerts { nodes { cause severity state } }").await;
        (seen["alerts"]["nodes"] == wanted).then_some(())
    })
    .await;
}

/// Who did what with it.
async fn exposure(world: &World, id: &str) -> Vec<(String, String)> {
    let seen = world.alice.data(EXPOSURE, json!({ "id": id })).await;
    let list = &seen["credentialExposure"];
    let nodes = list["nodes"].as_array().unwrap();
    assert_eq!(list["totalCount"], nodes.len());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    nodes.iter().map(|node| (text(&node["type"]), text(&node["actor"]["member"]["subject"]))).collect()
}

#[tokio::test]
async fn a_compromised_credential_is_frozen_shows_what_was_done_with_it_and_is_whole_once_it_is_rotated() {
    let (world, api) = (World::with(Settings::default()).await, StubServer::start().await);
    api.on("GET", "/", Reply::status(200));
    let mut input = bearer("Deploy", "first-s3cr3t");
    input["fields"]["base_url"] = json!(api.url(""));
    let id = world.alice.create(input).await;
    let about = |more: Value| {
        let mut input = json!({ "credentialId": id });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let since = world.alice.credential(&id, "updatedAt").await["updatedAt"].clone();
    world
        .alice
        .mutate("shareCredential", "visible", about(json!({ "granteeId": world.bob_id, "level": "USE" })))
        .await;
    let (used, waiting) = (lease(&world.bob, &id).await, lease(&world.bob, &id).await);
    assert_eq!(curl(&used).await.0, "200");
    let known = "it was in a public repository";
    let mark = about(json!({ "since": since, "reason": known }));
    assert_eq!(world.bob.refused("markCompromised", mark.clone()).await["code"], "FORBIDDEN");
    let future = about(json!({ "since": "2999-01-01T00:00:00Z", "reason": known }));
    assert_eq!(world.alice.refused("markCompromised", future).await["fields"][0]["path"], "input.since");
    let seen = "credential { status compromise { since reason markedBy { member { subject } } } }";
    let done = world.alice.mutate("markCompromised", seen, mark).await;
    let compromise =
        json!({ "since": since, "reason": known, "markedBy": { "member": { "subject": "alice" } } });
    assert_eq!(done["credential"], json!({ "status": "SUSPENDED", "compromise": compromise }));
    assert_ne!(curl(&waiting).await.0, "200", "what was not used yet is dead");
    let again = about(json!({ "purpose": "work" }));
    assert_eq!(world.bob.refused("leaseCredential", again).await["reason"], "CREDENTIAL_COMPROMISED");
    assert_eq!(
        world.alice.refused("verifyCredential", about(json!({}))).await["reason"],
        "CREDENTIAL_COMPROMISED"
    );
    alert(&world, &id, "OPEN").await;
    let told = exposure(&world, &id).await;
    for (kind, who) in
        [("CredentialShared", "alice"), ("CredentialLeased", "bob"), ("CredentialMarkedCompromised", "alice")]
    {
        assert!(told.contains(&(kind.to_owned(), who.to_owned())), "{kind} by {who}: {told:?}");
    }
    assert_eq!(told.iter().filter(|(kind, _)| kind == "CredentialLeased").count(), 2);
    assert_eq!(world.bob.code(EXPOSURE, json!({ "id": id })).await, "FORBIDDEN");
    let rotation =
        |token: &str, overlap: i64| about(json!({ "fields": { "token": token }, "overlapSeconds": overlap }));
    for (refused, reason) in [
        (rotation("second-s3cr3t", 60), "CREDENTIAL_COMPROMISED"),
        (rotation("first-s3cr3t", 0), "SAME_SECRET"),
    ] {
        assert_eq!(world.alice.refused("rotateCredential", refused).await["reason"], reason);
    }
    let seen = "credential { status compromise { since } versions { retiredBecause } }";
    let done = world.alice.mutate("rotateCredential", seen, rotation("second-s3cr3t", 0)).await;
    let versions = json!([{ "retiredBecause": "COMPROMISED" }, { "retiredBecause": null }]);
    assert_eq!(done["credential"], json!({ "status": "VALID", "compromise": null, "versions": versions }));
    alert(&world, &id, "RESOLVED").await;
    let back = about(json!({ "toVersion": 1 }));
    assert_eq!(world.alice.refused("rollbackCredential", back).await["reason"], "VERSION_RETIRED");
    assert_eq!(curl(&lease(&world.bob, &id).await).await.0, "200");
}

#[tokio::test]
async fn a_secret_that_is_used_twice_is_told_to_who_may_have_both() {
    let world = World::with(Settings::default()).await;
    let create = async |client: &crate::harness::Client, name: &str| {
        let done = client.mutate("createCredential", WARNINGS, bearer(name, "tw1ce")).await;
        (done["credential"]["id"].clone(), done["warnings"].clone())
    };
    let (first, none) = create(&world.alice, "First").await;
    assert_eq!(none, json!([]));
    assert_eq!(create(&world.carol, "Of somebody else").await.1, json!([]));
    let told = create(&world.alice, "Second").await.1;
    let message = "another credential has the same secret: rotate both together";
    let duplicate = json!({
        "code": "DUPLICATE", "message": message, "version": null, "credentials": [{ "id": first }],
    });
    assert_eq!(told, json!([duplicate]));
    let same = json!({ "credentialId": first, "verify": false, "fields": { "token": "tw1ce" } });
    let told = world.alice.mutate("rotateCredential", WARNINGS, same).await;
    assert_eq!(told["warnings"][0]["code"], "SAME_SECRET");
    // Restarts and the vault keep it; nothing of it is in the log.
    let log = world.alice.data("{ auditLog(last: 100) { nodes { data } } }", Value::Null).await;
    assert!(!log.to_string().contains("tw1ce"));
}
