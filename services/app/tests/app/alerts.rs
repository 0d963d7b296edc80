//! The reactor that opens and resolves alerts.

use keytrail_app::App;
use keytrail_domain::{CredentialId, Position, verification::Verdict};
use keytrail_ports::Journal;
use tokio_util::sync::CancellationToken;

use crate::world::{World, plain};

/// What happened to alerts, in order.
async fn alert_events(world: &World) -> Vec<String> {
    let all = world.everything().await;
    all.into_iter().map(|event| event.event_type).filter(|name| name.starts_with("Alert")).collect()
}

async fn found(world: &World, id: CredentialId, verdict: Verdict) {
    *world.kept.verdict.0.lock() = verdict;
    world.app.verify_credential(&world.alice, plain("verifyCredential"), id).await.unwrap();
}

/// Lets a reactor run until there are so many alert events.
pub(crate) async fn react(world: &World, app: &App, until: usize) {
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (app.clone(), stop.clone());
        async move { app.run_alerts(stop).await }
    });
    while alert_events(world).await.len() < until {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    world.shown().await;
}

#[tokio::test]
async fn the_same_events_twice_lead_to_the_same_alerts_once() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Broken").await.unwrap().value;
    for verdict in [Verdict::Invalid, Verdict::Revoked, Verdict::Valid, Verdict::Invalid] {
        found(&world, id, verdict).await;
    }
    let once = ["AlertOpened", "AlertRepeated", "AlertResolved", "AlertOpened"];
    react(&world, &world.app, once.len()).await;
    assert_eq!(alert_events(&world).await, once);

    // Another process that has lost its mark begins again with the first event. The second
    // credential's alert is the proof that it has come past all the others.
    let again = world.again().await;
    let other = again.create(&again.alice, "Broken too").await.unwrap().value;
    found(&again, other, Verdict::Invalid).await;
    react(&again, &again.app, once.len() + 1).await;
    let twice = [once.as_slice(), &["AlertOpened"]].concat();
    assert_eq!(alert_events(&again).await, twice);
}

#[tokio::test]
async fn a_mark_past_the_end_of_the_log_leaves_out_nothing_that_comes() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Broken").await.unwrap().value;
    // It was noted with a log that had more, before an older copy was put in its place.
    let far = serde_json::to_vec(&Position::nth(1_000_000)).unwrap();
    world.kept.journal.set_mark("alerts", far.clone()).await.unwrap();
    let (stop, app) = (CancellationToken::new(), world.app.clone());
    let until = stop.clone();
    let running = tokio::spawn(async move { app.run_alerts(until).await });
    // It is put right before anything happens: whoever begins again later leaves nothing out either.
    while world.kept.journal.mark("alerts").await.unwrap().unwrap().value == far {
        tokio::task::yield_now().await;
    }
    found(&world, id, Verdict::Invalid).await;
    while alert_events(&world).await.is_empty() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_inconclusive_check_opens_nothing_and_resolves_nothing() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Unsure").await.unwrap().value;
    for verdict in [Verdict::Inconclusive, Verdict::Invalid, Verdict::Inconclusive, Verdict::Valid] {
        found(&world, id, verdict).await;
    }
    react(&world, &world.app, 2).await;
    assert_eq!(alert_events(&world).await, ["AlertOpened", "AlertResolved"]);
}

async fn delete_and_restore(world: &World, id: CredentialId) {
    let (delete, restore) = (plain("deleteCredential"), plain("restoreCredential"));
    world.app.delete_credential(&world.alice, delete, id, false, None).await.unwrap();
    world.app.restore_credential(&world.alice, restore, id, None).await.unwrap();
}

#[tokio::test]
async fn a_restored_credential_that_was_rejected_has_its_alert_back_at_once() {
    let world = World::start().await;
    let [fine, mended, broken, unsure] = ["Fine", "Mended", "Broken", "Unsure"];
    let mut ids = Vec::new();
    for (name, verdicts) in [
        (fine, vec![Verdict::Valid]),
        (mended, vec![Verdict::Invalid, Verdict::Valid]),
        (broken, vec![Verdict::Expired]),
        (unsure, vec![Verdict::Invalid, Verdict::Inconclusive]),
    ] {
        let id = world.create(&world.alice, name).await.unwrap().value;
        for verdict in verdicts {
            found(&world, id, verdict).await;
        }
        delete_and_restore(&world, id).await;
        ids.push(id);
    }
    let mended = ["AlertOpened", "AlertResolved"];
    let rejected = ["AlertOpened", "AlertResolved", "AlertOpened"];
    let expected = [mended.as_slice(), &rejected, &rejected].concat();
    react(&world, &world.app, expected.len()).await;
    assert_eq!(alert_events(&world).await, expected);
    let open = world.ports.views.credentials_by_id(world.alice.principal.tenant, &ids).await.unwrap();
    assert_eq!(open.iter().map(|row| row.open_alerts).collect::<Vec<_>>(), [0, 0, 1, 1]);

    // Looked at once more, from the first event on, it is said once.
    let again = world.again().await;
    let other = again.create(&again.alice, "Other").await.unwrap().value;
    found(&again, other, Verdict::Invalid).await;
    react(&again, &again.app, expected.len() + 1).await;
    assert_eq!(alert_events(&again).await, [expected.as_slice(), &["AlertOpened"]].concat());
}
