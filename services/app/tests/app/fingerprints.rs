//! Secrets that are used twice: told to whoever may have both anyway, and to nobody else.

use keytrail_app::{Call, CredentialRotation, SecretWarning as W};
use keytrail_domain::{CredentialId, Grantee, Level, Role};
use keytrail_ports::SecretStore;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{World, bearer, keyed, member_of, plain};

impl World {
    async fn storing(&self, by: &Call, name: &str, token: &str) -> (CredentialId, Vec<W>) {
        let mut new = bearer(name, None);
        new.fields.insert("token".into(), json!(token));
        let done = self.app.create_credential(by, plain("createCredential"), new).await.unwrap();
        (done.value, done.warnings)
    }

    async fn rotating(&self, by: &Call, id: CredentialId, token: &str) -> Vec<W> {
        let rotation = CredentialRotation {
            id,
            fields: json!({ "token": token }).as_object().cloned().unwrap(),
            allowed_hosts: None,
            expires_at: None,
            verify: false,
            accept_inconclusive: false,
            overlap_seconds: 0,
            expected_revision: None,
        };
        self.app.rotate_credential(by, plain("rotateCredential"), rotation).await.unwrap().warnings
    }

    async fn delete(&self, id: CredentialId) {
        self.app.delete_credential(&self.alice, plain("deleteCredential"), id, false, None).await.unwrap();
    }
}

#[tokio::test]
async fn who_stores_a_secret_that_he_has_elsewhere_is_told_and_nobody_else() {
    let world = World::start().await;
    let bob = world.member("bob", Role::Admin).await;
    let (first, none) = world.storing(&world.alice, "First", "same").await;
    assert_eq!(none, []);
    let (second, told) = world.storing(&world.alice, "Second", "same").await;
    assert_eq!(told, [W::Duplicate(vec![first])]);
    assert_eq!(world.storing(&bob, "Manages by his role", "same").await.1, []);
    world.share(first, Grantee::Member(member_of(&bob)), Level::View).await;
    assert_eq!(world.storing(&bob, "Sees", "other").await.1, []);
    let (own, told) = world.storing(&bob, "Sees one", "same").await;
    assert!(!told.contains(&W::Duplicate(vec![first])), "{told:?}");
    world.share(first, Grantee::Member(member_of(&bob)), Level::Use).await;
    let told = world.storing(&bob, "Uses one", "same").await.1;
    let W::Duplicate(named) = &told[0] else { panic!("{told:?}") };
    assert!(named.contains(&first) && named.contains(&own) && !named.contains(&second), "{named:?}");
}

#[tokio::test]
async fn what_is_rotated_to_the_same_or_an_earlier_secret_is_no_rotation() {
    let world = World::start().await;
    let (id, _) = world.storing(&world.alice, "Rotated", "one").await;
    assert_eq!(world.rotating(&world.alice, id, "one").await, [W::SameSecret]);
    assert_eq!(world.rotating(&world.alice, id, "two").await, []);
    assert_eq!(world.rotating(&world.alice, id, "one").await, [W::UsedBefore(2)]);
    let bob = world.member("bob", Role::Admin).await;
    assert_eq!(world.rotating(&bob, id, "one").await, [], "he may not lease it, and does not learn it so");
}

#[tokio::test]
async fn what_has_another_secret_by_now_or_is_deleted_counts_no_more() {
    let world = World::start().await;
    let (rotated, _) = world.storing(&world.alice, "Rotated", "same").await;
    let (deleted, told) = world.storing(&world.alice, "Deleted", "same").await;
    assert_eq!(told, [W::Duplicate(vec![rotated])]);
    world.rotating(&world.alice, rotated, "another").await;
    world.delete(deleted).await;
    assert_eq!(world.storing(&world.alice, "New", "same").await.1, []);
}

#[tokio::test]
async fn a_repeated_answer_warns_of_nothing() {
    let world = World::start().await;
    world.storing(&world.alice, "First", "t0k3n").await;
    for warned in [1, 0] {
        let key = keyed("createCredential", "k", json!({}));
        let done = world.app.create_credential(&world.alice, key, bearer("Again", None)).await.unwrap();
        assert_eq!((done.warnings.len(), done.replayed), (warned, warned == 0));
    }
}

#[tokio::test]
async fn a_purge_leaves_no_fingerprint() {
    let world = World::start().await;
    let tenant = world.alice.principal.tenant;
    let before = world.kept.vault.list(tenant).await.unwrap();
    let (id, _) = world.storing(&world.alice, "Purged", "one").await;
    world.rotating(&world.alice, id, "two").await;
    assert_eq!(world.secrets().await, before.len() + 4, "two secrets, and the fingerprint of each");
    world.delete(id).await;
    world.app.purge_credential(&world.alice, plain("purgeCredential"), id, None).await.unwrap();
    let (stop, app) = (CancellationToken::new(), world.app.clone());
    let until = stop.clone();
    let running = tokio::spawn(async move { app.run_usage(until).await });
    while world.secrets().await > before.len() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(world.kept.vault.list(tenant).await.unwrap(), before);
}
