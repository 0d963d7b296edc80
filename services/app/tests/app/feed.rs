//! Subscribers that are slow, and grants that end.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use keytrail_app::{Delivered, Feed, NewGrant};
use keytrail_domain::{
    CredentialId, EventId, Grantee, Level, NewEvent, Role, StreamKind, credential::CredentialEvent,
    verification::Verdict,
};
use keytrail_ports::{
    EventStore, Expected,
    views::{AlertFilter, EventFilter, EventRow},
};

use crate::{
    schedule::Watch,
    world::{World, member_of, plain},
};

/// More than a listener may lag behind (4,096).
const RENAMES: usize = 4_200;

/// Many facts about a credential at once, as only a test can have them.
pub(crate) async fn rename_often(world: &World, id: CredentialId) {
    let stream = world.stream(id).await;
    let meta = stream[0].meta().unwrap();
    let events = (0..RENAMES).map(|round| {
        let event = CredentialEvent::Renamed { name: format!("Round {round}") };
        NewEvent::encode(EventId::from_uuid(world.ports.ids.fresh(meta.recorded_at)), &event, &meta).unwrap()
    });
    let expected = Expected::Revision(stream.len() as u64 - 1);
    world.kept.log.append(&stream[0].stream, expected, events.collect()).await.unwrap();
    world.shown().await;
}

type Events = Feed<Arc<EventRow>>;

/// What comes next; a feed that stays silent has failed.
async fn next(feed: &mut Events) -> Delivered<Arc<EventRow>> {
    let next = tokio::time::timeout(Duration::from_secs(30), feed.next()).await;
    next.expect("something in time").expect("still open").unwrap()
}

async fn ids_of(feed: &mut Events, many: usize) -> Vec<EventId> {
    let mut ids = Vec::new();
    while ids.len() < many {
        match next(feed).await {
            Delivered::Item { item, .. } => ids.push(item.id),
            Delivered::AccessLost { credential } => panic!("lost {credential}"),
        }
    }
    ids
}

#[tokio::test]
async fn a_listener_that_lags_behind_and_one_that_comes_late_hear_everything_once_and_in_order() {
    let world = World::start().await;
    let start = world.app.create_team(&world.alice, plain("createTeam"), "Start".into()).await.unwrap();
    let mut lagging = world.app.credential_events(&world.alice, None, EventFilter::default()).await.unwrap();
    let id = world.create(&world.alice, "Busy").await.unwrap().value;
    rename_often(&world, id).await;
    let all = world.everything().await.into_iter();
    let all: Vec<_> =
        all.filter(|event| event.stream.kind() == StreamKind::Credential).map(|event| event.id).collect();
    assert_eq!(all.len(), RENAMES + 1);
    assert_eq!(ids_of(&mut lagging, all.len()).await, all);
    let after = Some(start.position);
    let mut late = world.app.credential_events(&world.alice, after, EventFilter::default()).await.unwrap();
    assert_eq!(ids_of(&mut late, all.len()).await, all);
    let last = world.create(&world.alice, "Live").await.unwrap().value;
    let last = world.stream(last).await[0].id;
    for feed in [&mut lagging, &mut late] {
        assert_eq!(ids_of(feed, 1).await, [last], "and then it is live");
    }
}

#[tokio::test]
async fn a_grant_that_ended_by_date_is_told_once_and_nothing_comes_after() {
    let world = World::start().await;
    let bob = world.member("bob", Role::Member).await;
    let id = world.create(&world.alice, "For a while").await.unwrap().value;
    let mut feed = world.app.credential_events(&bob, None, EventFilter::default()).await.unwrap();
    let grant = NewGrant {
        id,
        grantee: Grantee::Member(member_of(&bob)),
        level: Level::View,
        expires_at: Some(world.app.now().plus_seconds(60)),
        reason: None,
        expected_revision: None,
    };
    world.app.share_credential(&world.alice, plain("shareCredential"), grant).await.unwrap();
    ids_of(&mut feed, 1).await;
    world.kept.clock.forward(60);
    world.rename(&world.alice, id, "Over").await.unwrap();
    let told = next(&mut feed).await;
    assert!(matches!(told, Delivered::AccessLost { credential } if credential == id), "{told:?}");
    world.rename(&world.alice, id, "Over and over").await.unwrap();
    let own = world.create(&bob, "Own").await.unwrap().value;
    assert_eq!(ids_of(&mut feed, 1).await, [world.stream(own).await[0].id]);
}

#[tokio::test]
async fn who_follows_alerts_is_told_when_his_share_of_a_credential_is_revoked() {
    let mut watch = Watch::start().await;
    let bob = watch.world.member("bob", Role::Member).await;
    let id = watch.create("Shared").await;
    let bobs = Grantee::Member(member_of(&bob));
    watch.world.share(id, bobs, Level::View).await;
    let app = watch.world.app.clone();
    let mut feed = app.credential_alerts(&bob, None, AlertFilter::default()).await.unwrap();
    watch.answer(Verdict::Invalid);
    watch.pass(7_200, 300).await;
    let opened = feed.next().await.unwrap().unwrap();
    assert!(matches!(&opened, Delivered::Item { item: (_, alert), .. } if alert.about == id.into()));
    app.revoke_share(&watch.world.alice, plain("revokeShare"), id, bobs, None).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(30), feed.next()).await.expect("told in time");
    let told = told.unwrap().unwrap();
    assert!(matches!(told, Delivered::AccessLost { credential } if credential == id), "{told:?}");
}
