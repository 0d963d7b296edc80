//! What people do with a credential that exists: change, suspend, delete, restore, look back.

use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, create_bearer, history, text};

async fn status(client: &Client, id: &str) -> Value {
    client.credential(id, "status").await["status"].clone()
}

async fn listed(client: &Client, filter: Value) -> Vec<Value> {
    let query = "query($f: CredentialFilterInput) { credentials(filter: $f) { nodes { id } totalCount } }";
    let found = client.data(query, json!({ "f": filter })).await["credentials"].clone();
    let nodes = found["nodes"].as_array().expect("nodes").clone();
    assert_eq!(found["totalCount"], nodes.len());
    nodes.into_iter().map(|node| node["id"].clone()).collect()
}

#[tokio::test]
async fn a_suspended_credential_is_not_checked_until_it_is_resumed() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let input = json!({ "credentialId": id, "reason": "leaked?" });
    world.alice.mutate("suspendCredential", "visible", input.clone()).await;
    assert_eq!(status(&world.alice, &id).await, "SUSPENDED");
    let refused = world.alice.refused("verifyCredential", json!({ "credentialId": id })).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("REFUSED"), &json!("CREDENTIAL_SUSPENDED")));
    let input = json!({ "credentialId": id, "reason": "no" });
    world.alice.mutate("resumeCredential", "visible", input).await;
    assert_eq!(status(&world.alice, &id).await, "UNVERIFIED");
    let steps = ["CredentialCreated by alice", "CredentialSuspended by alice", "CredentialResumed by alice"];
    assert_eq!(history(&world.alice, &id).await, steps);
}

#[tokio::test]
async fn a_deleted_credential_is_in_no_list_and_comes_back_with_grants_and_labels() {
    let world = World::start().await;
    let mut input = bearer("Deploy", "s3cr3t");
    input["labels"] = json!([{ "key": "env", "value": "prod" }]);
    let id = world.alice.create(input.clone()).await;
    let share = json!({ "credentialId": id, "granteeId": world.bob_id, "level": "USE" });
    world.alice.mutate("shareCredential", "visible", share).await;
    let what =
        "name status labels { key value } grants { level grantee { ... on Member { id } } } secretVersion";
    let before = world.alice.credential(&id, what).await;

    let selection = "credential { status deletedAt restorableUntil }";
    let gone = world.alice.mutate("deleteCredential", selection, json!({ "credentialId": id })).await;
    assert_eq!(gone["credential"]["status"], "DELETED");
    assert!(gone["credential"]["deletedAt"].is_string() && gone["credential"]["restorableUntil"].is_string());
    for (caller, filter) in [(&world.alice, json!({})), (&world.bob, json!({})), (&world.bob, Value::Null)] {
        assert_eq!(listed(caller, filter).await, Vec::<Value>::new());
    }
    assert_eq!(listed(&world.alice, json!({ "deleted": true })).await, [json!(id)]);
    let by_name = "{ credentialByName(name: \"deploy\") { id } }";
    assert_eq!(world.alice.code(by_name, Value::Null).await, "NOT_FOUND");
    let refused = world.alice.refused("updateCredential", json!({ "credentialId": id, "name": "X" })).await;
    assert_eq!(refused["reason"], "CREDENTIAL_DELETED");

    world.alice.mutate("restoreCredential", "visible", json!({ "credentialId": id })).await;
    assert_eq!(world.alice.credential(&id, what).await, before);
    assert_eq!(listed(&world.bob, json!({})).await, [json!(id)]);
    assert_eq!(listed(&world.alice, json!({ "deleted": true })).await, Vec::<Value>::new());
    assert_eq!(world.alice.data(by_name, Value::Null).await["credentialByName"]["id"], json!(id));
}

#[tokio::test]
async fn a_name_given_away_meanwhile_stops_a_restore() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "one").await;
    world.alice.mutate("deleteCredential", "visible", json!({ "credentialId": id })).await;
    create_bearer(&world.alice, "DEPLOY", "two").await;
    let refused = world.alice.refused("restoreCredential", json!({ "credentialId": id })).await;
    assert_eq!(refused["code"], "CONFLICT");
    assert_eq!(status(&world.alice, &id).await, "DELETED");
}

#[tokio::test]
async fn an_update_changes_what_is_given_and_leaves_the_rest() {
    let world = World::start().await;
    let mut input = bearer("Deploy", "s3cr3t");
    input["expiresAt"] = json!("2099-01-02T03:04:05Z");
    input["externalId"] = json!("tf/1");
    let id = world.alice.create(input).await;
    let what = "name externalId labels { key value } expiresAt revision secretVersion";
    let update = async |input: Value| {
        let mut input = input;
        input["credentialId"] = json!(id);
        let done = world.alice.mutate("updateCredential", &format!("credential {{ {what} }}"), input).await;
        done["credential"].clone()
    };
    let labelled = update(json!({ "labels": [{ "key": "env", "value": "prod" }] })).await;
    assert_eq!(labelled["labels"], json!([{ "key": "env", "value": "prod" }]));
    assert_eq!(labelled["expiresAt"], "2099-01-02T03:04:05.000000Z", "what is not given stays");
    let endless = update(json!({ "expiresAt": null })).await;
    assert_eq!((&endless["expiresAt"], &endless["externalId"]), (&Value::Null, &json!("tf/1")));
    assert_eq!(endless["labels"], labelled["labels"]);
    let renamed = update(json!({ "name": "Deploy 2", "externalId": null })).await;
    assert_eq!((&renamed["name"], &renamed["externalId"]), (&json!("Deploy 2"), &Value::Null));
    assert_eq!(renamed["secretVersion"], 1);
    let same = update(json!({ "name": "Deploy 2" })).await;
    assert_eq!(same["revision"], renamed["revision"], "nothing changed, so nothing counts");
}

async fn plain_field(client: &Client, id: &str, name: &str) -> Value {
    let credential = client.credential(id, "fields { name value }").await;
    let fields = credential["fields"].as_array().expect("fields");
    fields.iter().find(|field| field["name"] == name).expect("the field")["value"].clone()
}

#[tokio::test]
async fn plain_fields_change_by_update_and_destinations_only_with_the_secret() {
    let world = World::start().await;
    let alice = &world.alice;
    let id = create_bearer(alice, "Deploy", "s3cr3t").await;
    let update = |fields: Value| json!({ "credentialId": id, "verify": false, "fields": fields });
    alice.mutate("updateCredential", "visible", update(json!({ "check_path": "/me" }))).await;
    assert_eq!(plain_field(alice, &id, "check_path").await, "/me");
    assert_eq!(plain_field(alice, &id, "base_url").await, "https://api.example.com");

    let elsewhere = json!({ "base_url": "https://evil.example.com" });
    let hosts = json!({ "credentialId": id, "allowedHosts": ["evil.example.com"] });
    for input in [update(elsewhere.clone()), hosts] {
        let refused = alice.refused("updateCredential", input).await;
        assert_eq!((&refused["code"], &refused["reason"]), (&json!("REFUSED"), &json!("SECRET_REQUIRED")));
    }
    let secret = alice.refused("updateCredential", update(json!({ "token": "n3w" }))).await;
    assert_eq!(
        (&secret["code"], &secret["fields"][0]["path"]),
        (&json!("BAD_USER_INPUT"), &json!("input.fields.token"))
    );
    assert_eq!(plain_field(alice, &id, "base_url").await, "https://api.example.com");

    let moved = json!({ "credentialId": id, "verify": false, "allowedHosts": ["evil.example.com"],
        "fields": { "base_url": "https://evil.example.com", "token": "n3w" } });
    alice.mutate("rotateCredential", "visible", moved).await;
    assert_eq!(plain_field(alice, &id, "base_url").await, "https://evil.example.com");
    assert_eq!(plain_field(alice, &id, "check_path").await, "/me", "what is not given stays");
    assert_eq!(alice.credential(&id, "allowedHosts").await["allowedHosts"], json!(["evil.example.com"]));
}

#[tokio::test]
async fn a_credential_can_be_seen_as_it_stood_by_who_may_see_it_now() {
    let world = World::start().await;
    let alice = &world.alice;
    let id = create_bearer(alice, "Before", "s3cr3t").await;
    let made = text(&alice.credential(&id, "updatedAt").await["updatedAt"]);
    alice.mutate("updateCredential", "visible", json!({ "credentialId": id, "name": "After" })).await;
    let query = "query($id: ID!, $at: DateTime) { credential(id: $id, asOf: $at) { name revision } }";
    let then = alice.data(query, json!({ "id": id, "at": made })).await;
    assert_eq!(then["credential"], json!({ "name": "Before", "revision": 1 }));
    let now = alice.data(query, json!({ "id": id, "at": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(now["credential"], json!({ "name": "After", "revision": 2 }));
    for at in [made.as_str(), "2000-01-01T00:00:00Z"] {
        assert_eq!(world.bob.code(query, json!({ "id": id, "at": at })).await, "NOT_FOUND");
    }
    assert_eq!(alice.code(query, json!({ "id": id, "at": "2000-01-01T00:00:00Z" })).await, "NOT_FOUND");
}
