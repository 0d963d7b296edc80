//! A caller reads on any node what he wrote, by the position that he was answered.

use keytrail_app::{AppError, NewTenant, PageArgs};
use keytrail_domain::NewEvent;
use keytrail_ports::{EventStore, Expected};

use crate::{
    faults::FaultyLog,
    world::{Kept, World},
};

fn is_behind(waited: &Result<(), AppError>) {
    assert!(matches!(waited, Err(AppError::Behind)), "{waited:?}");
}

#[tokio::test]
async fn a_query_waits_for_what_another_node_has_answered_and_not_for_ever() {
    let [first, mut second] = World::start().await.two_nodes().await;
    second.freeze().await;
    let made = first.create(&first.alice, "Far").await.unwrap();
    let app = second.app.clone();
    is_behind(&app.wait_for(&second.alice, &made.position).await);
    let alice = second.alice.clone();
    let (waited, ()) = tokio::join!(biased; app.wait_for(&alice, &made.position), second.project());
    waited.unwrap();
    let seen = app.credential(&alice, made.value).await.unwrap();
    assert_eq!(seen.expect("it is there").name, "Far");
}

/// The same events in another log, but the last one, and that one.
async fn copied(world: &World) -> (FaultyLog, impl AsyncFnOnce(&FaultyLog)) {
    let log = FaultyLog::default();
    let mut events = world.everything().await;
    let last = events.pop().expect("an event");
    for event in events {
        put(&log, event).await;
    }
    (log, async |log: &FaultyLog| put(log, last).await)
}

async fn put(log: &FaultyLog, event: keytrail_domain::RecordedEvent) {
    let expected = event.revision.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
    let new =
        NewEvent { id: event.id, event_type: event.event_type, data: event.data, metadata: event.metadata };
    log.inner.append(&event.stream, expected, vec![new]).await.unwrap();
}

#[tokio::test]
async fn a_position_of_the_log_that_this_was_copied_from_is_waited_for_by_its_event() {
    let old = World::start().await;
    old.create(&old.alice, "Before").await.unwrap();
    let made = old.create(&old.alice, "Last").await.unwrap();
    let (log, put_last) = copied(&old).await;
    let mut new = old.over(Kept { log: log.into(), ..old.kept.clone() }).await;
    assert_ne!(new.app.log_id(), old.app.log_id());
    new.freeze().await;
    let (app, alice, log) = (new.app.clone(), new.alice.clone(), new.kept.log.clone());
    is_behind(&app.wait_for(&alice, &made.position).await);
    let arrives = async {
        put_last(&log).await;
        new.project().await;
    };
    let (waited, ()) = tokio::join!(biased; app.wait_for(&alice, &made.position), arrives);
    waited.unwrap();
    assert!(app.credential(&alice, made.value).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_position_of_this_tenant_is_bad_input_that_names_the_header() {
    let world = World::start().await;
    let made = world.create(&world.alice, "Here").await.unwrap();
    world.app.wait_for(&world.alice, &made.position).await.unwrap();
    let other = NewTenant {
        slug: "other".into(),
        name: "Other".into(),
        owner_subject: "mallory".into(),
        owner_issuer: None,
        owner_profile: None,
    };
    world.app.create_tenant(other).await.unwrap();
    let mallory = world.sign_in_to("other", "mallory").await.unwrap();
    let foreign = world.create(&mallory, "There").await.unwrap().position;
    world.team("Ops").await;
    let listed = world.app.teams(&world.alice, PageArgs::default()).await.unwrap();
    let place_in_list = listed.edges[0].0.clone();
    let mut bent = made.position.clone();
    bent.replace_range(0..1, if bent.starts_with('A') { "B" } else { "A" });
    let long = "A".repeat(100_000);
    for text in ["", "nonsense", "ä", &long, &bent, &foreign, &place_in_list] {
        let refused = world.app.wait_for(&world.alice, text).await;
        let Err(AppError::BadInput(fields)) = refused else { panic!("{text:.40}: {refused:?}") };
        assert_eq!(fields[0].path, "Keytrail-After");
    }
}
