//! A retry is recognised by the log itself: while the views lag, after midnight, and when another
//! node was asked at the same time.

use keytrail_app::{App, AppError, Call, CredentialUpdate, Done, NewMember};
use keytrail_domain::{CredentialId, MemberId, Owner, Role, TeamId};
use serde_json::json;
use tokio::sync::oneshot;

use crate::{
    faults::Fault,
    world::{World, bearer, keyed, member_of, place, plain},
};

type Outcome<T> = Result<Done<T>, AppError>;

async fn create(app: &App, by: &Call, name: &str) -> Outcome<CredentialId> {
    let mutation = keyed("createCredential", "k", json!({ "name": name }));
    app.create_credential(by, mutation, bearer(name, None)).await
}

async fn rename(app: &App, by: &Call, id: CredentialId, name: &str) -> Outcome<CredentialId> {
    let update = CredentialUpdate {
        id,
        name: Some(name.into()),
        labels: None,
        external_id: None,
        expires_at: None,
        allowed_hosts: None,
        fields: None,
        verify: false,
        expected_revision: None,
    };
    app.update_credential(by, keyed("updateCredential", "k", json!({ "name": name })), update).await
}

async fn add_member(world: &World, key: &str) -> Outcome<MemberId> {
    let input = NewMember { issuer: None, subject: "bob".into(), role: Role::Member, profile: None };
    world.app.add_member(&world.alice, keyed("addMember", key, json!({})), input).await
}

async fn create_team(world: &World) -> Outcome<TeamId> {
    world.app.create_team(&world.alice, keyed("createTeam", "k", json!({})), "Ops".into()).await
}

/// The second answer is the first one.
fn is_again<T: PartialEq + std::fmt::Debug>(again: Outcome<T>, first: &Done<T>) {
    let again = again.unwrap();
    assert_eq!((&again.value, &again.position), (&first.value, &first.position));
    assert!(again.replayed && !first.replayed, "{again:?}");
}

fn is_conflict<T: std::fmt::Debug>(outcome: &Outcome<T>) {
    assert!(matches!(outcome, Err(AppError::Conflict { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_change_is_recognised_before_the_views_show_it() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    let bob = world.member("bob", Role::Owner).await;
    world.freeze().await;
    let first = rename(&world.app, &world.alice, id, "After").await.unwrap();
    assert!(!first.visible);
    is_again(rename(&world.app, &world.alice, id, "After").await, &first);
    is_conflict(&rename(&world.app, &world.alice, id, "Other").await);
    assert_eq!(world.stream(id).await.len(), 2);
    assert!(!rename(&world.app, &bob, id, "By bob").await.unwrap().replayed, "bob's key is his own");
}

#[tokio::test]
async fn a_creation_is_recognised_before_the_views_show_it() {
    let mut world = World::start().await;
    world.freeze().await;
    let first = create(&world.app, &world.alice, "Once").await.unwrap();
    let (events, secrets) = (world.everything().await.len(), world.secrets().await);
    is_again(create(&world.app, &world.alice, "Once").await, &first);
    is_conflict(&create(&world.app, &world.alice, "Other").await);
    assert_eq!((world.everything().await.len(), world.secrets().await), (events, secrets));
}

#[tokio::test]
async fn a_key_in_the_log_counts_for_a_day_too() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    world.freeze().await;
    let first = rename(&world.app, &world.alice, id, "After").await.unwrap();
    world.kept.clock.forward(86_399);
    is_again(rename(&world.app, &world.alice, id, "After").await, &first);
    world.kept.clock.forward(1);
    assert!(!rename(&world.app, &world.alice, id, "Later").await.unwrap().replayed);
}

#[tokio::test]
async fn a_retry_after_midnight_makes_nothing_new() {
    let mut world = World::start().await;
    let now = world.app.now().as_seconds();
    world.kept.clock.forward(86_400 - now.rem_euclid(86_400) - 1);
    world.freeze().await;
    let credential = create(&world.app, &world.alice, "Once").await.unwrap();
    world.kept.clock.forward(2);
    is_again(create(&world.app, &world.alice, "Once").await, &credential);
    world.project().await;

    world.kept.clock.forward(86_397);
    world.freeze().await;
    let (team, member) = (create_team(&world).await.unwrap(), add_member(&world, "k").await.unwrap());
    world.kept.clock.forward(2);
    is_again(create_team(&world).await, &team);
    is_again(add_member(&world, "k").await, &member);
    world.project().await;
    is_again(add_member(&world, "k").await, &member);
}

#[tokio::test]
async fn two_nodes_that_are_asked_at_once_make_one_credential() {
    let world = World::start().await;
    let other = world.again().await;
    let (go_on, held) = oneshot::channel();
    world.kept.log.script([Fault::Held(held)]);
    let (slow, fast) = tokio::join!(create(&world.app, &world.alice, "Once"), async {
        world.kept.log.holding.notified().await;
        let fast = create(&other.app, &world.alice, "Once").await.unwrap();
        go_on.send(()).unwrap();
        fast
    });
    is_again(slow, &fast);
    assert_eq!(world.stream(fast.value).await.len(), 1);
}

#[tokio::test]
async fn two_nodes_that_are_asked_at_once_change_once() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    let other = world.again().await;
    let (go_on, held) = oneshot::channel();
    world.kept.log.script([Fault::Held(held)]);
    let (slow, fast) = tokio::join!(rename(&world.app, &world.alice, id, "After"), async {
        world.kept.log.holding.notified().await;
        let fast = rename(&other.app, &world.alice, id, "After").await.unwrap();
        go_on.send(()).unwrap();
        fast
    });
    is_again(slow, &fast);
    assert_eq!(world.stream(id).await.len(), 2);
}

#[tokio::test]
async fn an_answer_of_several_events_has_the_same_position_again() {
    let world = World::start().await;
    let create = || {
        let mutation = keyed("createCredential", "k", json!({}));
        let new = keytrail_app::NewCredential { verify: true, ..bearer("Checked", None) };
        world.app.create_credential(&world.alice, mutation, new)
    };
    let first = create().await.unwrap();
    assert_eq!(world.stream(first.value).await.len(), 2);
    is_again(create().await, &first);
}

#[tokio::test]
async fn the_key_comes_before_names_and_members() {
    let world = World::start().await;
    let (ops, web) = (world.team("Ops").await, world.team("Web").await);
    let bob = member_of(&world.member("bob", Role::Member).await);
    let rename =
        |team, mutation, name: &str| world.app.rename_team(&world.alice, mutation, team, name.into(), None);
    let retried = || keyed("renameTeam", "k", json!({}));
    let add = || keyed("addTeamMember", "k", json!({}));
    let renamed = rename(ops, retried(), "New").await.unwrap();
    let added = world.app.add_team_member(&world.alice, add(), place(ops, bob), false).await.unwrap();
    rename(ops, plain("renameTeam"), "Newer").await.unwrap();
    rename(web, plain("renameTeam"), "New").await.unwrap();
    world.app.remove_member(&world.alice, plain("removeMember"), (bob, None), None).await.unwrap();

    is_again(rename(ops, retried(), "New").await, &renamed);
    is_again(world.app.add_team_member(&world.alice, add(), place(ops, bob), false).await, &added);
}

#[tokio::test]
async fn the_key_comes_before_the_owning_team() {
    let world = World::start().await;
    let mut other = world.again().await;
    other.freeze().await;
    let owner = Owner::Team(world.team("Ops").await);
    world.shown().await;
    let mutation = || keyed("createCredential", "k", json!({}));
    let new = || bearer("Once", Some(owner));
    let first = world.app.create_credential(&world.alice, mutation(), new()).await.unwrap();
    is_again(other.app.create_credential(&world.alice, mutation(), new()).await, &first);
}
