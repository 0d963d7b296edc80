//! The reactor that opens and resolves alerts.

use keytrail_app::App;
use keytrail_domain::{CredentialId, verification::Verdict};
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
async fn react(world: &World, app: &App, until: usize) {
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
async fn an_inconclusive_check_opens_nothing_and_resolves_nothing() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Unsure").await.unwrap().value;
    for verdict in [Verdict::Inconclusive, Verdict::Invalid, Verdict::Inconclusive, Verdict::Valid] {
        found(&world, id, verdict).await;
    }
    react(&world, &world.app, 2).await;
    assert_eq!(alert_events(&world).await, ["AlertOpened", "AlertResolved"]);
}
