//! An earlier version is retired when everybody has moved away from it, and not before.

use keytrail_app::{CredentialRotation, NewLease};
use keytrail_domain::{CredentialId, Grantee, Level, Role};
use keytrail_ports::views::VersionRow;
use tokio_util::sync::CancellationToken;

use crate::world::{World, member_of, plain};

impl World {
    async fn rotate(&self, id: CredentialId) {
        self.rotate_with(id, true).await;
    }

    async fn rotate_with(&self, id: CredentialId, verify: bool) {
        let rotation = CredentialRotation {
            id,
            fields: serde_json::json!({ "token": "n3w" }).as_object().cloned().unwrap(),
            allowed_hosts: None,
            expires_at: None,
            verify,
            accept_inconclusive: false,
            overlap_seconds: 86_400,
            expected_revision: None,
        };
        self.app.rotate_credential(&self.alice, plain("rotateCredential"), rotation).await.unwrap();
    }

    async fn lease(&self, by: &keytrail_app::Call, id: CredentialId, version: Option<u32>) {
        let wish = NewLease { id, purpose: "work".into(), ttl_seconds: None, version };
        self.app.lease_credential(by, plain("leaseCredential"), wish).await.unwrap();
    }

    async fn first(&self, id: CredentialId) -> VersionRow {
        self.shown().await;
        let row = self.app.credential(&self.alice, id).await.unwrap().expect("it is there");
        row.versions[0].clone()
    }

    /// Lets the reactors take up everything.
    async fn react(&self, id: CredentialId) {
        let mark = self.mark(id).await;
        self.kept.clock.forward(301);
        self.react_up_to(mark).await;
    }

    /// One that is to be retired: then what came before it was looked at.
    async fn mark(&self, id: CredentialId) -> CredentialId {
        let name = format!("Mark {id} {}", self.everything().await.len());
        let mark = self.create(&self.alice, &name).await.unwrap().value;
        self.lease(&self.alice, mark, None).await;
        self.rotate(mark).await;
        self.lease(&self.alice, mark, None).await;
        mark
    }

    async fn react_up_to(&self, mark: CredentialId) {
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (app, stop) = (self.app.clone(), stop.clone());
            async move { app.run_usage(stop).await }
        });
        while self.first(mark).await.retired.is_none() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_version_is_retired_when_all_who_leased_it_and_still_may_have_leased_the_newer_one() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Deploy").await.unwrap().value;
    let bob = world.member("bob", Role::Member).await;
    world.share(id, Grantee::Member(member_of(&bob)), Level::Use).await;
    for caller in [&world.alice, &bob] {
        world.lease(caller, id, None).await;
    }
    world.rotate(id).await;
    world.lease(&world.alice, id, None).await;
    world.react(id).await;
    assert_eq!(world.first(id).await.retired, None, "bob has not moved");
    world.lease(&bob, id, None).await;
    world.lease(&world.alice, id, Some(1)).await;
    world.react(id).await;
    assert_eq!(world.first(id).await.retired, None, "alice came back for the old one");
    world.lease(&world.alice, id, None).await;
    world.react(id).await;
    assert!(world.first(id).await.retired.is_some());
    let kinds = world.stream(id).await;
    assert_eq!(kinds.iter().filter(|event| event.event_type == "CredentialVersionRetired").count(), 1);
}

#[tokio::test]
async fn who_may_not_lease_any_more_holds_nothing_up() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Deploy").await.unwrap().value;
    let bob = world.member("bob", Role::Member).await;
    let grantee = Grantee::Member(member_of(&bob));
    world.share(id, grantee, Level::Use).await;
    world.lease(&bob, id, None).await;
    world.rotate(id).await;
    world.app.revoke_share(&world.alice, plain("revokeShare"), id, grantee, None).await.unwrap();
    world.lease(&world.alice, id, None).await;
    world.react(id).await;
    assert!(world.first(id).await.retired.is_some());
}

#[tokio::test]
async fn who_moved_a_moment_ago_may_hold_a_token_of_the_old_one_still() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Deploy").await.unwrap().value;
    let bob = world.member("bob", Role::Member).await;
    world.share(id, Grantee::Member(member_of(&bob)), Level::Use).await;
    world.lease(&bob, id, None).await;
    world.rotate(id).await;
    world.lease(&world.alice, id, None).await;
    let mark = world.mark(id).await;
    world.kept.clock.forward(200);
    world.lease(&bob, id, None).await;
    world.kept.clock.forward(101);
    // Alice's lease is old enough to be looked at, bob's is not.
    world.react_up_to(mark).await;
    assert_eq!(world.first(id).await.retired, None);
    world.react(id).await;
    assert!(world.first(id).await.retired.is_some());
}

#[tokio::test]
async fn while_nothing_proves_the_newer_one_the_old_one_stays() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Deploy").await.unwrap().value;
    world.lease(&world.alice, id, None).await;
    world.rotate_with(id, false).await;
    world.lease(&world.alice, id, None).await;
    world.react(id).await;
    assert_eq!(world.first(id).await.retired, None);
}
