//! Subscriptions: told once and in order, whatever breaks; places move on without events of ours.

use std::time::Duration;

use eventstore::{AppendToStreamOptions, Client, EventData};
use futures_util::StreamExt;
use keytrail_domain::{Position, RecordedEvent};
use keytrail_eventstore_double::{Double, Fault, Method};
use keytrail_ports::{EventStore, Expected, Filter, LogError, LogSignal, Subscription};
use serde_json::json;

use crate::{double, event, events, opened, stream};

const PATIENT: Duration = Duration::from_secs(30);

async fn next(signals: &mut Subscription) -> Result<LogSignal, LogError> {
    tokio::time::timeout(PATIENT, signals.next()).await.expect("in time").expect("goes on")
}

async fn next_event(signals: &mut Subscription) -> RecordedEvent {
    loop {
        if let LogSignal::Event(event) = next(signals).await.unwrap() {
            return event;
        }
    }
}

/// Why it ends without another event.
async fn older_log(signals: &mut Subscription) -> String {
    loop {
        match next(signals).await {
            Ok(LogSignal::Event(event)) => panic!("{event:?}"),
            Ok(_) => {}
            Err(LogError::Unavailable(why)) => return why.to_string(),
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Events of another program in the same database.
async fn foreign(double: &Double, stream: &str, many: usize) {
    let client = Client::new(double.url().parse().unwrap()).unwrap();
    let events: Vec<_> = (0..many).map(|n| EventData::json("Else", &json!({ "n": n })).unwrap()).collect();
    client.append_to_stream(stream, &AppendToStreamOptions::default(), events).await.unwrap();
}

#[tokio::test]
async fn dropped_after_every_message_it_tells_everything_once_and_in_order() {
    for (fault, times) in [
        (Fault::DropAfter(1), 4),
        (Fault::DropAfter(2), 4),
        (Fault::DropAfter(3), 4),
        (Fault::EndAfter(1), 4),
        (Fault::EndAfter(2), 4),
        (Fault::EndAfter(3), 4),
        (Fault::Twice, 1),
    ] {
        let double = double().await;
        let store = opened(&double.url()).await;
        store.append(&stream(1), Expected::NoStream, events(1..6)).await.unwrap();
        // Before the subscription: it has the fault that it meets when it begins.
        (0..times).for_each(|_| double.faults().once(Method::Subscribe, fault.clone()));
        let mut signals = store.subscribe(None, Filter::default()).await.unwrap();
        let live = async {
            for number in 6..11 {
                let expected = Expected::Revision(u64::try_from(number).unwrap() - 2);
                store.append(&stream(1), expected, vec![event(number)]).await.unwrap();
            }
        };
        let heard = async {
            let mut heard = Vec::new();
            while heard.len() < 10 {
                heard.push(next_event(&mut signals).await.id.as_uuid().as_u128());
            }
            heard
        };
        let ((), heard) = tokio::join!(live, heard);
        assert_eq!(heard, (1..=10).collect::<Vec<u128>>(), "{fault:?}");
        assert!(!double.faults().pending(Method::Subscribe), "{fault:?} has not happened");
    }
}

#[tokio::test]
async fn a_restarted_server_is_heard_again_and_one_that_stays_away_is_told_of() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let mut signals = store.subscribe(None, Filter::default()).await.unwrap();
    double.restart().await.unwrap();
    store.append(&stream(1), Expected::NoStream, events(1..3)).await.unwrap();
    assert_eq!(next_event(&mut signals).await.revision, 0);
    assert_eq!(next_event(&mut signals).await.revision, 1);
    double.stop().await;
    let away = next(&mut signals).await.unwrap_err();
    assert!(matches!(away, LogError::Unavailable(_)), "{away:?}");
    assert!(signals.next().await.is_none());
    assert!(store.subscribe(None, Filter::default()).await.is_err());
    double.resume().await.unwrap();
    let last = store.head().await.unwrap();
    store.append(&stream(1), Expected::Revision(1), events(3..4)).await.unwrap();
    let mut again = store.subscribe(last, Filter::default()).await.unwrap();
    assert_eq!(next_event(&mut again).await.revision, 2);
}

#[tokio::test]
async fn an_older_copy_that_comes_back_at_once_is_not_gone_on_with() {
    let double = double().await;
    let store = opened(&double.url()).await;
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    let older = double.all().len();
    store.append(&stream(1), Expected::Revision(0), events(2..3)).await.unwrap();
    let mut signals = store.subscribe(None, Filter::default()).await.unwrap();
    assert_eq!(next_event(&mut signals).await.revision, 0);
    assert_eq!(next_event(&mut signals).await.revision, 1);
    let mut later = store.subscribe(store.head().await.unwrap(), Filter::default()).await.unwrap();
    assert!(matches!(next(&mut later).await.unwrap(), LogSignal::CaughtUp));
    double.stop().await;
    double.restore(older);
    double.resume().await.unwrap();
    store.append(&stream(1), Expected::Revision(0), events(3..5)).await.unwrap();
    for signals in [&mut signals, &mut later] {
        let told = older_log(signals).await;
        assert!(told.contains("older copy"), "{told}");
        assert!(signals.next().await.is_none());
    }
}

#[tokio::test]
async fn an_older_copy_that_grows_where_nothing_of_ours_was_is_not_gone_on_with() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let last = store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap().position;
    let older = double.all().len();
    foreign(double, "orders-1", 500).await;
    let mut signals = store.subscribe(Some(last), Filter::default()).await.unwrap();
    let far = Position { commit: double.all()[200].position, prepare: 0 };
    while !matches!(next(&mut signals).await.unwrap(), LogSignal::Checkpoint(place) if place > far) {}
    double.stop().await;
    double.restore(older);
    double.resume().await.unwrap();
    store.append(&stream(1), Expected::Revision(0), events(2..3)).await.unwrap();
    let told = older_log(&mut signals).await;
    assert!(told.contains("older copy"), "{told}");
}

#[tokio::test]
async fn the_place_moves_on_over_what_is_not_ours() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let ours = store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap().position;
    let mut signals = store.subscribe(Some(ours), Filter::default()).await.unwrap();
    assert!(matches!(next(&mut signals).await.unwrap(), LogSignal::CaughtUp));
    foreign(double, "orders-1", 500).await;
    let mut place = ours;
    let far = Position { commit: double.all()[200].position, prepare: 0 };
    while place < far {
        let LogSignal::Checkpoint(further) = next(&mut signals).await.unwrap() else {
            panic!("no checkpoint")
        };
        assert!(further > place);
        place = further;
    }
    assert_eq!(store.head().await.unwrap(), Some(ours), "and the head is where ours ended");
    store.append(&stream(1), Expected::Revision(0), events(2..3)).await.unwrap();
    let mut from_there = store.subscribe(Some(place), Filter::default()).await.unwrap();
    assert_eq!(next_event(&mut from_there).await.revision, 1);
}

#[tokio::test]
async fn a_stream_among_ours_that_is_not_stops_loudly() {
    let double = double().await;
    let store = opened(&double.url()).await;
    foreign(double, "kt.orders-1", 1).await;
    let named = |error: &LogError| matches!(error, LogError::Corrupt(what) if what.contains("kt.orders-1"));
    let refused = store.subscribe(None, Filter::default()).await.err().expect("refused");
    assert!(named(&refused), "{refused:?}");
    // Also when ours come after it.
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    let mut signals = store.subscribe(None, Filter::default()).await.unwrap();
    let told = next(&mut signals).await.unwrap_err();
    assert!(named(&told), "{told:?}");
}
