//! Views that lag behind: writes still count, rights that are gone do not, and after ten seconds
//! nothing is changed any more.

use std::{sync::Arc, time::Duration};

use keytrail_app::{AppError, Projections, views_fit};
use keytrail_domain::{Grantee, Level, Position, Role};
use tokio_util::sync::CancellationToken;

use crate::world::{World, member_of, place, plain};

#[tokio::test]
async fn a_mutation_that_the_views_do_not_show_yet_says_so() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap();
    assert!(id.visible);
    world.freeze().await;
    let done = world.rename(&world.alice, id.value, "After").await.unwrap();
    assert!(!done.visible);
    assert_eq!(world.stream(id.value).await.len(), 2, "it is in the log all the same");
    world.project().await;
    world.app.wait_for(&world.alice, &done.position).await.expect("the views have come after");
    assert!(world.rename(&world.alice, id.value, "Later").await.unwrap().visible);
}

#[tokio::test]
async fn a_node_whose_views_stand_still_for_ten_seconds_changes_nothing_until_they_move() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    world.freeze().await;
    world.rename(&world.alice, id, "Unseen").await.unwrap();
    tokio::time::advance(Duration::from_secs(11)).await;
    let refused = world.rename(&world.alice, id, "Too late").await;
    assert!(matches!(refused, Err(AppError::Unavailable { dependency: "event log", .. })), "{refused:?}");
    assert_eq!(world.stream(id).await.len(), 2);
    assert!(world.app.credential(&world.alice, id).await.unwrap().is_some(), "reading goes on");
    world.project().await;
    world.rename(&world.alice, id, "In time").await.unwrap();
}

#[tokio::test]
async fn views_do_not_go_on_with_an_older_copy_of_the_log_and_then_nothing_is_changed() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    world.freeze().await;
    world.kept.log.is_older(true);
    world.rename(&world.alice, id, "Unseen").await.unwrap();
    let (stop, app) = (CancellationToken::new(), world.app.clone());
    let until = stop.clone();
    let projecting = tokio::spawn(async move { app.run_projections(until).await });
    // The clock stands while somebody is busy: nobody waits for ten seconds.
    for _ in 0..10_000_000 {
        if !world.app.views_are_current() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let refused = world.rename(&world.alice, id, "Too late").await;
    assert!(matches!(refused, Err(AppError::Unavailable { .. })), "{refused:?}");
    let seen = world.app.credential(&world.alice, id).await.unwrap().expect("reading goes on");
    assert_eq!(seen.name, "Before");
    stop.cancel();
    projecting.await.unwrap();
    world.kept.log.is_older(false);
    world.project().await;
    world.rename(&world.alice, id, "In time").await.unwrap();
}

#[tokio::test]
async fn views_that_were_further_than_an_older_copy_of_the_log_do_not_pass_over_what_is_written_there() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Before").await.unwrap().value;
    // Other programs' events had taken the checkpoint past what is the end of the older copy now.
    let (views, log) = (world.ports.views.clone(), world.kept.log.clone());
    views.project(Vec::new(), Position::nth(1_000), Arc::new(Projections)).await.unwrap();
    world.again_with_views().await;
    assert!(views_fit(&*views, &*log).await.unwrap(), "nothing shows it yet");
    world.project().await;
    tokio::time::pause();
    // The first of them stops the projection, and from then on nobody writes any more.
    let mut refused = None;
    for number in 0..9 {
        refused = world.rename(&world.alice, id, &format!("Unseen {number}")).await.err();
        if refused.is_some() {
            break;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(matches!(refused, Some(AppError::Unavailable { .. })), "{refused:?}");
    assert_eq!(world.app.credential(&world.alice, id).await.unwrap().unwrap().name, "Before");
    assert!(!views_fit(&*views, &*log).await.unwrap(), "and the next start is told");
}

#[tokio::test]
async fn whoever_lost_his_grant_cannot_act_on_it_though_the_views_do_not_know_yet() {
    let mut world = World::start().await;
    let id = world.create(&world.alice, "Shared").await.unwrap().value;
    let bob = world.member("bob", Role::Member).await;
    let carol = world.member("carol", Role::Member).await;
    let team = world.team("Ops").await;
    let add = plain("addTeamMember");
    world.app.add_team_member(&world.alice, add, place(team, member_of(&carol)), false).await.unwrap();
    let (bobs, carols) = (Grantee::Member(member_of(&bob)), Grantee::Team(team));
    world.share(id, bobs, Level::Edit).await;
    world.share(id, carols, Level::Manage).await;
    world.rename(&bob, id, "By bob").await.unwrap();
    world.freeze().await;
    world.app.revoke_share(&world.alice, plain("revokeShare"), id, bobs, None).await.unwrap();
    world.share(id, carols, Level::Use).await;
    let before = world.stream(id).await.len();

    let bobs = world.rename_at(&bob, id, "By bob again", Some(1)).await;
    assert!(matches!(bobs, Err(AppError::NotFound)), "before revisions are compared: {bobs:?}");
    let bobs = world.app.verify_credential(&bob, plain("verifyCredential"), id).await;
    assert!(matches!(bobs, Err(AppError::NotFound)), "{bobs:?}");
    let reason = "because".to_owned();
    let carols = world.app.suspend_credential(&carol, plain("suspendCredential"), id, reason, Some(1)).await;
    assert!(matches!(carols, Err(AppError::Forbidden)), "{carols:?}");
    assert_eq!(world.stream(id).await.len(), before);
    let carols = world.app.verify_credential(&carol, plain("verifyCredential"), id).await;
    carols.expect("USE is left");
}

#[tokio::test]
async fn a_grant_that_ends_while_a_mutation_runs_does_not_count() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Shared").await.unwrap().value;
    let bob = world.member("bob", Role::Member).await;
    let end = world.app.now().plus_seconds(100);
    let grant = keytrail_app::NewGrant {
        id,
        grantee: Grantee::Member(member_of(&bob)),
        level: Level::Edit,
        expires_at: Some(end),
        reason: None,
        expected_revision: None,
    };
    world.app.share_credential(&world.alice, plain("shareCredential"), grant).await.unwrap();
    world.rename(&bob, id, "In time").await.unwrap();
    world.kept.clock.forward(100);
    let late = world.rename(&bob, id, "Late").await;
    assert!(matches!(late, Err(AppError::NotFound)), "{late:?}");
}
