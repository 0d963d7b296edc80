//! Tenants' own components: which version a credential follows.

use keytrail_app::{AppError, CredentialRotation};
use keytrail_domain::{CredentialId, Role};
use serde_json::{Value, json};

use crate::world::{World, bearer, keyed, plain};

/// A component with two secrets.
fn definition(host: &str) -> Value {
    let secret = |title: &str| json!({ "type": "string", "title": title, "minLength": 1, "maxLength": 99, "x-secret": true });
    json!({
        "slug": "erp", "name": "ERP", "kind": "API_KEY", "description": "Ours.", "authStyle": "header",
        "fields": {
            "type": "object", "additionalProperties": false, "required": ["key", "pin"],
            "properties": { "key": secret("Key"), "pin": secret("Pin") },
        },
        "allowedHosts": [host],
    })
}

async fn register(world: &World, host: &str) {
    world.app.register_component(&world.alice, plain("registerComponent"), definition(host)).await.unwrap();
}

async fn update(world: &World, host: &str) {
    let (call, slug) = (&world.alice, "acme/erp".to_owned());
    world.app.update_component(call, plain("updateComponent"), slug, definition(host), None).await.unwrap();
}

async fn create(world: &World) -> CredentialId {
    let fields = json!({ "key": "k3y", "pin": "p1n" }).as_object().cloned().unwrap();
    let new = keytrail_app::NewCredential { component: "acme/erp".into(), fields, ..bearer("ERP", None) };
    world.app.create_credential(&world.alice, plain("createCredential"), new).await.unwrap().value
}

async fn rotate(world: &World, id: CredentialId, fields: Value) -> Result<(), AppError> {
    let rotation = CredentialRotation {
        id,
        fields: fields.as_object().cloned().unwrap(),
        allowed_hosts: None,
        expires_at: None,
        verify: false,
        accept_inconclusive: false,
        overlap_seconds: 0,
        expected_revision: None,
    };
    world.app.rotate_credential(&world.alice, plain("rotateCredential"), rotation).await.map(|_| ())
}

async fn version(world: &World, id: CredentialId) -> u32 {
    world.app.credential(&world.alice, id).await.unwrap().unwrap().component.version
}

#[tokio::test]
async fn only_giving_every_secret_again_takes_a_credential_to_the_newest_version() {
    let world = World::start().await;
    register(&world, "a.example").await;
    let id = create(&world).await;
    update(&world, "b.example").await;
    rotate(&world, id, json!({ "key": "another" })).await.unwrap();
    assert_eq!(version(&world, id).await, 1, "one of two secrets is not all");
    rotate(&world, id, json!({ "key": "another", "pin": "0000" })).await.unwrap();
    assert_eq!(version(&world, id).await, 2);
}

#[tokio::test]
async fn the_newest_version_must_have_all_that_it_needs() {
    let world = World::start().await;
    register(&world, "a.example").await;
    let id = create(&world).await;
    let mut more = definition("b.example");
    more["fields"]["properties"]["user"] = json!({ "type": "string", "title": "User", "maxLength": 9 });
    more["fields"]["required"] = json!(["key", "pin", "user"]);
    let (call, slug) = (&world.alice, "acme/erp".to_owned());
    world.app.update_component(call, plain("updateComponent"), slug, more, None).await.unwrap();
    let all = json!({ "key": "another", "pin": "0000" });
    let Err(AppError::BadInput(errors)) = rotate(&world, id, all.clone()).await else { panic!("taken") };
    assert_eq!(errors[0].path, "fields.user");
    let mut with_user = all;
    with_user["user"] = json!("bob");
    rotate(&world, id, with_user).await.unwrap();
    assert_eq!(version(&world, id).await, 2);
}

#[tokio::test]
async fn views_made_anew_know_every_version() {
    let world = World::start().await;
    register(&world, "a.example").await;
    let id = create(&world).await;
    update(&world, "b.example").await;
    let again = world.again().await;
    let newest = again.app.component(&again.alice, "acme/erp").await.unwrap().unwrap();
    assert_eq!((newest.definition.version, newest.revision), (2, Some(2)));
    let row = again.app.credential(&again.alice, id).await.unwrap().unwrap();
    let own = again.app.component_of(&again.alice, &row.component).await.unwrap().unwrap();
    assert_eq!(own.definition.allowed_hosts, ["a.example"]);
    assert_eq!(own.definition.slug, "acme/erp");
}

#[tokio::test]
async fn the_same_registration_twice_is_one() {
    let world = World::start().await;
    let input = json!({ "definition": definition("a.example") });
    for replayed in [false, true] {
        let mutation = keyed("registerComponent", "k", input.clone());
        let done =
            world.app.register_component(&world.alice, mutation, definition("a.example")).await.unwrap();
        assert_eq!((done.value.as_str(), done.replayed), ("acme/erp", replayed));
    }
}

#[tokio::test]
async fn members_change_no_component() {
    let world = World::start().await;
    let bob = world.member("bob", Role::Member).await;
    let refused =
        world.app.register_component(&bob, plain("registerComponent"), definition("a.example")).await;
    assert!(matches!(refused, Err(AppError::Forbidden)));
}
