//! What a change would touch, before it is made.

use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, history, text};

const PREVIEW: &str = "query($id: ID!, $change: CredentialChangeKind!, $grantee: ID, $owner: ID) { \
    previewCredentialChange(id: $id, change: $change, granteeId: $grantee, toOwnerId: $owner) { \
    refusalReason usages { name active } hiddenUsageCount \
    accessChanges { grantee { ... on Member { subject } ... on Team { name } } before after } \
    consumers { consumer { member { subject } } } webhookEndpoints { url } hiddenWebhookEndpointCount } }";

struct Setting {
    world: World,
    id: String,
}

impl Setting {
    /// Carol's credential, shared with bob and his team; a connection of alice's and a flow of carol's use it.
    async fn begin() -> Self {
        let world = World::start().await;
        let id = world.carol.create(bearer("Deploy", "s3cr3t")).await;
        for (grantee, level) in [(&world.bob_id, "USE"), (&world.team, "VIEW")] {
            let input = json!({ "credentialId": id, "granteeId": grantee, "level": level });
            world.carol.mutate("shareCredential", "visible", input).await;
        }
        let lease = json!({ "credentialId": id, "purpose": "nightly" });
        world.bob.mutate("leaseCredential", "lease { version }", lease).await;
        let link = json!({ "component": "http-bearer", "name": "Link", "credentialIds": [id] });
        world.bob.mutate("createConnection", "visible", link).await;
        let steps = json!([{ "component": "http-bearer", "credentialId": id }]);
        world.carol.mutate("createFlow", "visible", json!({ "name": "Orders", "steps": steps })).await;
        let hook = json!({ "url": "https://hooks.example/a", "types": ["keytrail.credential.deleted"] });
        world.alice.mutate("createWebhookEndpoint", "visible", hook).await;
        Self { world, id }
    }

    async fn seen(&self, client: &Client, more: Value) -> Value {
        let mut variables = json!({ "id": self.id });
        variables.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        client.data(PREVIEW, variables).await["previewCredentialChange"].clone()
    }
}

fn change(who: &Value, before: &str, after: Option<&str>) -> Value {
    json!({ "grantee": who, "before": before, "after": after })
}

#[tokio::test]
async fn a_deletion_names_what_uses_it_who_loses_it_and_who_is_told() {
    let setting = Setting::begin().await;
    let seen = setting.seen(&setting.world.carol, json!({ "change": "DELETE" })).await;
    assert_eq!(seen["refusalReason"], "CREDENTIAL_IN_USE");
    assert_eq!(seen["usages"], json!([{ "name": "Orders", "active": false }]));
    assert_eq!(seen["hiddenUsageCount"], 1, "bob's connection is not carol's to see");
    assert_eq!(seen["consumers"], json!([{ "consumer": { "member": { "subject": "bob" } } }]));
    assert_eq!((&seen["webhookEndpoints"], &seen["hiddenWebhookEndpointCount"]), (&json!([]), &json!(1)));
    let lost = seen["accessChanges"].as_array().expect("changes");
    assert!(lost.iter().all(|change| change["after"] == Value::Null), "{lost:#?}");
    assert!(lost.contains(&change(&json!({ "subject": "bob" }), "USE", None)), "{lost:#?}");
    let seen = setting.seen(&setting.world.alice, json!({ "change": "DELETE" })).await;
    assert_eq!(seen["webhookEndpoints"], json!([{ "url": "https://hooks.example/…" }]));
    assert_eq!(seen["hiddenUsageCount"], 0, "an owner of the tenant sees all");
    let events = history(&setting.world.carol, &setting.id).await;
    assert!(!events.iter().any(|event| event.contains("Deleted")), "nothing is changed: {events:?}");
}

#[tokio::test]
async fn a_rotation_takes_nothing_from_anybody_and_names_who_has_to_get_the_new_version() {
    let setting = Setting::begin().await;
    let seen = setting.seen(&setting.world.carol, json!({ "change": "ROTATE" })).await;
    assert_eq!((&seen["refusalReason"], &seen["accessChanges"]), (&Value::Null, &json!([])));
    assert_eq!(seen["consumers"].as_array().map(Vec::len), Some(1));
    assert_eq!(seen["usages"].as_array().map(Vec::len), Some(1));
    assert_eq!(seen["hiddenWebhookEndpointCount"], 0, "it wants to hear of deletions alone");
}

#[tokio::test]
async fn taking_a_grant_back_touches_whom_nothing_else_gives_as_much() {
    let setting = Setting::begin().await;
    let world = &setting.world;
    let seen = setting.seen(&world.carol, json!({ "change": "UNSHARE", "grantee": world.bob_id })).await;
    assert_eq!(seen["accessChanges"], json!([change(&json!({ "subject": "bob" }), "USE", Some("VIEW"))]));
    assert_eq!(seen["consumers"], json!([{ "consumer": { "member": { "subject": "bob" } } }]));
    assert_eq!(seen["usages"], json!([]), "carol's flow goes on");
    let seen = setting.seen(&world.alice, json!({ "change": "UNSHARE", "grantee": world.bob_id })).await;
    assert_eq!(seen["usages"], json!([{ "name": "Link", "active": false }]), "bob's does not");
    let seen = setting.seen(&world.carol, json!({ "change": "UNSHARE", "grantee": world.team })).await;
    assert_eq!(
        seen["accessChanges"],
        json!([change(&json!({ "name": "Ops" }), "VIEW", None)]),
        "bob has more"
    );
}

#[tokio::test]
async fn a_transfer_shows_both_sides_and_nobody_previews_what_he_may_not_do() {
    let setting = Setting::begin().await;
    let world = &setting.world;
    let seen = setting.seen(&world.carol, json!({ "change": "TRANSFER", "owner": world.bob_id })).await;
    let mut changes = seen["accessChanges"].as_array().expect("changes").clone();
    changes.sort_by_key(|change| text(&change["grantee"]["subject"]));
    let [bob, carol] = [json!({ "subject": "bob" }), json!({ "subject": "carol" })];
    assert_eq!(changes, [change(&bob, "USE", Some("MANAGE")), change(&carol, "MANAGE", None)]);
    let variables = json!({ "id": setting.id, "change": "DELETE" });
    assert_eq!(world.bob.code(PREVIEW, variables.clone()).await, "FORBIDDEN");
    assert_eq!(world.stranger.code(PREVIEW, variables).await, "NOT_FOUND");
    for wrong in [
        json!({ "id": setting.id, "change": "UNSHARE" }),
        json!({ "id": setting.id, "change": "DELETE", "owner": world.bob_id }),
        json!({ "id": setting.id, "change": "TRANSFER", "owner": setting.id }),
    ] {
        assert_eq!(world.carol.code(PREVIEW, wrong.clone()).await, "BAD_USER_INPUT", "{wrong}");
    }
}
