//! A name has one owner's one credential, also when two ask at once.

use std::collections::BTreeSet;

use keytrail_app::{AppError, Call, NewCredential};
use tokio::sync::oneshot;

use crate::{
    faults::Fault,
    world::{World, bearer, plain},
};

#[tokio::test]
async fn of_two_at_once_one_gets_the_name_and_the_other_a_conflict() {
    let world = World::start().await;
    let (go_on, held) = oneshot::channel();
    world.kept.log.script([Fault::Held(held)]);
    let second = async {
        world.kept.log.holding.notified().await;
        let second = world.create(&world.alice, "  THE name ").await;
        go_on.send(()).unwrap();
        second
    };
    let (first, second) = tokio::join!(world.create(&world.alice, "The Name"), second);
    first.unwrap();
    assert!(matches!(second, Err(AppError::Conflict { .. })), "{second:?}");
    let third = world.create(&world.alice, "the name").await;
    assert!(matches!(third, Err(AppError::Conflict { .. })), "still taken when both are done: {third:?}");
}

#[tokio::test]
async fn a_name_that_was_held_in_vain_is_free_again() {
    let world = World::start().await;
    world.kept.log.script([Fault::Unavailable]);
    world.create(&world.alice, "Twice").await.unwrap_err();
    world.create(&world.alice, "Twice").await.unwrap();
}

#[tokio::test]
async fn unnamed_credentials_are_numbered_for_each_owner() {
    let world = World::start().await;
    let bob = world.member("bob", keytrail_domain::Role::Member).await;
    let made = async |by: &Call| {
        let input = NewCredential { name: None, ..bearer("", None) };
        let made = world.app.create_credential(by, plain("createCredential"), input).await.unwrap();
        world.app.credential(by, made.value).await.unwrap().unwrap().name.clone()
    };
    let first = made(&world.alice).await;
    for number in 2..=9 {
        assert_eq!(made(&world.alice).await, format!("{first} {number}"));
    }
    assert_eq!(made(&bob).await, first);
    let (one, two) = tokio::join!(made(&world.alice), made(&world.alice));
    assert_eq!(BTreeSet::from([one, two]), BTreeSet::from([format!("{first} 10"), format!("{first} 11")]));
}
