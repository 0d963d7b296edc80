//! Rotation without downtime, as teams do it: the old version goes on while its users move, is retired when all have
//! moved or its time is over, and counts again when the new one is rejected. And the end of a deleted credential.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::{
    connections::{connection, go, register},
    harness::{Client, Settings, World, bearer, history, text},
    leases::{curl, lease},
};

const VERSIONS: &str =
    "versions { number isCurrent isLeasable leasableUntil retiredBecause } secretVersion status";
const ROTATE: &str = "credential { secretVersion status }";
/// The stub's answer to a token that is good: it takes each.
const GOOD: u16 = 200;

/// A credential of alice's that a system knows, which can be told to reject it.
struct Setting {
    world: World,
    api: StubServer,
    id: String,
}

impl Setting {
    async fn begin(settings: Settings) -> Self {
        let (world, api) = (World::with(settings).await, StubServer::start().await);
        api.on("GET", "/", Reply::status(GOOD));
        let mut input = bearer("Deploy", "first-s3cr3t");
        input["fields"]["base_url"] = json!(api.url(""));
        let id = world.alice.create(input).await;
        Self { world, api, id }
    }

    fn rotation(&self, overlap: i64) -> Value {
        json!({ "credentialId": self.id, "fields": { "token": "second-s3cr3t" }, "overlapSeconds": overlap })
    }

    async fn rotate(&self, overlap: i64) {
        let done = self.world.alice.mutate("rotateCredential", ROTATE, self.rotation(overlap)).await;
        assert_eq!(done["credential"], json!({ "secretVersion": 2, "status": "VALID" }));
    }

    async fn seen(&self) -> Value {
        self.world.alice.credential(&self.id, VERSIONS).await
    }

    /// The version with this number.
    async fn version(&self, number: usize) -> Value {
        self.seen().await["versions"][number - 1].clone()
    }

    fn input(&self, more: &Value) -> Value {
        let mut input = json!({ "credentialId": self.id });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        input
    }

    async fn lease_of(&self, client: &Client, version: u32) -> Value {
        let input = self.input(&json!({ "purpose": "old users", "version": version }));
        client.mutate("leaseCredential", "lease { token unwrapUrl version }", input).await["lease"].clone()
    }
}

async fn secret(lease: &Value) -> Option<String> {
    let (status, body) = curl(lease).await;
    (status == "200").then(|| text(&body["data"]["data"]["token"]))
}

#[tokio::test]
async fn while_two_versions_overlap_tokens_of_both_are_good_and_the_old_one_is_given_to_who_asks_for_it() {
    let setting = Setting::begin(Settings::default()).await;
    let before = lease(&setting.world.alice, &setting.id).await;
    setting.rotate(3_600).await;
    let (old, new) =
        (setting.lease_of(&setting.world.alice, 1).await, lease(&setting.world.alice, &setting.id).await);
    assert_eq!((&old["version"], &new["version"]), (&json!(1), &json!(2)));
    assert_eq!(new["fields"]["base_url"], setting.api.url(""), "what is no secret comes with it");
    assert_eq!(new["fields"].get("token"), None);
    assert_eq!(secret(&before).await.as_deref(), Some("first-s3cr3t"), "it was given before");
    assert_eq!(secret(&old).await.as_deref(), Some("first-s3cr3t"));
    assert_eq!(secret(&new).await.as_deref(), Some("second-s3cr3t"));
    let first = setting.version(1).await;
    assert_eq!((&first["isCurrent"], &first["isLeasable"]), (&json!(false), &json!(true)));
    let waiting = setting.lease_of(&setting.world.alice, 1).await;
    let input = setting.input(&json!({ "version": 1 }));
    setting.world.alice.mutate("retireVersion", "visible", input).await;
    assert_eq!(secret(&waiting).await, None, "what was not used yet is dead");
    let late = setting.input(&json!({ "purpose": "late", "version": 1 }));
    let refused = setting.world.alice.refused("leaseCredential", late).await;
    assert_eq!(refused["reason"], "VERSION_NOT_LEASABLE");
    assert_eq!(setting.version(1).await["retiredBecause"], "ASKED");
    let refused = setting.world.alice.refused("rotateCredential", setting.rotation(2_592_001)).await;
    assert_eq!(refused["fields"][0]["path"], "input.overlapSeconds");
}

#[tokio::test]
async fn without_an_overlap_the_old_version_ends_at_once() {
    let setting = Setting::begin(Settings::default()).await;
    let before = lease(&setting.world.alice, &setting.id).await;
    setting.rotate(0).await;
    assert_eq!(secret(&before).await, None);
    assert_eq!(setting.version(1).await["isLeasable"], false);
}

#[tokio::test]
async fn an_overlap_ends_by_itself() {
    let setting = Setting::begin(Settings::default()).await;
    setting.rotate(1).await;
    let retired = async || (setting.version(1).await["retiredBecause"] == "OVERLAP_OVER").then_some(());
    eventually("the overlap is over", retired).await;
    assert_eq!(setting.version(1).await["isLeasable"], false);
    let refused =
        setting.world.alice.refused("rollbackCredential", setting.input(&json!({ "toVersion": 1 }))).await;
    assert_eq!(refused["reason"], "VERSION_RETIRED");
}

#[tokio::test]
async fn when_the_new_version_is_rejected_the_old_one_counts_again_by_itself() {
    let settings = Settings::default().set("KEYTRAIL_CHECK_INTERVAL_SECONDS", "1");
    let setting = Setting::begin(settings).await;
    let world = &setting.world;
    let used = register(&world.alice, "Grafana", json!({ "credentialIds": [setting.id] })).await;
    assert_eq!(go(&world.alice, &used, "CONNECTED").await, "CONNECTED");
    setting.rotate(3_600).await;
    setting.api.on("GET", "/", Reply::status(401));
    eventually("it went back", async || (setting.seen().await["secretVersion"] == 1).then_some(())).await;
    setting.api.on("GET", "/", Reply::status(GOOD));
    assert_eq!(secret(&lease(&world.alice, &setting.id).await).await.as_deref(), Some("first-s3cr3t"));
    eventually("it is well", async || (setting.seen().await["status"] == "VALID").then_some(())).await;
    let ended = "alerts { nodes { state cause message } }";
    let resolved = eventually("the alert is over", async || {
        let alerts = world.alice.credential(&setting.id, ended).await["alerts"]["nodes"].clone();
        (alerts[0]["state"] == "RESOLVED").then_some(alerts)
    });
    let alerts = resolved.await;
    assert_eq!(
        (&alerts[0]["cause"], alerts.as_array().map(Vec::len)),
        (&json!("INVALID"), Some(1)),
        "{alerts}"
    );
    assert!(text(&alerts[0]["message"]).contains("version 1 counts again"), "{alerts}");
    let state = connection(&world.alice, &used, "state").await;
    assert_eq!(state["state"], "CONNECTED", "what uses it goes on");
    let events = history(&world.alice, &setting.id).await;
    let place = |kind: &str| events.iter().position(|event| event.starts_with(kind)).expect(kind);
    assert_eq!(place("CredentialRolledBack"), place("CredentialInvalidated") + 1, "{events:?}");
}

#[tokio::test]
async fn going_back_is_checked_and_can_be_gone_forward_again() {
    let setting = Setting::begin(Settings::default()).await;
    let alice = &setting.world.alice;
    assert_eq!(
        alice.refused("rollbackCredential", setting.input(&json!({}))).await["reason"],
        "NO_EARLIER_VERSION"
    );
    setting.rotate(0).await;
    setting.api.on("GET", "/", Reply::status(401));
    let refused = alice.refused("rollbackCredential", setting.input(&json!({}))).await;
    assert_eq!(refused["reason"], "VERIFICATION_FAILED");
    assert_eq!(setting.seen().await["secretVersion"], 2);
    setting.api.on("GET", "/", Reply::status(GOOD));
    let back = setting.input(&json!({ "idempotencyKey": "back" }));
    for replayed in [false, true] {
        let done =
            alice.mutate("rollbackCredential", "replayed credential { secretVersion status }", back.clone());
        let expected =
            json!({ "replayed": replayed, "credential": { "secretVersion": 1, "status": "VALID" } });
        assert_eq!(done.await, expected);
    }
    let sent = setting.api.requests();
    let last = sent.last().expect("a check").header("authorization").expect("a token").to_owned();
    assert_eq!(last, "Bearer first-s3cr3t", "the version that is gone back to is the one that is checked");
    let forward = setting.input(&json!({ "toVersion": 2, "verify": false }));
    let done = alice.mutate("rollbackCredential", "credential { secretVersion status }", forward).await;
    assert_eq!(done["credential"], json!({ "secretVersion": 2, "status": "UNVERIFIED" }));
    assert_eq!(secret(&lease(alice, &setting.id).await).await.as_deref(), Some("second-s3cr3t"));
}

#[tokio::test]
async fn a_purged_credential_is_gone_with_its_secrets_and_its_history_stays() {
    let setting = Setting::begin(Settings::default()).await;
    let alice = &setting.world.alice;
    setting.rotate(3_600).await;
    let refused = alice.refused("purgeCredential", setting.input(&json!({}))).await;
    assert_eq!(refused["reason"], "CREDENTIAL_NOT_DELETED");
    let waiting = lease(alice, &setting.id).await;
    alice.mutate("deleteCredential", "visible", setting.input(&json!({}))).await;
    let purge = setting.input(&json!({ "idempotencyKey": "for ever" }));
    for replayed in [false, true] {
        let done = alice.mutate("purgeCredential", "credentialId replayed", purge.clone()).await;
        assert_eq!(done, json!({ "credentialId": setting.id, "replayed": replayed }));
    }
    assert_eq!(setting.world.bob.refused("purgeCredential", purge).await["code"], "NOT_FOUND");
    assert_eq!(secret(&waiting).await, None);
    let query = "query($id: ID!) { credential(id: $id) { id } }";
    assert_eq!(alice.code(query, json!({ "id": setting.id })).await, "NOT_FOUND");
    assert_eq!(alice.refused("restoreCredential", setting.input(&json!({}))).await["code"], "NOT_FOUND");
    let log = alice.data("{ auditLog(last: 1) { nodes { type } } }", Value::Null).await;
    assert_eq!(log["auditLog"]["nodes"][0]["type"], "CredentialPurged");
}
