//! What comes of checks: events for what is new, the journal for what is not, and alerts.

use keytrail_app::{AsOf, PageArgs};
use keytrail_domain::verification::{Trigger, Verdict};

use super::{HOUR, Watch};
use crate::world::plain;

#[tokio::test]
async fn a_result_that_tells_nothing_new_is_kept_and_is_no_event() {
    let mut watch = Watch::start().await;
    let id = watch.create("Steady").await;
    watch.pass(10 * HOUR, HOUR / 4).await;
    assert_eq!(watch.events(id).await, ["CredentialCreated", "CredentialVerified"]);
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let page = PageArgs { first: Some(100), ..PageArgs::default() };
    let seen = app.verifications(&alice, id, AsOf::Now, page).await.unwrap();
    assert_eq!(seen.edges.len(), watch.checks());
    assert!(seen.edges.len() >= 10);
    assert!(seen.edges.is_sorted_by(|a, b| a.1.at > b.1.at), "newest first");
    let count = app.count(&alice, keytrail_app::Counted::Verifications(id, AsOf::Now)).await.unwrap();
    assert_eq!(count, seen.edges.len() as u64);
    let last = app.last_verification(&watch.row(id).await).await.unwrap().unwrap();
    assert_eq!((last.id, last.trigger), (seen.edges[0].1.id, Trigger::Routine));
}

#[tokio::test]
async fn pages_go_through_both_sources_in_either_direction_and_give_each_check_once() {
    let mut watch = Watch::start().await;
    let id = watch.create("Paged").await;
    for verdict in [Verdict::Valid, Verdict::Invalid, Verdict::Valid] {
        watch.answer(verdict);
        watch.pass(3 * HOUR, HOUR / 4).await;
    }
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let all = PageArgs { first: Some(100), ..PageArgs::default() };
    let all = app.verifications(&alice, id, AsOf::Now, all).await.unwrap();
    assert!(all.edges.len() >= 9 && !all.has_next && !all.has_previous);
    let ids: Vec<_> = all.edges.iter().map(|(_, row)| row.id).collect();
    let mut forward = Vec::new();
    let mut after = None;
    loop {
        let first = after.is_none();
        let page = PageArgs { first: Some(2), after, ..PageArgs::default() };
        let page = app.verifications(&alice, id, AsOf::Now, page).await.unwrap();
        assert_eq!(page.has_previous, !first);
        forward.extend(page.edges.iter().map(|(_, row)| row.id));
        assert_eq!(page.has_next, forward.len() < ids.len());
        if !page.has_next {
            break;
        }
        after = page.edges.last().map(|(cursor, _)| cursor.clone());
    }
    assert_eq!(forward, ids);
    let mut backward = Vec::new();
    let mut before = None;
    loop {
        let page = PageArgs { last: Some(2), before, ..PageArgs::default() };
        let page = app.verifications(&alice, id, AsOf::Now, page).await.unwrap();
        assert_eq!(page.has_next, !backward.is_empty());
        backward.extend(page.edges.iter().rev().map(|(_, row)| row.id));
        assert_eq!(page.has_previous, backward.len() < ids.len());
        if !page.has_previous {
            break;
        }
        before = page.edges.first().map(|(cursor, _)| cursor.clone());
    }
    backward.reverse();
    assert_eq!(backward, ids);
}

#[tokio::test]
async fn a_credential_that_turns_bad_and_good_again_is_told_at_each_turn_only() {
    let mut watch = Watch::start().await;
    let id = watch.create("Turning").await;
    for verdict in [Verdict::Valid, Verdict::Invalid, Verdict::Valid] {
        watch.answer(verdict);
        watch.pass(5 * HOUR, HOUR / 4).await;
    }
    let turns = ["CredentialCreated", "CredentialVerified", "CredentialInvalidated", "CredentialVerified"];
    assert_eq!(watch.events(id).await, turns);
    assert_eq!(watch.alerts(2).await, ["AlertOpened invalid", "AlertResolved invalid"]);
    let actors = watch.world.stream(id).await;
    let actor = actors.last().unwrap().meta().unwrap().actor;
    assert_eq!(actor, keytrail_domain::Actor::internal("schedule"));
}

#[tokio::test]
async fn a_young_verdict_is_used_again() {
    let mut watch = Watch::start().await;
    let id = watch.create("Asked").await;
    let due = watch.schedule.next_check(id).unwrap();
    let until = due.as_seconds() - watch.now().as_seconds();
    watch.world.kept.clock.forward(until - 5);
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    app.verify_credential(&alice, plain("verifyCredential"), id).await.unwrap();
    watch.pass(10, 5).await;
    assert_eq!(watch.checks(), 1, "the person's");
    watch.pass(60, 10).await;
    assert_eq!(watch.checks(), 2, "as soon as it is a minute old");
}

#[tokio::test]
async fn the_daily_series_counts_checks_that_told_nothing_new_too() {
    let mut watch = Watch::start().await;
    watch.create("Counted").await;
    watch.pass(5 * HOUR, HOUR / 4).await;
    watch.answer(Verdict::Invalid);
    watch.pass(5 * HOUR, HOUR / 4).await;
    let stats = watch.world.app.stats(&watch.world.alice, 7).await.unwrap();
    let all: u64 = stats.daily.iter().map(|day| day.verifications).sum();
    let failures: u64 = stats.daily.iter().map(|day| day.failures).sum();
    // The last turn may not have been written yet.
    let made = watch.checks() as u64;
    assert!((made - 1..=made).contains(&all), "{all} of {made}");
    assert!((3..=7).contains(&failures), "{failures}");
}

#[tokio::test]
async fn results_are_forgotten_after_ninety_days() {
    let mut watch = Watch::start().await;
    let id = watch.create("Old").await;
    watch.pass(3 * HOUR, HOUR / 2).await;
    watch.world.kept.clock.forward(91 * 24 * HOUR);
    watch.turns().await;
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let counted = keytrail_app::Counted::Verifications(id, AsOf::Now);
    // The event, and the check that was due now.
    while app.count(&alice, counted.clone()).await.unwrap() > 2 {
        tokio::task::yield_now().await;
    }
}
