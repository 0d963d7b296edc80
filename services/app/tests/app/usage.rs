//! Who uses a credential: nothing is left half done, whoever dies or comes second.

use keytrail_app::{AppError, BeforeUse, NewFlow, NewStep};
use keytrail_domain::{CredentialId, FlowId, Labels, StreamKind};
use tokio_util::sync::CancellationToken;

use crate::world::{World, plain};

fn flow(name: &str, credential: CredentialId) -> NewFlow {
    let (component, credential) = ("http-bearer".to_owned(), Some(credential));
    let steps = vec![NewStep { id: None, title: None, component, credential }];
    NewFlow { name: name.into(), description: None, owner: None, labels: Labels::default(), steps }
}

async fn make(world: &World, name: &str, credential: CredentialId) -> Result<FlowId, AppError> {
    let made = world.app.create_flow(&world.alice, plain("createFlow"), flow(name, credential)).await;
    made.map(|done| done.value)
}

/// Each user of a credential, and whether it runs.
async fn users(world: &World, id: CredentialId) -> Vec<(String, bool)> {
    world.shown().await;
    let row = world.app.credential(&world.alice, id).await.unwrap().expect("it is there");
    row.usages.iter().map(|usage| (usage.id.clone(), usage.active)).collect()
}

/// Lets the repair go on until a credential has these users.
async fn repaired(world: &World, id: CredentialId, wanted: &[(String, bool)]) {
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (world.app.clone(), stop.clone());
        async move { app.run_usage(stop).await }
    });
    while users(world, id).await != wanted {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_reservation_that_nothing_came_of_is_cleared_and_the_others_stay() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Used").await.unwrap().value;
    let kept = make(&world, "Kept", id).await.unwrap();
    world.app.start_flow(&world.alice, plain("startFlow"), (kept, None), BeforeUse::Skip).await.unwrap();
    world.kept.log.takes_no(Some(StreamKind::Flow));
    let lost = make(&world, "Lost", id).await;
    assert!(matches!(lost, Err(AppError::Unavailable { .. })), "{lost:?}");
    let stopped = world.app.stop_flow(&world.alice, plain("stopFlow"), (kept, None), None).await;
    assert!(stopped.is_err());
    world.kept.log.takes_no(None);
    assert_eq!(users(&world, id).await.len(), 2, "whether it was done is not known, so it stays");
    world.kept.clock.forward(301);
    repaired(&world, id, &[(kept.to_string(), true)]).await;
}

#[tokio::test]
async fn what_is_refused_lets_go_at_once() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Used").await.unwrap().value;
    let [first, second] = ["One", "Two"].map(|name| make(&world, name, id));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    world.app.delete_flow(&world.alice, plain("deleteFlow"), (second, None)).await.unwrap();
    assert_eq!(users(&world, id).await, [(first.to_string(), false)]);
    let taken = make(&world, "one", id).await;
    assert!(matches!(taken, Err(AppError::Conflict { .. })), "{taken:?}");
    let stale =
        world.app.start_flow(&world.alice, plain("startFlow"), (first, Some(7)), BeforeUse::Skip).await;
    assert!(matches!(stale, Err(AppError::Conflict { .. })), "{stale:?}");
    assert_eq!(users(&world, id).await, [(first.to_string(), false)]);
}

#[tokio::test]
async fn who_comes_second_takes_nothing_from_what_runs() {
    let world = World::start().await;
    let id = world.create(&world.alice, "Used").await.unwrap().value;
    let flow = make(&world, "Once", id).await.unwrap();
    let start =
        |expected| world.app.start_flow(&world.alice, plain("startFlow"), (flow, expected), BeforeUse::Check);
    world.kept.verdict.takes_turns(50);
    let (one, two, three) = tokio::join!(start(Some(1)), start(Some(1)), start(None));
    let done = [one.is_ok(), two.is_ok(), three.is_ok()];
    assert!(done.iter().any(|done| *done), "{done:?}");
    assert_eq!(users(&world, id).await, [(flow.to_string(), true)], "{done:?}");
    let refused = world.app.delete_credential(&world.alice, plain("deleteCredential"), id, true, None).await;
    assert!(matches!(refused, Err(AppError::Refused { reason: "CREDENTIAL_IN_USE", .. })), "{refused:?}");
}
