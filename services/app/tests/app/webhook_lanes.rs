//! Lanes that wait, and what goes on beside them.

use keytrail_app::PageArgs;
use keytrail_domain::{CredentialId, EventId, WebhookEndpointId};
use keytrail_ports::{EventStore, Journal};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    receivers::Does::{Answer, HangUp, KeepUsBusy},
    webhooks::{URL, hook},
    world::{World, plain},
};

/// As many lanes as a place holds.
const MOST_LANES: u32 = 4_096;

impl World {
    /// A courier who has read everything, and whose place is full of what does not arrive for hours.
    async fn fill_place(&self, id: WebhookEndpointId) {
        let (head, now) = (self.kept.log.head().await.unwrap(), self.app.now());
        let lane = |number| {
            let id = Uuid::from_u128(u128::from(number));
            let key = CredentialId::from_uuid(id).to_string();
            let lane = json!({
                "at": head, "event": EventId::from_uuid(id), "purpose": "EVENT", "delivery": id, "last": head, "failures": 3,
                "triedAt": now, "due": now.plus_seconds(9 * 3_600),
            });
            (key, lane)
        };
        let lanes: Map<String, Value> = (0..MOST_LANES).map(lane).collect();
        let mark = json!({ "read": head, "lanes": lanes, "failingSince": now }).to_string();
        self.kept.journal.set_mark(&format!("webhook-place/{id}"), mark.into_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_place_that_is_full_holds_back_no_test_no_redelivery_and_no_replay() {
    let world = World::start().await;
    let before = world.create(&world.alice, "Before").await.unwrap();
    let id = world.endpoint(hook(URL), None).await;
    world.named("Read").await;
    world.fill_place(id).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (world.app.clone(), stop.clone());
        async move { app.run_webhooks(stop).await }
    });
    world.named("Waits").await;
    let test = plain("sendTestWebhook");
    world.app.send_test_webhook(&world.alice, test, id).await.unwrap();
    world.kept.receivers.wait_for(1).await;
    let event = world.stream(before.value).await[0].id;
    world.app.redeliver_webhook(&world.alice, plain("redeliverWebhook"), id, event).await.unwrap();
    world.kept.receivers.wait_for(2).await;
    assert_eq!(world.kept.receivers.kinds(URL), ["webhook.test", "credential.created"]);
    assert_eq!(world.kept.receivers.at(URL)[1].body["subject"], before.value.to_string());
    // It lets go of the lanes that it begins before, and what waited for a place comes with it.
    let replay = plain("replayWebhooks");
    world.app.replay_webhooks(&world.alice, replay, id, before.position).await.unwrap();
    world.kept.receivers.wait_for(4).await;
    stop.cancel();
    running.await.unwrap();
    world.round(id).await;
    let kinds = world.kept.receivers.kinds(URL);
    assert_eq!(kinds[2..], ["credential.created", "credential.created"], "no request is met twice");
}

#[tokio::test]
async fn something_new_asks_also_when_very_many_wait() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [HangUp]);
    for number in 0..200 {
        world.named(&format!("Number {number}")).await;
    }
    // Hours away.
    for wait in [0, 6, 361, 2_161, 8_641] {
        world.kept.clock.forward(wait);
        world.round(id).await;
    }
    let failed = world.kept.receivers.at(URL).len();
    world.kept.receivers.script(URL, [Answer(204)]);
    world.kept.clock.forward(61);
    world.named("New").await;
    world.kept.clock.forward(1);
    world.round(id).await;
    assert_eq!(world.kept.receivers.at(URL).len(), failed + 201);
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_asked_once_a_step_and_gets_everything_at_once_when_it_is_back() {
    for away in [HangUp, Answer(500)] {
        let world = World::start().await;
        let id = world.endpoint(hook(URL), None).await;
        world.kept.receivers.script(URL, [away.clone()]);
        // One is under way when it goes away; of the others nobody knows more than that.
        world.named("First").await;
        world.round(id).await;
        for number in 0..19 {
            world.named(&format!("Number {number}")).await;
        }
        world.round(id).await;
        let already = world.kept.receivers.at(URL).len();
        // A failure that may be one delivery's takes a second one to be the endpoint's.
        assert_eq!(already, if matches!(away, HangUp) { 1 } else { 2 });
        for (step, wait) in [6, 361, 2_161, 8_641].into_iter().enumerate() {
            world.kept.clock.forward(wait);
            world.round(id).await;
            world.round(id).await;
            assert_eq!(world.kept.receivers.at(URL).len(), already + step + 1, "after {wait} s more");
        }
        let failed = world.kept.receivers.at(URL).len();
        world.kept.receivers.script(URL, [Answer(204)]);
        world.kept.clock.forward(21_601);
        world.round(id).await;
        let arrived = world.kept.receivers.at(URL).split_off(failed);
        let subjects: std::collections::BTreeSet<_> =
            arrived.iter().map(|it| it.body["subject"].to_string()).collect();
        assert_eq!((arrived.len(), subjects.len()), (20, 20), "each once, in one go");
    }
}

#[tokio::test]
async fn that_we_are_busy_ourselves_is_no_attempt_and_no_outage() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [KeepUsBusy, KeepUsBusy, Answer(204)]);
    world.named("Waits").await;
    // A failed attempt would wait for minutes after the second one.
    for arrived in [0, 0, 1] {
        world.round(id).await;
        assert_eq!(world.kept.receivers.at(URL).len(), arrived);
        world.kept.clock.forward(6);
    }
    let log = world.app.webhook_deliveries(&world.alice, id, PageArgs::default()).await.unwrap();
    assert_eq!(log.edges.len(), 1);
    let attempts = world.app.webhook_attempts(&world.alice, id, log.edges[0].1.id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].failure.as_deref()), (1, Some(204), None));
}
