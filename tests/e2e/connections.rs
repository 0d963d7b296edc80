//! Connections: from registered to connected and back, by hand and by themselves.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, text};

/// A world with an API that takes the token `good` and no other.
struct Scene {
    world: World,
    api: StubServer,
}

impl Scene {
    async fn open() -> Self {
        let scene = Self { world: World::start().await, api: StubServer::start().await };
        scene.accepts();
        scene
    }

    fn accepts(&self) {
        self.api.on("GET", "/", Reply::status(204));
    }

    fn rejects(&self) {
        self.api.on("GET", "/", Reply::status(401));
    }

    async fn credential(&self, owner: &Client, name: &str) -> String {
        let mut input = bearer(name, "s3cr3t");
        input["fields"]["base_url"] = json!(self.api.url(""));
        owner.create(input).await
    }

    async fn verify(&self, id: &str) {
        self.world.alice.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
    }
}

pub(crate) async fn register(client: &Client, name: &str, more: Value) -> String {
    let mut input = json!({ "component": "http-bearer", "name": name });
    for (field, value) in more.as_object().expect("an object") {
        input[field] = value.clone();
    }
    text(&client.mutate("createConnection", "connection { id }", input).await["connection"]["id"])
}

pub(crate) async fn go(client: &Client, id: &str, to: &str) -> String {
    let input = json!({ "connectionId": id, "to": to });
    let done = client.mutate("transitionConnection", "connection { state }", input).await;
    text(&done["connection"]["state"])
}

pub(crate) async fn connection(client: &Client, id: &str, selection: &str) -> Value {
    let query = format!("query($id: ID!) {{ connection(id: $id) {{ {selection} }} }}");
    client.data(&query, json!({ "id": id })).await["connection"].clone()
}

#[tokio::test]
async fn a_connection_verifies_its_credentials_and_keeps_them_while_it_is_connected() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    let (first, second) = (scene.credential(alice, "One").await, scene.credential(alice, "Two").await);
    let id = register(alice, "Grafana", json!({ "credentialIds": [first, second, first] })).await;
    let shown = connection(alice, &id, "state allowedTransitions credentials { name } revision").await;
    let allowed = json!(["CONNECTED", "IGNORED", "MAINTENANCE", "NOT_FOUND", "DELETED"]);
    let both = json!([{ "name": "One" }, { "name": "Two" }]);
    let expected =
        json!({ "state": "REGISTERED", "allowedTransitions": allowed, "credentials": both, "revision": 1 });
    assert_eq!(shown, expected);
    scene.rejects();
    let refused =
        alice.refused("transitionConnection", json!({ "connectionId": id, "to": "CONNECTED" })).await;
    assert_eq!(refused["reason"], "VERIFICATION_FAILED");
    assert_eq!(refused["failures"].as_array().map(Vec::len), Some(2), "{refused:#}");
    assert_eq!(refused["failures"][0]["verdict"], "INVALID");
    assert_eq!(alice.credential(&first, "usages { active }").await["usages"], json!([{ "active": false }]));
    scene.accepts();
    for credential in [&first, &second] {
        scene.verify(credential).await;
    }
    assert_eq!(go(alice, &id, "CONNECTED").await, "CONNECTED");
    let used =
        alice.credential(&first, "usages { kind active name connection { id } } hiddenUsageCount").await;
    let usage =
        json!({ "kind": "CONNECTION", "active": true, "name": "Grafana", "connection": { "id": id } });
    assert_eq!(used, json!({ "usages": [usage], "hiddenUsageCount": 0 }));
    let refused = alice.refused("deleteCredential", json!({ "credentialId": first, "detach": true })).await;
    assert_eq!(refused["reason"], "CREDENTIAL_IN_USE");
    let usage = json!({ "id": id, "kind": "CONNECTION", "active": true, "name": "Grafana" });
    assert_eq!((&refused["usages"], &refused["hiddenCount"]), (&json!([usage]), &json!(0)));
    let refused =
        alice.refused("transitionConnection", json!({ "connectionId": id, "to": "DISCOVERED" })).await;
    assert_eq!(refused["reason"], "ILLEGAL_TRANSITION");
    let allowed = json!(["DISCONNECTED", "MAINTENANCE", "IGNORED", "NOT_FOUND", "DELETED"]);
    assert_eq!(refused["allowed"], allowed);
    assert_eq!(go(alice, &id, "MAINTENANCE").await, "MAINTENANCE");
    alice.mutate("deleteCredential", "visible", json!({ "credentialId": first, "detach": true })).await;
}

#[tokio::test]
async fn a_credential_can_be_made_while_registering_and_must_be_of_the_same_component() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    let fields = json!({ "base_url": scene.api.url(""), "token": "s3cr3t" });
    let made = json!({ "name": "Made", "fields": fields });
    let input = json!({ "component": "http-bearer", "name": "Link", "createCredential": made, "idempotencyKey": "k" });
    let selection = "replayed connection { id credentials { id name status } }";
    let first = alice.mutate("createConnection", selection, input.clone()).await;
    let credential = &first["connection"]["credentials"][0];
    assert_eq!((&credential["name"], &credential["status"]), (&json!("Made"), &json!("VALID")));
    let again = alice.mutate("createConnection", selection, input).await;
    assert_eq!((&again["replayed"], &again["connection"]), (&json!(true), &first["connection"]));
    scene.rejects();
    let bad = json!({ "name": "Bad", "fields": fields });
    let refused = json!({ "component": "http-bearer", "name": "Other", "createCredential": bad });
    assert_eq!(alice.refused("createConnection", refused).await["reason"], "VERIFICATION_FAILED");
    let other = json!({ "component": "github", "name": "Third", "credentialIds": [credential["id"]] });
    assert_eq!(alice.refused("createConnection", other).await["reason"], "COMPONENT_MISMATCH");
    let taken = json!({ "component": "http-bearer", "name": "LINK" });
    assert_eq!(alice.refused("createConnection", taken).await["code"], "CONFLICT");
    let listed =
        alice.data("{ connections { totalCount } connectionStates { state count } }", Value::Null).await;
    assert_eq!(listed["connections"]["totalCount"], 1);
    assert_eq!(listed["connectionStates"], json!([{ "state": "REGISTERED", "count": 1 }]));
    let usages = alice.credential(&text(&credential["id"]), "usages { name }").await;
    assert_eq!(usages["usages"], json!([{ "name": "Link" }]), "what was refused left nothing behind");
}

#[tokio::test]
async fn a_literal_secret_inside_a_connections_input_is_refused() {
    let scene = Scene::open().await;
    let query = r#"mutation { createConnection(input: { component: "http-bearer", name: "X",
        createCredential: { fields: { base_url: "https://a.example", token: "s3cr3t" } } }) { position } }"#;
    let error = scene.world.alice.error(query, Value::Null).await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    assert!(error["extensions"].to_string().contains("variable") && !error.to_string().contains("s3cr3t"));
}

#[tokio::test]
async fn a_credential_that_goes_bad_disconnects_and_brings_back_when_the_tenant_wants_it() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    alice.mutate("updateTenant", "visible", json!({ "reconnectOnRecovery": true })).await;
    let credential = scene.credential(alice, "One").await;
    let id = register(alice, "Grafana", json!({ "credentialIds": [credential] })).await;
    let other = register(alice, "By hand", json!({ "credentialIds": [credential] })).await;
    for connection in [&id, &other] {
        assert_eq!(go(alice, connection, "CONNECTED").await, "CONNECTED");
    }
    go(alice, &other, "DISCONNECTED").await;
    scene.rejects();
    scene.verify(&credential).await;
    let state = async |wanted: &str| {
        let selection = "state revision lastTransition { mover reason credential { id } }";
        eventually(wanted, async || {
            let seen = connection(alice, &id, selection).await;
            (seen["state"] == wanted).then_some(seen)
        })
        .await
    };
    let away = state("DISCONNECTED").await;
    assert_eq!(away["lastTransition"]["mover"], "AUTOMATIC");
    assert_eq!(away["lastTransition"]["credential"]["id"], json!(credential));
    assert!(text(&away["lastTransition"]["reason"]).contains("rejected"));
    let revision = away["revision"].clone();
    scene.accepts();
    scene.verify(&credential).await;
    let back = state("CONNECTED").await;
    assert_eq!((&back["lastTransition"]["mover"], &back["revision"]), (&json!("AUTOMATIC"), &revision));
    assert_eq!(connection(alice, &other, "state").await["state"], "DISCONNECTED", "by hand it stays");
    let used = alice.credential(&credential, "usages { name active }").await;
    let expected = json!([{ "name": "Grafana", "active": true }, { "name": "By hand", "active": false }]);
    assert_eq!(used["usages"], expected);
}

#[tokio::test]
async fn without_the_setting_a_connection_stays_disconnected() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    let (credential, marker) = (scene.credential(alice, "One").await, scene.credential(alice, "Two").await);
    let id = register(alice, "Grafana", json!({ "credentialIds": [credential] })).await;
    let later = register(alice, "Later", json!({ "credentialIds": [marker] })).await;
    for connection in [&id, &later] {
        go(alice, connection, "CONNECTED").await;
    }
    scene.rejects();
    scene.verify(&credential).await;
    let is = async |which: &str, wanted: &str| {
        eventually(wanted, async || {
            (connection(alice, which, "state").await["state"] == wanted).then_some(())
        })
        .await;
    };
    is(&id, "DISCONNECTED").await;
    scene.accepts();
    scene.verify(&credential).await;
    // Events are seen in order: when the later one has led to something, so would have the earlier.
    let suspend = json!({ "credentialId": marker, "reason": "a look" });
    alice.mutate("suspendCredential", "visible", suspend).await;
    is(&later, "DISCONNECTED").await;
    assert_eq!(connection(alice, &id, "state").await["state"], "DISCONNECTED");
}

#[tokio::test]
async fn a_deleted_connection_comes_back_with_what_its_owner_can_still_attach() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    let (kept, lost) = (scene.credential(alice, "Kept").await, scene.credential(alice, "Lost").await);
    let id = register(alice, "Grafana", json!({ "credentialIds": [kept, lost] })).await;
    go(alice, &id, "CONNECTED").await;
    alice.mutate("deleteConnection", "visible", json!({ "connectionId": id })).await;
    alice.mutate("deleteCredential", "visible", json!({ "credentialId": lost })).await;
    let taken = register(alice, "grafana", json!({})).await;
    assert_eq!(alice.refused("restoreConnection", json!({ "connectionId": id })).await["code"], "CONFLICT");
    alice.mutate("updateConnection", "visible", json!({ "connectionId": taken, "name": "Other" })).await;
    let selection = "connection { state credentials { id } } lostCredentials { name } hiddenCount";
    let back = alice.mutate("restoreConnection", selection, json!({ "connectionId": id })).await;
    assert_eq!(back["connection"], json!({ "state": "CONNECTED", "credentials": [{ "id": kept }] }));
    assert_eq!((&back["lostCredentials"], &back["hiddenCount"]), (&json!([{ "name": "Lost" }]), &json!(0)));
    let used = alice.credential(&kept, "usages { active }").await;
    assert_eq!(used["usages"], json!([{ "active": true }]));
}

#[tokio::test]
async fn connections_of_a_team_are_its_members_and_credentials_need_use() {
    let scene = Scene::open().await;
    let World { alice, bob, carol, stranger, team, .. } = &scene.world;
    let own = scene.credential(alice, "Alices").await;
    let refused = json!({ "component": "http-bearer", "name": "X", "credentialIds": [own] });
    assert_eq!(bob.refused("createConnection", refused.clone()).await["code"], "NOT_FOUND");
    let share = |level: &str| json!({ "credentialId": own, "granteeId": team, "level": level });
    alice.mutate("shareCredential", "visible", share("VIEW")).await;
    assert_eq!(bob.refused("createConnection", refused.clone()).await["code"], "FORBIDDEN");
    alice.mutate("shareCredential", "visible", share("USE")).await;
    let id = register(bob, "Shared", json!({ "ownerTeamId": team, "credentialIds": [own] })).await;
    for outsider in [carol, stranger] {
        let query = "query($id: ID!) { connection(id: $id) { id } }";
        assert_eq!(outsider.code(query, json!({ "id": id })).await, "NOT_FOUND");
        let list = "{ connections { totalCount } }";
        assert_eq!(outsider.data(list, Value::Null).await["connections"]["totalCount"], 0);
    }
    let input = json!({ "credentialId": own, "granteeId": scene.world.carol_id, "level": "VIEW" });
    alice.mutate("shareCredential", "visible", input).await;
    let seen = carol.credential(&own, "usages { id } hiddenUsageCount").await;
    assert_eq!(seen, json!({ "usages": [], "hiddenUsageCount": 1 }));
    let mut filter = json!({ "credentialId": own, "text": "shar", "states": ["REGISTERED"] });
    let list = "query($f: ConnectionFilterInput) { connections(filter: $f) { totalCount } }";
    assert_eq!(bob.data(list, json!({ "f": filter })).await["connections"]["totalCount"], 1);
    filter["states"] = json!(["CONNECTED"]);
    assert_eq!(bob.data(list, json!({ "f": filter })).await["connections"]["totalCount"], 0);
}
