//! `repointCredential`: everything that uses one credential uses another one, all or nothing, and back.

use keytrail_test_support::{Reply, StubServer};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, text};

async fn credential(client: &Client, api: &StubServer, name: &str, path: &str) -> String {
    let mut input = bearer(name, "s3cr3t");
    input["fields"]["base_url"] = json!(api.url(path));
    client.create(input).await
}

async fn connection(client: &Client, name: &str, credential: &str) -> String {
    let input = json!({ "component": "http-bearer", "name": name, "credentialIds": [credential] });
    text(&client.mutate("createConnection", "connection { id }", input).await["connection"]["id"])
}

async fn flow(client: &Client, name: &str, credential: &str) -> String {
    let steps = json!([{ "component": "http-bearer", "credentialId": credential }]);
    let input = json!({ "name": name, "steps": steps });
    text(&client.mutate("createFlow", "flow { id }", input).await["flow"]["id"])
}

/// What uses a credential: names, and whether each runs.
async fn users(client: &Client, id: &str) -> Vec<(String, bool)> {
    let seen = client.credential(id, "usages { name active } hiddenUsageCount").await;
    assert_eq!(seen["hiddenUsageCount"], 0);
    let mut users: Vec<_> = seen["usages"]
        .as_array()
        .expect("usages")
        .iter()
        .map(|usage| (text(&usage["name"]), usage["active"] == true))
        .collect();
    users.sort();
    users
}

fn wish(from: &str, to: &str) -> Value {
    json!({ "fromCredentialId": from, "toCredentialId": to })
}

struct Scene {
    world: World,
    api: StubServer,
    old: String,
    new: String,
    flow: String,
    connection: String,
}

impl Scene {
    /// A flow that runs, a connected connection and a flow that does not run, all with `Old`.
    async fn open() -> Self {
        let (world, api) = (World::start().await, StubServer::start().await);
        api.on("GET", "/old/", Reply::status(204));
        api.on("GET", "/new/", Reply::status(204));
        let alice = &world.alice;
        let old = credential(alice, &api, "Old", "/old").await;
        let new = credential(alice, &api, "New", "/new").await;
        let running = flow(alice, "Orders", &old).await;
        flow(alice, "Idle", &old).await;
        alice.mutate("startFlow", "visible", json!({ "flowId": running })).await;
        let link = connection(alice, "Link", &old).await;
        let to = json!({ "connectionId": link, "to": "CONNECTED" });
        alice.mutate("transitionConnection", "visible", to).await;
        Self { world, api, old, new, flow: running, connection: link }
    }
}

fn all() -> Vec<(String, bool)> {
    vec![("Idle".to_owned(), false), ("Link".to_owned(), true), ("Orders".to_owned(), true)]
}

#[tokio::test]
async fn everything_that_uses_one_credential_uses_another_one_and_back() {
    let scene = Scene::open().await;
    let alice = &scene.world.alice;
    assert_eq!(users(alice, &scene.old).await, all());
    let mut input = wish(&scene.old, &scene.new);
    input["idempotencyKey"] = json!("k");
    let moved = alice.mutate("repointCredential", "moved from { name } to { name }", input.clone()).await;
    assert_eq!(moved["moved"].as_array().map(Vec::len), Some(3), "{moved:#}");
    assert_eq!((users(alice, &scene.old).await, users(alice, &scene.new).await), (vec![], all()));
    let again = alice.mutate("repointCredential", "moved replayed", input).await;
    assert_eq!(again, json!({ "moved": null, "replayed": true }));
    // What runs still runs, and the new one cannot be deleted now.
    let running = "query($id: ID!) { flow(id: $id) { active steps { credential { name } } } }";
    let running = alice.data(running, json!({ "id": scene.flow })).await;
    assert_eq!(running["flow"], json!({ "active": true, "steps": [{ "credential": { "name": "New" } }] }));
    let refused = alice.refused("deleteCredential", json!({ "credentialId": scene.new })).await;
    assert_eq!(refused["reason"], "CREDENTIAL_IN_USE");
    // Back, some of it.
    let mut back = wish(&scene.new, &scene.old);
    back["only"] = json!([scene.connection]);
    let moved = alice.mutate("repointCredential", "moved", back).await;
    assert_eq!(moved["moved"], json!([scene.connection]));
    assert_eq!(users(alice, &scene.old).await, [("Link".to_owned(), true)]);
    let history = alice.credential(&scene.old, "history(first: 100) { nodes { type data } }").await;
    let nodes = history["history"]["nodes"].as_array().expect("nodes");
    let noted: Vec<_> = nodes.iter().filter(|node| node["type"] == "CredentialRepointed").collect();
    assert_eq!((noted.len(), &noted[0]["data"]["to"]), (1, &json!(scene.new)));
}

#[tokio::test]
async fn what_cannot_be_moved_as_a_whole_stays_as_it_was() {
    let scene = Scene::open().await;
    let (alice, bob) = (&scene.world.alice, &scene.world.bob);
    // The new credential does not work: nothing that runs gets it.
    scene.api.on("GET", "/new/", Reply::status(401));
    let refused = alice.refused("repointCredential", wish(&scene.old, &scene.new)).await;
    assert_eq!(
        (&refused["reason"], &refused["failures"][0]["name"]),
        (&json!("VERIFICATION_FAILED"), &json!("New"))
    );
    assert_eq!((users(alice, &scene.old).await, users(alice, &scene.new).await), (all(), vec![]));
    // It is suspended: that is found when the first that runs is to get it, and what was moved goes back.
    let reason = json!({ "credentialId": scene.new, "reason": "x" });
    alice.mutate("suspendCredential", "visible", reason).await;
    let mut skip = wish(&scene.old, &scene.new);
    skip["skipVerification"] = json!(true);
    assert_eq!(alice.refused("repointCredential", skip).await["reason"], "CREDENTIAL_SUSPENDED");
    assert_eq!((users(alice, &scene.old).await, users(alice, &scene.new).await), (all(), vec![]));
    // A stale revision is told before anything moves, and what uses both is named.
    alice.mutate("resumeCredential", "visible", json!({ "credentialId": scene.new, "reason": "x" })).await;
    scene.api.on("GET", "/new/", Reply::status(204));
    alice.mutate("verifyCredential", "visible", json!({ "credentialId": scene.new })).await;
    let mut stale = wish(&scene.old, &scene.new);
    stale["expectedRevision"] = json!(99);
    assert_eq!(alice.refused("repointCredential", stale).await["code"], "CONFLICT");
    let attach = json!({ "connectionId": scene.connection, "credentialId": scene.new });
    alice.mutate("attachCredential", "visible", attach.clone()).await;
    let refused = alice.refused("repointCredential", wish(&scene.old, &scene.new)).await;
    assert_eq!(
        (&refused["reason"], &refused["usages"][0]["id"]),
        (&json!("USES_BOTH"), &json!(scene.connection))
    );
    alice.mutate("detachCredential", "visible", attach).await;
    assert_eq!((users(alice, &scene.old).await, users(alice, &scene.new).await), (all(), vec![]));
    // Another component, itself, and something that does not use it.
    let mut other = bearer("Basic", "x");
    other["component"] = json!("http-basic");
    other["fields"] = json!({ "base_url": "https://a.example", "username": "u", "password": "p" });
    let other = alice.create(other).await;
    assert_eq!(
        alice.refused("repointCredential", wish(&scene.old, &other)).await["reason"],
        "COMPONENT_MISMATCH"
    );
    let same = alice.refused("repointCredential", wish(&scene.old, &scene.old)).await;
    assert_eq!(same["code"], "BAD_USER_INPUT");
    let mut stranger = wish(&scene.old, &scene.new);
    stranger["only"] = json!(["flow_x"]);
    assert_eq!(alice.refused("repointCredential", stranger).await["code"], "BAD_USER_INPUT");
    // Bob may use both, but not change what is alice's.
    for id in [&scene.old, &scene.new] {
        let share = json!({ "credentialId": id, "granteeId": scene.world.bob_id, "level": "USE" });
        alice.mutate("shareCredential", "visible", share).await;
    }
    let refused = bob.refused("repointCredential", wish(&scene.old, &scene.new)).await;
    assert_eq!((&refused["reason"], &refused["hiddenCount"]), (&json!("USERS_NOT_YOURS"), &json!(3)));
    assert_eq!(users(alice, &scene.old).await, all());
}
