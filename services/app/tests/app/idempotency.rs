//! The same key and input are one mutation.

use keytrail_app::AppError;
use serde_json::json;

use crate::{
    faults::Fault,
    world::{World, bearer, keyed},
};

#[tokio::test]
async fn a_repeated_mutation_answers_the_same_and_does_nothing() {
    let world = World::start().await;
    let create = || {
        let mutation = keyed("createCredential", "k", json!({ "name": "Once" }));
        world.app.create_credential(&world.alice, mutation, bearer("Once", None))
    };
    let first = create().await.unwrap();
    let (events, secrets) = (world.everything().await.len(), world.secrets().await);
    let again = create().await.unwrap();
    assert_eq!((again.value, again.position.as_str()), (first.value, first.position.as_str()));
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!((world.everything().await.len(), world.secrets().await), (events, secrets));

    let other = keyed("createCredential", "k", json!({ "name": "Other" }));
    let refused = world.app.create_credential(&world.alice, other, bearer("Other", None)).await;
    assert!(matches!(refused, Err(AppError::Conflict { .. })), "{refused:?}");
}

#[tokio::test]
async fn two_at_once_with_one_key_are_one() {
    let world = World::start().await;
    let create = || {
        let mutation = keyed("createCredential", "k", json!({ "name": "Once" }));
        world.app.create_credential(&world.alice, mutation, bearer("Once", None))
    };
    let (one, two) = tokio::join!(create(), create());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.value, two.value);
    assert_eq!(u8::from(one.replayed) + u8::from(two.replayed), 1);
    assert_eq!(world.stream(one.value).await.len(), 1);
}

#[tokio::test]
async fn a_retry_after_a_lost_answer_makes_the_same_credential() {
    let world = World::start().await;
    let create = || {
        let mutation = keyed("createCredential", "k", json!({ "name": "Lost" }));
        world.app.create_credential(&world.alice, mutation, bearer("Lost", None))
    };
    world.kept.log.script([Fault::UnknownAfter, Fault::UnknownAfter, Fault::UnknownAfter]);
    create().await.expect_err("the answer is lost three times");
    world.shown().await;
    let again = create().await.unwrap();
    assert!(again.replayed, "it was written, so it is done");
    assert_eq!(world.stream(again.value).await.len(), 1);
}

#[tokio::test]
async fn a_key_counts_for_a_day_and_for_one_person() {
    let world = World::start().await;
    let bob = world.member("bob", keytrail_domain::Role::Member).await;
    let create = async |by, name: &str| {
        let mutation = keyed("createCredential", "k", json!({}));
        world.app.create_credential(by, mutation, bearer(name, None)).await.unwrap()
    };
    let alices = create(&world.alice, "Alice's").await;
    let bobs = create(&bob, "Bob's").await;
    assert!(alices.value != bobs.value && !bobs.replayed);
    world.kept.clock.forward(86_399);
    assert_eq!(create(&world.alice, "Alice's").await.value, alices.value);
    world.kept.clock.forward(2);
    let later = create(&world.alice, "Another").await;
    assert!(later.value != alices.value && !later.replayed);
}
