//! Secret first, then fact; each fact once, whatever the log answers.

use keytrail_app::AppError;
use keytrail_ports::{LogError, memory::VaultTrouble};
use tokio::sync::oneshot;

use crate::{
    faults::Fault,
    world::{World, bearer, plain},
};

fn unavailable(error: &AppError) -> &'static str {
    match error {
        AppError::Unavailable { dependency, .. } => dependency,
        AppError::OutcomeUnknown(_) => "unknown",
        other => panic!("not UNAVAILABLE but {other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_again_with_the_same_event_ids_and_never_doubled() {
    let world = World::start().await;
    for (name, faults) in [
        ("a", vec![Fault::UnknownBefore]),
        ("b", vec![Fault::UnknownAfter]),
        ("c", vec![Fault::UnknownBefore, Fault::UnknownAfter]),
        ("d", vec![Fault::UnknownAfter, Fault::UnknownBefore]),
    ] {
        let tries = faults.len() + 1;
        world.kept.log.script(faults);
        let id = world.create(&world.alice, name).await.unwrap().value;
        let asked = world.kept.log.asked();
        assert_eq!((asked.len(), world.stream(id).await.len()), (tries, 1), "one event, once");
        assert!(asked.iter().all(|ids| *ids == asked[0]), "{asked:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_told_after_three_tries() {
    let world = World::start().await;
    world.kept.log.script([Fault::UnknownBefore, Fault::UnknownBefore, Fault::UnknownBefore]);
    let error = world.create(&world.alice, "Lost").await.unwrap_err();
    assert_eq!(unavailable(&error), "unknown");
    assert_eq!(world.kept.log.asked().len(), 3);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_the_log_is_away_by_then() {
    let world = World::start().await;
    world.kept.log.script([Fault::UnknownAfter, Fault::Unavailable, Fault::Unavailable]);
    let error = world.create(&world.alice, "Written").await.unwrap_err();
    assert_eq!(unavailable(&error), "unknown", "it is there: to say that it is not would double it");
    world.kept.log.script([Fault::UnknownAfter, Fault::Unavailable]);
    let id = world.create(&world.alice, "In time").await.unwrap().value;
    let asked = world.kept.log.asked();
    assert!(asked.len() == 3 && asked.iter().all(|ids| *ids == asked[0]), "{asked:?}");
    assert_eq!(world.stream(id).await.len(), 1);
}

#[tokio::test]
async fn a_log_that_is_away_is_asked_once_and_nothing_is_there() {
    let world = World::start().await;
    let before = world.everything().await.len();
    world.kept.log.script([Fault::Unavailable]);
    let error = world.create(&world.alice, "Away").await.unwrap_err();
    assert_eq!(unavailable(&error), "event log");
    assert!(matches!(
        error,
        AppError::Unavailable { source: Some(source), .. }
            if matches!(source.downcast_ref(), Some(LogError::Unavailable(_)))
    ));
    assert_eq!((world.kept.log.asked().len(), world.everything().await.len()), (1, before));
    world.create(&world.alice, "Away").await.expect("the name is free, and all is well again");
}

#[tokio::test]
async fn a_conflict_is_decided_again_at_most_three_times() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Here").await.unwrap().value;
    world.kept.log.script([Fault::Conflict, Fault::Conflict]);
    world.rename(&world.alice, id, "There").await.unwrap();
    assert_eq!((world.kept.log.asked().len(), world.stream(id).await.len()), (3, 2));
    world.kept.log.script([Fault::Conflict, Fault::Conflict, Fault::Conflict]);
    let error = world.rename(&world.alice, id, "Nowhere").await.unwrap_err();
    assert!(matches!(error, AppError::Conflict { .. }), "{error:?}");
    assert_eq!((world.kept.log.asked().len(), world.stream(id).await.len()), (3, 2));
}

/// Alice renames while another rename of hers is between decision and log; answers the first one.
async fn overtaken(expected: Option<u64>) -> (World, Result<(), AppError>, usize) {
    let world = World::start().await;
    let id = world.create(&world.alice, "First").await.unwrap().value;
    let (go_on, held) = oneshot::channel();
    world.kept.log.script([Fault::Held(held)]);
    let slow = world.rename_at(&world.alice, id, "Slow", expected);
    let fast = async {
        world.kept.log.holding.notified().await;
        world.rename(&world.alice, id, "Fast").await.unwrap();
        go_on.send(()).unwrap();
    };
    let (slow, ()) = tokio::join!(slow, fast);
    let appends = world.kept.log.asked().len();
    let slow = slow.map(|_| ());
    (world, slow, appends)
}

#[tokio::test]
async fn who_is_overtaken_decides_again_on_what_is_there_now() {
    let (world, slow, appends) = overtaken(None).await;
    slow.unwrap();
    assert_eq!(appends, 3, "the held one, the fast one, and the held one again");
    let types: Vec<_> = world.everything().await.iter().map(|event| event.event_type.clone()).collect();
    assert_eq!(types[types.len() - 3..], ["CredentialCreated", "CredentialRenamed", "CredentialRenamed"]);
}

#[tokio::test]
async fn who_is_overtaken_and_said_what_he_saw_is_told_both_revisions() {
    let (world, slow, appends) = overtaken(Some(1)).await;
    assert!(matches!(slow, Err(AppError::Conflict { expected: Some(1), actual: Some(2), .. })), "{slow:?}");
    assert_eq!(appends, 2, "not tried again");
    let head = world.everything().await.pop().unwrap();
    assert!(String::from_utf8_lossy(&head.data).contains("Fast"));
}

#[tokio::test]
async fn a_stale_revision_reaches_neither_log_nor_vault() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Here").await.unwrap().value;
    world.kept.log.script([]);
    let error = world.rename_at(&world.alice, id, "There", Some(9)).await.unwrap_err();
    assert!(matches!(error, AppError::Conflict { expected: Some(9), actual: Some(1), .. }), "{error:?}");
    assert!(world.kept.log.asked().is_empty());
}

#[tokio::test]
async fn nothing_is_in_the_log_when_the_vault_refuses() {
    let world = World::start().await;
    let (events, secrets) = (world.everything().await.len(), world.secrets().await);
    for trouble in [VaultTrouble::Sealed, VaultTrouble::Unreachable, VaultTrouble::Denied] {
        world.kept.vault.inner.set_trouble(Some(trouble));
        let error = world.create(&world.alice, "Never").await.unwrap_err();
        assert_eq!(unavailable(&error), "vault");
        world.kept.vault.inner.set_trouble(None);
        assert_eq!((world.everything().await.len(), world.secrets().await), (events, secrets), "{trouble:?}");
    }
    world.create(&world.alice, "Never").await.expect("the name is free, and all is well again");
}

#[tokio::test]
async fn the_secret_is_in_the_vault_before_the_fact_is_in_the_log_and_stored_once() {
    let world = World::start().await;
    let secrets = world.secrets().await;
    let (go_on, held) = oneshot::channel();
    world.kept.log.script([Fault::Held(held), Fault::UnknownAfter]);
    let looking = async {
        world.kept.log.holding.notified().await;
        let there = world.secrets().await;
        go_on.send(()).unwrap();
        there
    };
    let (made, there) = tokio::join!(world.create(&world.alice, "Ordered"), looking);
    made.unwrap();
    assert_eq!((there, world.secrets().await), (secrets + 2, secrets + 2), "it and its fingerprint");
}

#[tokio::test]
async fn a_fact_that_comes_more_than_a_minute_after_its_secret_is_not_written() {
    let world = World::start().await;
    let before = world.everything().await.len();
    world.kept.vault.needs(61);
    let input = bearer("Late", None);
    let error =
        world.app.create_credential(&world.alice, plain("createCredential"), input).await.unwrap_err();
    assert_eq!(unavailable(&error), "vault");
    assert_eq!(world.everything().await.len(), before);
    // It and its fingerprint, one after the other by this clock.
    world.kept.vault.needs(30);
    world.create(&world.alice, "Late").await.expect("a minute is in time");
}
