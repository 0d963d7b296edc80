//! Deliveries: order, schedule, disabling and resuming, isolation, and nothing lost.

use std::sync::Arc;

use keytrail_app::{AppError, NewTenant, NewWebhookEndpoint, PageArgs, WebhookEndpointUpdate};
use keytrail_domain::{
    CredentialId, Grantee, Level, Role, SecretValue, TeamId, WebhookEndpointId,
    webhook::{DisabledReason, EndpointSettings},
};
use keytrail_ports::views::WebhookEndpointRow;
use tokio_util::sync::CancellationToken;

use crate::{
    receivers::Does::{Answer, AnswerLater, AskForTime, Hang, HangUp},
    world::{World, plain},
};

pub(crate) const URL: &str = "https://hooks.example.com/in";
const HOUR: i64 = 3_600;

/// An endpoint of the tenant there.
pub(crate) fn hook(url: &str) -> NewWebhookEndpoint {
    NewWebhookEndpoint {
        team: None,
        url: SecretValue::new(url.into()),
        settings: EndpointSettings::default(),
    }
}

pub(crate) fn change(id: WebhookEndpointId) -> WebhookEndpointUpdate {
    WebhookEndpointUpdate {
        id,
        url: None,
        types: None,
        components: None,
        description: None,
        format: None,
        enabled: None,
        expected_revision: None,
    }
}

impl World {
    pub(crate) async fn endpoint(&self, new: NewWebhookEndpoint, team: Option<TeamId>) -> WebhookEndpointId {
        let new = NewWebhookEndpoint { team, ..new };
        let made = self.app.create_webhook_endpoint(&self.alice, plain("createWebhookEndpoint"), new).await;
        self.shown().await;
        made.unwrap().value.0
    }

    /// Delivers what is due, at this moment.
    pub(crate) async fn round(&self, id: WebhookEndpointId) {
        self.shown().await;
        self.app.webhook_round(self.alice.principal.tenant, id).await.unwrap();
        self.shown().await;
    }

    pub(crate) async fn endpoint_row(&self, id: WebhookEndpointId) -> WebhookEndpointRow {
        self.app.webhook_endpoint(&self.alice, id).await.unwrap().expect("an endpoint")
    }

    pub(crate) async fn switch(&self, id: WebhookEndpointId, enabled: bool) {
        let update = WebhookEndpointUpdate { enabled: Some(enabled), ..change(id) };
        self.app.update_webhook_endpoint(&self.alice, plain("updateWebhookEndpoint"), update).await.unwrap();
    }

    pub(crate) async fn named(&self, name: &str) -> CredentialId {
        self.create(&self.alice, name).await.unwrap().value
    }
}

#[tokio::test]
async fn what_happened_arrives_signed_once_and_in_order() {
    let world = World::start().await;
    world.named("Before").await;
    let id = world.endpoint(hook(URL), None).await;
    let credential = world.named("Slack").await;
    world.rename(&world.alice, credential, "Chat").await.unwrap();
    for _ in 0..2 {
        world.round(id).await;
    }
    assert_eq!(world.kept.receivers.kinds(URL), ["credential.created", "credential.renamed"]);
    let arrived = &world.kept.receivers.at(URL)[1];
    assert_eq!(arrived.body["subject"], credential.to_string());
    assert_eq!(arrived.body["sequence"], "0000000001");
    assert!(arrived.headers["webhook-signature"].starts_with("v1,"));
    assert!(!arrived.headers["webhook-signature"].contains(' '));

    let page = PageArgs { first: Some(1), ..PageArgs::default() };
    let log = world.app.webhook_deliveries(&world.alice, id, page).await.unwrap();
    let newest = &log.edges[0].1;
    assert_eq!((newest.kind.as_str(), log.has_next), ("keytrail.credential.renamed", true));
    let attempts = world.app.webhook_attempts(&world.alice, id, newest.id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].next_at), (1, Some(204), None));
}

#[tokio::test]
async fn the_oldest_event_of_a_credential_is_retried_and_others_go_on() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [Answer(500), Answer(204)]);
    let stuck = world.named("Stuck").await;
    world.rename(&world.alice, stuck, "Still stuck").await.unwrap();
    world.round(id).await;
    world.named("Free").await;
    world.round(id).await;
    let subjects = |world: &World| -> Vec<(String, bool)> {
        let arrived = world.kept.receivers.at(URL);
        let told = |it: &crate::receivers::Arrived| {
            (it.kind().replace("keytrail.credential.", ""), it.body["subject"] == stuck.to_string())
        };
        arrived.iter().map(told).collect()
    };
    assert_eq!(subjects(&world), [("created".into(), true), ("created".into(), false)]);
    // Less than the least that jitter allows, then more than the most.
    world.kept.clock.forward(3);
    world.round(id).await;
    assert_eq!(subjects(&world).len(), 2);
    world.kept.clock.forward(4);
    world.round(id).await;
    assert_eq!(subjects(&world)[2..], [("created".into(), true), ("renamed".into(), true)]);
    let ids: Vec<_> =
        world.kept.receivers.at(URL).iter().map(|it| it.headers["webhook-id"].clone()).collect();
    assert_eq!(ids[0], ids[2], "the same event has the same id at each try");
    assert_ne!(ids[0], ids[3]);
}

#[tokio::test]
async fn retries_follow_the_schedule_and_what_the_receiver_asks_for() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [AskForTime(429, 1_000), HangUp, Answer(503)]);
    world.named("Late").await;
    world.round(id).await;
    for (wait, arrived) in [(999, 1), (1, 2), (239, 2), (122, 3), (1_439, 3), (722, 4)] {
        world.kept.clock.forward(wait);
        world.round(id).await;
        assert_eq!(world.kept.receivers.at(URL).len(), arrived, "after {wait} more seconds");
    }
    let deliveries = world.app.webhook_deliveries(&world.alice, id, PageArgs::default()).await.unwrap();
    assert_eq!(deliveries.edges.len(), 1);
    let attempts = world.app.webhook_attempts(&world.alice, id, deliveries.edges[0].1.id).await.unwrap();
    let told: Vec<_> =
        attempts.iter().map(|it| (it.status, it.failure.is_some(), it.next_at.is_some())).collect();
    assert_eq!(
        told,
        [(Some(503), false, true), (Some(503), false, true), (None, true, true), (Some(429), false, true)]
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_at_once_and_goes_on_from_its_place() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [Answer(410), Answer(204)]);
    world.named("One").await;
    world.round(id).await;
    assert_eq!(world.endpoint_row(id).await.disabled.map(|(reason, _)| reason), Some(DisabledReason::Gone));
    world.named("Two").await;
    world.round(id).await;
    assert_eq!(world.kept.receivers.at(URL).len(), 1, "nothing goes out while it is disabled");
    let refused = world.app.send_test_webhook(&world.alice, plain("sendTestWebhook"), id).await;
    assert!(matches!(refused, Err(AppError::Refused { reason: "WEBHOOK_DISABLED", .. })));
    world.kept.clock.forward(HOUR);
    world.switch(id, true).await;
    world.round(id).await;
    let mut subjects: Vec<_> =
        world.kept.receivers.at(URL).iter().map(|it| it.body["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 3, "what failed and what came later");
    subjects.dedup();
    assert_eq!(subjects.len(), 2);
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable_and_a_success_begins_anew() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    let failing = (0..400).map(|_| Answer(500));
    world.kept.receivers.script(URL, failing);
    world.named("One").await;
    let mut hours = 0;
    while world.endpoint_row(id).await.disabled.is_none() {
        world.round(id).await;
        world.kept.clock.forward(HOUR);
        hours += 1;
        assert!(hours < 200, "never given up");
    }
    assert!(hours > 5 * 24, "given up after {hours} hours");
    assert_eq!(
        world.endpoint_row(id).await.disabled.map(|(reason, _)| reason),
        Some(DisabledReason::Failing)
    );
    // Enabled, it has another five days: one more failure is not the end.
    world.switch(id, true).await;
    world.round(id).await;
    assert!(world.endpoint_row(id).await.disabled.is_none());
    world.kept.receivers.script(URL, [Answer(200)]);
    world.kept.clock.forward(HOUR);
    world.round(id).await;
    let arrived = world.kept.receivers.at(URL);
    assert_eq!(arrived.iter().map(|it| it.kind()).collect::<std::collections::BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn types_and_components_choose_what_arrives() {
    let world = World::start().await;
    let mut renames = hook(URL);
    renames.settings.types = vec!["keytrail.credential.renamed".into()];
    let id = world.endpoint(renames, None).await;
    let mut other = hook("https://b.example/");
    other.settings.components = vec!["github".into()];
    let other = world.endpoint(other, None).await;
    let credential = world.named("A").await;
    world.rename(&world.alice, credential, "B").await.unwrap();
    world.round(id).await;
    world.round(other).await;
    assert_eq!(world.kept.receivers.kinds(URL), ["credential.renamed"]);
    assert_eq!(world.kept.receivers.kinds("https://b.example/"), Vec::<String>::new());
}

#[tokio::test]
async fn a_teams_endpoint_gets_what_the_team_may_view_at_that_moment() {
    let world = World::start().await;
    let team = world.team("Ops").await;
    let id = world.endpoint(hook(URL), Some(team)).await;
    let credential = world.named("Shared").await;
    world.round(id).await;
    assert_eq!(world.kept.receivers.at(URL).len(), 0);
    world.share(credential, Grantee::Team(team), Level::View).await;
    world.rename(&world.alice, credential, "Seen").await.unwrap();
    world.round(id).await;
    assert_eq!(world.kept.receivers.kinds(URL), ["credential.shared", "credential.renamed"]);
    // What happened while it could be seen is not sent when it cannot be seen any more.
    world.rename(&world.alice, credential, "Unseen").await.unwrap();
    let revoke = plain("revokeShare");
    world.app.revoke_share(&world.alice, revoke, credential, Grantee::Team(team), None).await.unwrap();
    world.round(id).await;
    assert_eq!(world.kept.receivers.at(URL).len(), 2);
}

#[tokio::test]
async fn an_event_can_be_sent_again_and_everything_since_a_cursor() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    let before = world.create(&world.alice, "One").await.unwrap();
    let credential = world.named("Two").await;
    world.rename(&world.alice, credential, "Three").await.unwrap();
    world.round(id).await;
    let first = world.kept.receivers.at(URL);
    assert_eq!(first.len(), 3);
    let event = first[1].body["id"].as_str().unwrap().parse().unwrap();
    world.app.redeliver_webhook(&world.alice, plain("redeliverWebhook"), id, event).await.unwrap();
    world.round(id).await;
    let again = world.kept.receivers.at(URL);
    assert_eq!((again.len(), &again[3].headers["webhook-id"]), (4, &again[1].headers["webhook-id"]));

    let replay = plain("replayWebhooks");
    world.app.replay_webhooks(&world.alice, replay, id, before.position).await.unwrap();
    world.round(id).await;
    world.round(id).await;
    let kinds = world.kept.receivers.kinds(URL);
    assert_eq!(kinds[4..], ["credential.created", "credential.renamed"], "and no test or redelivery");
    let wrong = world.app.replay_webhooks(&world.alice, plain("replayWebhooks"), id, "x".into()).await;
    assert!(matches!(wrong, Err(AppError::BadInput(_))));
}

#[tokio::test]
async fn views_made_anew_deliver_nothing_twice_and_a_lost_answer_is_asked_for_again() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    world.named("One").await;
    world.round(id).await;
    let again = world.restarted().await;
    again.round(id).await;
    assert_eq!(again.kept.receivers.at(URL).len(), 1);
    again.named("Two").await;
    // The receiver has it, and the process dies before it can write that down.
    again.kept.receivers.script(URL, [Hang, Answer(204)]);
    let (app, tenant) = (again.app.clone(), again.alice.principal.tenant);
    again.shown().await;
    let dying = tokio::spawn(async move { app.webhook_round(tenant, id).await });
    again.kept.receivers.wait_for(2).await;
    dying.abort();
    let last = again.restarted().await;
    last.round(id).await;
    let arrived = last.kept.receivers.at(URL);
    assert_eq!(arrived.len(), 3);
    assert_eq!(arrived[1].headers["webhook-id"], arrived[2].headers["webhook-id"]);
}

#[tokio::test]
async fn an_answer_of_the_place_that_it_left_disables_no_endpoint() {
    let world = World::start().await;
    let id = world.endpoint(hook(URL), None).await;
    let late = Arc::new(tokio::sync::Notify::new());
    world.kept.receivers.script(URL, [AnswerLater(410, Arc::clone(&late))]);
    world.named("Under way").await;
    let (app, tenant) = (world.app.clone(), world.alice.principal.tenant);
    let round = tokio::spawn(async move { app.webhook_round(tenant, id).await });
    world.kept.receivers.wait_for(1).await;
    world.kept.clock.forward(1);
    let new = "https://hooks.example.com/new";
    let update = WebhookEndpointUpdate { url: Some(SecretValue::new(new.into())), ..change(id) };
    world.app.update_webhook_endpoint(&world.alice, plain("updateWebhookEndpoint"), update).await.unwrap();
    late.notify_one();
    round.await.unwrap().unwrap();
    assert!(world.endpoint_row(id).await.disabled.is_none());
    assert_eq!(world.kept.receivers.at(new).len(), 1, "it goes on there at once");
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_back_no_other() {
    let world = World::start().await;
    let slow = "https://slow.example/";
    world.kept.receivers.script(slow, [Hang]);
    world.endpoint(hook(slow), None).await;
    let quick = world.endpoint(hook(URL), None).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (world.app.clone(), stop.clone());
        async move { app.run_webhooks(stop).await }
    });
    for number in 0..40 {
        world.named(&format!("Number {number}")).await;
    }
    while world.kept.receivers.at(URL).len() < 40 {
        tokio::task::yield_now().await;
    }
    // Made while it runs, and heard of at once.
    world.app.send_test_webhook(&world.alice, plain("sendTestWebhook"), quick).await.unwrap();
    let late = "https://late.example/";
    world.endpoint(hook(late), None).await;
    world.named("Late").await;
    while world.kept.receivers.at(late).is_empty() || world.kept.receivers.at(URL).len() < 42 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    assert!(world.kept.receivers.at(slow).len() <= 16, "a bounded number is under way");
}

#[tokio::test]
async fn a_tenant_whose_receivers_all_hang_holds_back_no_other_tenant() {
    let world = World::start().await;
    let new = NewTenant {
        slug: "other".into(),
        name: "Other".into(),
        owner_subject: "mallory".into(),
        owner_issuer: None,
        owner_profile: None,
    };
    world.app.create_tenant(new).await.unwrap();
    // More than there are places for all tenants together.
    for number in 0..50 {
        let slow = format!("https://slow-{number}.example/");
        world.kept.receivers.script(&slow, [Hang]);
        world.endpoint(hook(&slow), None).await;
    }
    let mallory = world.sign_in_to("other", "mallory").await.unwrap();
    let new = hook(URL);
    world.app.create_webhook_endpoint(&mallory, plain("createWebhookEndpoint"), new).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (world.app.clone(), stop.clone());
        async move { app.run_webhooks(stop).await }
    });
    for number in 0..16 {
        world.named(&format!("Number {number}")).await;
    }
    world.kept.receivers.wait_for(96).await;
    world.create(&mallory, "Mine").await.unwrap();
    world.kept.receivers.wait_for(97).await;
    assert_eq!(world.kept.receivers.kinds(URL), ["credential.created"]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_disabled_endpoint_has_an_alert_that_those_see_who_see_the_endpoint() {
    let world = World::start().await;
    let bob = world.member("bob", Role::Auditor).await;
    let id = world.endpoint(hook(URL), None).await;
    world.kept.receivers.script(URL, [Answer(410), Answer(204)]);
    world.named("One").await;
    world.round(id).await;
    crate::alerts::react(&world, &world.app, 1).await;
    let alerts = async |call| world.app.alerts(call, Default::default(), PageArgs::default()).await.unwrap();
    let seen = alerts(&world.alice).await;
    assert_eq!(seen.edges.len(), 1);
    assert_eq!(seen.edges[0].1.about, id.into());
    assert_eq!(alerts(&bob).await.edges.len(), 0, "an auditor sees no endpoints");
    let alert = seen.edges[0].1.id;
    let acknowledged =
        world.app.acknowledge_alert(&world.alice, plain("acknowledgeAlert"), alert, None, None);
    acknowledged.await.unwrap();
    world.switch(id, true).await;
    crate::alerts::react(&world, &world.app, 3).await;
    let row = world.app.alert(&world.alice, alert).await.unwrap().expect("an alert");
    assert_eq!(row.state, keytrail_domain::alert::AlertState::Resolved);
    // What happened to the alert is delivered too.
    world.round(id).await;
    let kinds = world.kept.receivers.kinds(URL);
    for kind in ["alert.opened", "alert.acknowledged", "alert.resolved"] {
        assert!(kinds.contains(&kind.to_owned()), "{kinds:?}");
    }
}

#[tokio::test]
async fn what_waited_for_a_receiver_that_was_away_goes_out_as_soon_as_it_is_back_or_has_moved() {
    for moved in [false, true] {
        let world = World::start().await;
        let id = world.endpoint(hook(URL), None).await;
        world.kept.receivers.script(URL, [HangUp]);
        world.named("Waits").await;
        // At once, after 5 s, 5 min, 30 min and 2 h: the next try is hours away.
        for wait in [0, 7, 370, 2_200, 9_000] {
            world.kept.clock.forward(wait);
            world.round(id).await;
        }
        let failed = world.kept.receivers.at(URL).len();
        let place = if moved { "https://hooks.example.com/new" } else { URL };
        world.kept.receivers.script(place, [Answer(204)]);
        world.kept.clock.forward(120);
        if moved {
            let update = WebhookEndpointUpdate { url: Some(SecretValue::new(place.into())), ..change(id) };
            let update =
                world.app.update_webhook_endpoint(&world.alice, plain("updateWebhookEndpoint"), update);
            update.await.unwrap();
        } else {
            // A new event would wait with the others; what somebody asks for does not.
            world.app.send_test_webhook(&world.alice, plain("sendTestWebhook"), id).await.unwrap();
        }
        world.round(id).await;
        world.round(id).await;
        let arrived = world.kept.receivers.at(place);
        let arrived = if moved { arrived.len() } else { arrived.len() - failed };
        assert_eq!(arrived, if moved { 1 } else { 2 }, "moved: {moved}");
    }
}
