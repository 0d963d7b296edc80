//! When checks go out, and how many at once.

use std::time::Duration;

use keytrail_app::ScheduleOptions;
use keytrail_domain::{Timestamp, verification::Verdict};

use super::{HOUR, Watch};
use crate::{
    other_components::Changed,
    world::{World, plain},
};

#[tokio::test]
async fn each_credential_is_checked_once_within_an_hour_and_not_all_at_once() {
    let mut watch = Watch::start().await;
    for number in 0..40 {
        watch.create(&format!("c{number}")).await;
    }
    assert_eq!(watch.checks(), 0, "nothing is due yet");
    let mut most = 0;
    for _ in 0..12 {
        let before = watch.checks();
        watch.pass(300, 60).await;
        most = most.max(watch.checks() - before);
    }
    let all = watch.checks();
    assert!((40..=46).contains(&all), "{all}: each one, and a few have come round again");
    assert!(most <= 14, "{most} in five minutes, where 3.3 would be even");
}

#[tokio::test]
async fn a_restart_makes_no_herd_and_keeps_each_slot() {
    let mut watch = Watch::start().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(watch.create(&format!("c{number}")).await);
    }
    let before: Vec<_> = ids.iter().map(|id| watch.schedule.next_check(*id).unwrap()).collect();
    let mut watch = watch.again().await;
    watch.turns().await;
    assert_eq!(watch.checks(), 0);
    let after: Vec<_> = ids.iter().map(|id| watch.schedule.next_check(*id).unwrap()).collect();
    assert_eq!(after, before);

    // Two days without any process: nothing is made up for, and each comes within an hour.
    watch.world.kept.clock.forward(48 * HOUR);
    let watch = watch.again().await;
    assert_eq!(watch.checks(), 0);
    let latest = watch.now().plus_seconds(HOUR);
    for id in ids {
        assert!(watch.schedule.next_check(id).unwrap() <= latest);
    }
}

#[tokio::test]
async fn what_is_due_first_goes_first() {
    let options = ScheduleOptions { in_all: 1, ..ScheduleOptions::default() };
    let mut watch = Watch::over(World::start().await, options).await;
    let mut due: Vec<(Timestamp, _)> = Vec::new();
    for number in 0..8 {
        let id = watch.create(&format!("c{number}")).await;
        due.push((watch.schedule.next_check(id).unwrap(), id));
    }
    due.sort();
    watch.world.kept.clock.forward(HOUR);
    let mut order = Vec::new();
    while order.len() < due.len() {
        watch.schedule.turn().await.unwrap();
        watch.schedule.settle().await.unwrap();
        for (_, id) in &due {
            if !order.contains(id) && watch.row(*id).await.last_verification.is_some() {
                order.push(*id);
            }
        }
    }
    assert_eq!(order, due.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_more_go_on_at_once_than_in_all_for_a_tenant_and_towards_a_host() {
    let wide = ScheduleOptions { in_all: 50, per_tenant: 50, per_host: 50, ..ScheduleOptions::default() };
    for (options, most) in [
        (ScheduleOptions { in_all: 3, ..wide }, 3),
        (ScheduleOptions { per_tenant: 4, ..wide }, 4),
        (ScheduleOptions { per_host: 2, ..wide }, 2),
    ] {
        let mut watch = Watch::over(World::start().await, options).await;
        for number in 0..12 {
            watch.create(&format!("c{number}")).await;
        }
        watch.world.kept.verdict.takes_turns(5);
        watch.world.kept.clock.forward(HOUR);
        while watch.checks() < 12 {
            watch.turns().await;
        }
        assert_eq!(watch.world.kept.verdict.most_at_once(), most, "{options:?}");
        let numbers = watch.world.app.schedule_numbers();
        assert_eq!((numbers.waiting, numbers.in_flight, numbers.failed), (0, 0, 0));
        assert!(numbers.results.contains(&(Verdict::Valid, 12)), "{numbers:?}");
    }
}

#[tokio::test]
async fn a_check_that_a_person_asked_for_is_not_made_twice_at_once() {
    let mut watch = Watch::start().await;
    let id = watch.create("Busy").await;
    watch.world.kept.verdict.takes_turns(200);
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let asked =
        tokio::spawn(async move { app.verify_credential(&alice, plain("verifyCredential"), id).await });
    while watch.world.kept.verdict.most_at_once() == 0 {
        tokio::task::yield_now().await;
    }
    watch.world.kept.clock.forward(HOUR);
    watch.turns().await;
    asked.await.unwrap().unwrap();
    assert_eq!((watch.checks(), watch.world.kept.verdict.most_at_once()), (1, 1));
    assert!(watch.schedule.next_check(id).unwrap() > watch.now(), "it comes at its next slot");
}

#[tokio::test]
async fn suspended_deleted_and_ended_ones_are_left_alone_until_they_are_back() {
    let mut watch = Watch::start().await;
    let [suspended, deleted] = [watch.create("Suspended").await, watch.create("Deleted").await];
    let ended = watch.ending("Ended", watch.now().plus_seconds(60)).await;
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    app.suspend_credential(&alice, plain("suspendCredential"), suspended, "why".into(), None).await.unwrap();
    app.delete_credential(&alice, plain("deleteCredential"), deleted, false, None).await.unwrap();
    watch.pass(2 * HOUR, HOUR / 4).await;
    assert_eq!(watch.checks(), 0);
    assert_eq!(watch.schedule.next_check(ended), None);
    app.resume_credential(&alice, plain("resumeCredential"), suspended, "why".into(), None).await.unwrap();
    app.restore_credential(&alice, plain("restoreCredential"), deleted, None).await.unwrap();
    watch.turns().await;
    watch.pass(HOUR, HOUR / 4).await;
    assert!(watch.checks() >= 2);
}

#[tokio::test]
async fn a_real_run_goes_round_and_stops_when_it_is_told_to() {
    let watch = Watch::start().await;
    let world = &watch.world;
    world.create(&world.alice, "Running").await.unwrap();
    let options = ScheduleOptions { interval: Duration::from_secs(1), ..ScheduleOptions::default() };
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (world.app.clone(), stop.clone());
        async move { app.run_schedule(options, stop).await }
    });
    // Its naps are over as soon as somebody says so.
    tokio::time::pause();
    while watch.checks() < 3 {
        world.kept.clock.forward(1);
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_component_that_is_checked_once_a_day_is_checked_once_a_day() {
    let world = World::with_components(|all| {
        let change = |component: &mut keytrail_domain::component::Component| {
            component.check_every_seconds = Some(86_400);
        };
        std::sync::Arc::new(Changed { all, change })
    })
    .await;
    let mut watch = Watch::over(world, ScheduleOptions::default()).await;
    watch.create("Metered").await;
    watch.pass(5 * 24 * HOUR, HOUR / 2).await;
    assert!((4..=6).contains(&watch.checks()), "{} in five days", watch.checks());
}
