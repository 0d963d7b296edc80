//! Answers that prove nothing, a vault that is away, and systems that lock accounts.

use keytrail_app::AppError;
use keytrail_domain::{credential::Health, verification::Verdict};

use super::{HOUR, Watch};
use crate::{
    other_components::Changed,
    world::{World, plain},
};

#[tokio::test]
async fn an_answer_that_proves_nothing_is_asked_for_again_after_1_2_4_minutes_up_to_the_interval() {
    let mut watch = Watch::start().await;
    let id = watch.create("Flaky").await;
    watch.answer(Verdict::Inconclusive);
    while watch.checks() == 0 {
        watch.pass(60, 60).await;
    }
    for (failures, minutes) in [1, 2, 4, 8, 16, 32].into_iter().enumerate() {
        let wait = watch.schedule.next_check(id).unwrap().as_seconds() - watch.now().as_seconds();
        assert!((minutes * 60 - 1..minutes * 75).contains(&wait), "{failures}: {wait} s");
        watch.world.kept.clock.forward(wait + 1);
        watch.turns().await;
        assert_eq!(watch.checks(), failures + 2);
    }
    let wait = watch.schedule.next_check(id).unwrap().as_seconds() - watch.now().as_seconds();
    assert!(wait <= HOUR, "the next slot");
    assert_eq!(watch.row(id).await.health, Health::Unverified, "nothing was proven");
    assert_eq!(watch.events(id).await, ["CredentialCreated", "CredentialVerificationInconclusive"]);

    watch.answer(Verdict::Valid);
    watch.pass(HOUR, 300).await;
    watch.answer(Verdict::Inconclusive);
    let before = watch.checks();
    while watch.checks() == before || watch.row(id).await.inconclusive_since.is_none() {
        watch.pass(60, 60).await;
    }
    let wait = watch.schedule.next_check(id).unwrap().as_seconds() - watch.now().as_seconds();
    assert!(wait <= 75, "it begins anew: {wait} s");
}

#[tokio::test]
async fn a_day_of_nothing_but_inconclusive_answers_is_an_alert_that_the_next_answer_resolves() {
    let mut watch = Watch::start().await;
    let id = watch.create("Silent").await;
    watch.pass(2 * HOUR, HOUR / 4).await;
    watch.answer(Verdict::Inconclusive);
    watch.pass(23 * HOUR, HOUR / 4).await;
    assert!(watch.alerts(0).await.is_empty(), "not a day yet");
    let mut watch = watch.again().await;
    watch.pass(4 * HOUR, HOUR / 4).await;
    assert_eq!(watch.alerts(1).await, ["AlertOpened verification-failing"]);
    watch.pass(30 * HOUR, HOUR).await;
    assert_eq!(watch.alerts(1).await.len(), 1, "said once");
    assert_eq!(watch.row(id).await.health, Health::Valid, "and the status is as it was");
    watch.answer(Verdict::Valid);
    watch.pass(2 * HOUR, HOUR / 4).await;
    let both = ["AlertOpened verification-failing", "AlertResolved verification-failing"];
    assert_eq!(watch.alerts(2).await, both);
}

#[tokio::test]
async fn one_answer_in_between_is_no_day_of_silence() {
    let mut watch = Watch::start().await;
    let id = watch.create("Now and then").await;
    for _ in 0..3 {
        watch.answer(Verdict::Inconclusive);
        watch.pass(20 * HOUR, HOUR / 4).await;
        watch.answer(Verdict::Valid);
        watch.pass(2 * HOUR, HOUR / 4).await;
    }
    assert!(watch.alerts(0).await.is_empty());
    assert_eq!(watch.row(id).await.inconclusive_since, None);
}

#[tokio::test]
async fn while_the_vault_is_away_checks_are_put_off_and_come_by_themselves() {
    let mut watch = Watch::start().await;
    let id = watch.create("Locked away").await;
    watch.world.kept.vault.is_away(true);
    watch.pass(HOUR, 300).await;
    assert_eq!(watch.checks(), 0);
    assert!(watch.world.app.schedule_numbers().failed > 0);
    assert_eq!(watch.events(id).await, ["CredentialCreated"]);
    watch.world.kept.vault.is_away(false);
    watch.pass(120, 30).await;
    assert_eq!(watch.checks(), 1);
}

#[tokio::test]
async fn a_system_that_locks_accounts_is_asked_twice_a_day_after_it_said_no() {
    let world = World::with_components(|all| {
        std::sync::Arc::new(Changed { all, change: |component| component.lockout_safe = false })
    })
    .await;
    let mut watch = Watch::over(world, Default::default()).await;
    let id = watch.create("Directory").await;
    watch.pass(5 * HOUR, HOUR / 4).await;
    assert!(watch.checks() >= 5, "as often as any while it says yes");
    watch.answer(Verdict::Invalid);
    while watch.row(id).await.health != Health::Invalid {
        watch.pass(HOUR / 4, HOUR / 4).await;
    }
    let first = watch.checks();
    watch.pass(24 * HOUR, HOUR / 4).await;
    assert!((1..=2).contains(&(watch.checks() - first)), "{}", watch.checks() - first);
    // A restart does not make it forget, and a person does not get round it.
    let mut watch = watch.again().await;
    let before = watch.checks();
    watch.pass(6 * HOUR, HOUR / 4).await;
    assert!(watch.checks() - before <= 1);
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(app.verify_credential(&alice, plain("verifyCredential"), id).await);
    }
    assert!(matches!(answers.last(), Some(Err(AppError::RateLimited { .. }))), "{answers:?}");
}
