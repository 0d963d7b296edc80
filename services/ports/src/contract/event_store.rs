//! The promises of [`EventStore`].

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they speak")]

use std::sync::Arc;

use futures_util::{StreamExt, future::join_all};
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId, TeamId, TenantId};

use super::{fresh_id, fresh_tenant, in_time};
use crate::{Appended, EventStore, Expected, Filter, LogError, LogSignal, Subscription};

/// Makes every promise of [`EventStore`] a test; the expression is a future of a fresh store.
#[macro_export]
macro_rules! event_store_contract {
    ($fresh:expr) => {
        $crate::contract_cases! { event_store, $fresh,
            an_append_writes_all_of_its_events,
            a_stale_append_conflicts_and_writes_nothing,
            an_append_to_a_missing_stream_at_a_revision_conflicts,
            the_same_ids_again_answer_the_first_result,
            other_ids_at_the_same_place_conflict,
            a_stream_comes_back_in_order_and_byte_for_byte,
            a_stream_is_read_in_parts,
            an_unknown_stream_has_no_events,
            positions_grow_with_the_log,
            a_subscription_tells_the_past_then_that_it_caught_up_then_live_events,
            a_subscription_after_a_position_tells_only_later_events,
            nothing_is_lost_or_doubled_where_past_and_live_meet,
            what_a_subscription_tells_can_be_read,
            a_tenant_filter_tells_only_that_tenants_events,
            what_was_appended_shows_at_once,
            of_many_appends_at_one_place_exactly_one_wins,
            appends_to_many_streams_at_once_all_win,
            a_log_keeps_its_id,
            a_place_tells_its_event,
        }
    };
}

fn stream_of(tenant: TenantId) -> StreamId {
    StreamId::team(tenant, TeamId::from_uuid(fresh_id()))
}

fn event(number: usize) -> NewEvent {
    NewEvent {
        id: EventId::from_uuid(fresh_id()),
        event_type: "TeamRenamed".to_owned(),
        data: format!(r#"{{ "name":"Ünïcode \u00e9 {number}","n":{number} }}"#).into_bytes().into(),
        metadata: format!(r#"{{"n": {number}}}"#).into_bytes().into(),
    }
}

fn events(many: usize) -> Vec<NewEvent> {
    (0..many).map(event).collect()
}

async fn appended(store: &impl EventStore, stream: &StreamId, many: usize) -> Appended {
    let have = store.read_stream(stream, 0, usize::MAX).await.unwrap().len() as u64;
    let expected = have.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
    store.append(stream, expected, events(many)).await.unwrap()
}

/// The next event; fails when the subscription ends.
async fn next_event(signals: &mut Subscription) -> RecordedEvent {
    loop {
        if let LogSignal::Event(event) = in_time(signals.next()).await.unwrap().unwrap() {
            return event;
        }
    }
}

/// Everything up to `CaughtUp`.
async fn past(signals: &mut Subscription) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        match in_time(signals.next()).await.unwrap().unwrap() {
            LogSignal::Event(event) => events.push(event),
            LogSignal::Checkpoint(_) => {}
            LogSignal::CaughtUp => return events,
        }
    }
}

fn ids(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// Promise 1.
pub async fn an_append_writes_all_of_its_events(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let answer = store.append(&stream, Expected::NoStream, events(3)).await.unwrap();
    let stored = store.read_stream(&stream, 0, 10).await.unwrap();
    assert_eq!(answer.revision, 2);
    assert_eq!(stored.len(), 3);
    assert_eq!(stored[2].position, answer.position);
}

/// Promise 2.
pub async fn a_stale_append_conflicts_and_writes_nothing(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    appended(&store, &stream, 2).await;
    for expected in [Expected::NoStream, Expected::Revision(0), Expected::Revision(7)] {
        let error = store.append(&stream, expected, events(2)).await.unwrap_err();
        assert!(matches!(error, LogError::Conflict { current: Some(1) }), "{error:?}");
    }
    assert_eq!(store.read_stream(&stream, 0, 10).await.unwrap().len(), 2);
}

/// Promise 2.
pub async fn an_append_to_a_missing_stream_at_a_revision_conflicts(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let error = store.append(&stream, Expected::Revision(0), events(1)).await.unwrap_err();
    assert!(matches!(error, LogError::Conflict { current: None }), "{error:?}");
    assert!(store.read_stream(&stream, 0, 10).await.unwrap().is_empty());
}

/// Promise 3, also when the stream has gone on since.
pub async fn the_same_ids_again_answer_the_first_result(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let (first, second) = (events(2), events(2));
    let one = store.append(&stream, Expected::NoStream, first.clone()).await.unwrap();
    let two = store.append(&stream, Expected::Revision(1), second.clone()).await.unwrap();
    assert_eq!(store.append(&stream, Expected::NoStream, first).await.unwrap(), one);
    assert_eq!(store.append(&stream, Expected::Revision(1), second).await.unwrap(), two);
    assert_eq!(store.read_stream(&stream, 0, 10).await.unwrap().len(), 4);
}

/// Promise 3: the ids decide, all of them.
pub async fn other_ids_at_the_same_place_conflict(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let first = events(2);
    store.append(&stream, Expected::NoStream, first.clone()).await.unwrap();
    let half = vec![first[0].clone(), event(9)];
    let longer = [first, events(1)].concat();
    for other in [half, longer] {
        let error = store.append(&stream, Expected::NoStream, other).await.unwrap_err();
        assert!(matches!(error, LogError::Conflict { current: Some(1) }), "{error:?}");
    }
}

/// Promise 4.
pub async fn a_stream_comes_back_in_order_and_byte_for_byte(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let new = events(5);
    store.append(&stream, Expected::NoStream, new.clone()).await.unwrap();
    let stored = store.read_stream(&stream, 0, 10).await.unwrap();
    for (revision, (new, stored)) in (0..).zip(new.iter().zip(&stored)) {
        assert_eq!((stored.revision, &stored.stream), (revision, &stream));
        assert_eq!((stored.id, &stored.event_type), (new.id, &new.event_type));
        assert_eq!((&stored.data, &stored.metadata), (&new.data, &new.metadata));
    }
    assert_eq!(stored.len(), new.len());
}

/// Promise 4.
pub async fn a_stream_is_read_in_parts(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    appended(&store, &stream, 7).await;
    let revisions = |events: Vec<RecordedEvent>| events.iter().map(|it| it.revision).collect::<Vec<_>>();
    assert_eq!(revisions(store.read_stream(&stream, 0, 3).await.unwrap()), [0, 1, 2]);
    assert_eq!(revisions(store.read_stream(&stream, 5, 3).await.unwrap()), [5, 6]);
    assert!(store.read_stream(&stream, 7, 3).await.unwrap().is_empty());
}

/// Promise 4.
pub async fn an_unknown_stream_has_no_events(store: impl EventStore) {
    assert!(store.read_stream(&stream_of(fresh_tenant()), 0, 3).await.unwrap().is_empty());
}

/// Promise 5.
pub async fn positions_grow_with_the_log(store: impl EventStore) {
    let tenant = fresh_tenant();
    let (one, two) = (stream_of(tenant), stream_of(tenant));
    let mut last = store.head().await.unwrap();
    for stream in [&one, &two, &one, &two] {
        let position = appended(&store, stream, 2).await.position;
        assert!(Some(position) > last);
        last = Some(position);
    }
    let mut signals = store.subscribe(None, Filter { tenant: Some(tenant) }).await.unwrap();
    let told: Vec<Position> = past(&mut signals).await.iter().map(|event| event.position).collect();
    assert_eq!(told.len(), 8);
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
}

/// Promise 6.
pub async fn a_subscription_tells_the_past_then_that_it_caught_up_then_live_events(store: impl EventStore) {
    let tenant = fresh_tenant();
    let stream = stream_of(tenant);
    appended(&store, &stream, 3).await;
    let mut signals = store.subscribe(None, Filter { tenant: Some(tenant) }).await.unwrap();
    let old = past(&mut signals).await;
    assert_eq!(old, store.read_stream(&stream, 0, 10).await.unwrap());
    appended(&store, &stream, 1).await;
    assert_eq!(next_event(&mut signals).await.revision, 3);
}

/// Promise 6.
pub async fn a_subscription_after_a_position_tells_only_later_events(store: impl EventStore) {
    let tenant = fresh_tenant();
    let (one, two) = (stream_of(tenant), stream_of(tenant));
    let after = appended(&store, &one, 2).await.position;
    appended(&store, &two, 2).await;
    let mut signals = store.subscribe(Some(after), Filter { tenant: Some(tenant) }).await.unwrap();
    assert_eq!(past(&mut signals).await, store.read_stream(&two, 0, 10).await.unwrap());
}

/// Promise 6: subscriptions that begin in the middle of a stream of appends.
pub async fn nothing_is_lost_or_doubled_where_past_and_live_meet(store: impl EventStore) {
    const APPENDS: usize = 60;
    let tenant = fresh_tenant();
    let stream = stream_of(tenant);
    let filter = Filter { tenant: Some(tenant) };
    let writing = async {
        for _ in 0..APPENDS {
            appended(&store, &stream, 3).await;
        }
    };
    let listening = async {
        let mut told = Vec::new();
        for _ in 0..8 {
            let mut signals = store.subscribe(None, filter).await.unwrap();
            let mut events = Vec::new();
            while events.len() < APPENDS * 3 {
                events.push(next_event(&mut signals).await.id);
            }
            told.push(events);
        }
        told
    };
    let ((), told) = tokio::join!(writing, listening);
    let stored = ids(&store.read_stream(&stream, 0, usize::MAX).await.unwrap());
    assert!(told.iter().all(|events| *events == stored));
}

/// Promise 7, as far as it can be seen from outside.
pub async fn what_a_subscription_tells_can_be_read(store: impl EventStore) {
    let tenant = fresh_tenant();
    let stream = stream_of(tenant);
    let mut signals = store.subscribe(None, Filter { tenant: Some(tenant) }).await.unwrap();
    let writing = async {
        for _ in 0..20 {
            appended(&store, &stream, 1).await;
        }
    };
    let checking = async {
        for _ in 0..20 {
            let told = next_event(&mut signals).await;
            let stored = store.read_stream(&stream, told.revision, 1).await.unwrap();
            assert_eq!(stored, [told]);
        }
    };
    tokio::join!(writing, checking);
}

/// Promise 8.
pub async fn a_tenant_filter_tells_only_that_tenants_events(store: impl EventStore) {
    let (ours, theirs) = (fresh_tenant(), fresh_tenant());
    let (our_stream, their_stream) = (stream_of(ours), stream_of(theirs));
    let mut signals = store.subscribe(None, Filter { tenant: Some(ours) }).await.unwrap();
    for _ in 0..3 {
        appended(&store, &their_stream, 2).await;
        appended(&store, &our_stream, 1).await;
    }
    for revision in 0..3 {
        let told = next_event(&mut signals).await;
        assert_eq!((told.stream, told.revision), (our_stream.clone(), revision));
    }
}

/// Promise 9.
pub async fn what_was_appended_shows_at_once(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    for length in 1..20 {
        let answer = appended(&store, &stream, 1).await;
        assert_eq!(store.read_stream(&stream, 0, usize::MAX).await.unwrap().len(), length);
        assert!(store.head().await.unwrap() >= Some(answer.position));
    }
}

/// Promise 10.
pub async fn of_many_appends_at_one_place_exactly_one_wins(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    for expected in [Expected::NoStream, Expected::Revision(0), Expected::Revision(1)] {
        let all = join_all((0..16).map(|_| store.append(&stream, expected, events(1)))).await;
        assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 1);
        for lost in all.into_iter().filter_map(Result::err) {
            assert!(matches!(lost, LogError::Conflict { .. }), "{lost:?}");
        }
    }
    assert_eq!(store.read_stream(&stream, 0, 10).await.unwrap().len(), 3);
}

/// Promises 1 and 10: a conflict of one is no conflict of its neighbours.
pub async fn appends_to_many_streams_at_once_all_win(store: impl EventStore) {
    let store = Arc::new(store);
    let tenant = fresh_tenant();
    let contested = stream_of(tenant);
    appended(&*store, &contested, 1).await;
    let streams: Vec<StreamId> = (0..40).map(|_| stream_of(tenant)).collect();
    let wins = join_all(streams.iter().map(|stream| store.append(stream, Expected::NoStream, events(2))));
    let losses = join_all((0..40).map(|_| store.append(&contested, Expected::NoStream, events(1))));
    let (wins, losses) = tokio::join!(wins, losses);
    assert!(wins.iter().all(Result::is_ok));
    assert!(losses.iter().all(Result::is_err));
    for stream in &streams {
        assert_eq!(store.read_stream(stream, 0, 10).await.unwrap().len(), 2);
    }
}

/// The log's id is the same each time.
pub async fn a_log_keeps_its_id(store: impl EventStore) {
    let id = store.log_id().await.unwrap();
    assert!(!id.is_nil());
    assert_eq!(store.log_id().await.unwrap(), id);
}

/// Promise 11.
pub async fn a_place_tells_its_event(store: impl EventStore) {
    let stream = stream_of(fresh_tenant());
    let events = [event(1), event(2)];
    let appended = store.append(&stream, Expected::NoStream, events.to_vec()).await.unwrap();
    assert_eq!(store.event_at(appended.position).await.unwrap(), Some(events[1].id));
    let nowhere = Position { commit: u64::MAX >> 1, prepare: u64::MAX >> 1 };
    assert_eq!(store.event_at(nowhere).await.unwrap(), None);
}
