//! Appends and reads when something goes wrong: nothing is lost, nothing is doubled.

use std::time::Duration;

use eventstore::{AppendToStreamOptions, Client, EventData, TombstoneStreamOptions};
use keytrail_eventstore_double::{Double, Fault, Method, Rights};
use keytrail_ports::{Appended, EventStore, Expected, LogError};
use tonic::Code;

use crate::{double, event, events, opened, stream};

fn ids(double: &Double) -> Vec<u128> {
    double.events(&stream(1).to_string()).iter().map(|event| event.id.as_u128()).collect()
}

#[tokio::test]
async fn an_append_that_was_cut_off_is_there_once_wherever_it_was_cut() {
    for fault in [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Slow(Duration::from_millis(300)),
        Fault::Status(Code::Unavailable, "shutting down".to_owned()),
        Fault::Status(Code::Unknown, "who knows".to_owned()),
    ] {
        let double = double().await;
        let store = opened(&double.url()).await;
        let first = store.append(&stream(1), Expected::NoStream, events(1..3)).await.unwrap();
        double.faults().once(Method::Append, fault.clone());
        let second = store.append(&stream(1), Expected::Revision(1), events(3..6)).await.unwrap();
        assert_eq!(ids(double), [1, 2, 3, 4, 5], "{fault:?}");
        assert!((first.revision, second.revision) == (1, 4) && first.position < second.position);
        let read = store.read_stream(&stream(1), 4, 9).await.unwrap();
        assert_eq!(Appended { revision: 4, position: read[0].position }, second, "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_asked_again() {
    let double = double().await;
    let store = opened(&double.url()).await;
    double.faults().once(Method::Append, Fault::Never);
    // Whether it was taken nobody knows, and saying so is what keeps it from being done twice.
    if let Err(error) = store.append(&stream(1), Expected::NoStream, events(1..2)).await {
        assert!(matches!(error, LogError::Unknown(_)), "{error:?}");
        store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    }
    assert_eq!(ids(double), [1]);
}

#[tokio::test]
async fn what_was_applied_before_others_wrote_on_answers_its_first_result() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let first = store.append(&stream(1), Expected::NoStream, events(1..3)).await.unwrap();
    store.append(&stream(1), Expected::Revision(1), events(3..4)).await.unwrap();
    assert_eq!(store.append(&stream(1), Expected::NoStream, events(1..3)).await.unwrap(), first);
    let conflict = store.append(&stream(1), Expected::NoStream, events(7..8)).await.unwrap_err();
    assert!(matches!(conflict, LogError::Conflict { current: Some(2) }), "{conflict:?}");
    assert_eq!(ids(double), [1, 2, 3]);
}

#[tokio::test]
async fn a_conflict_with_what_cannot_be_read_is_not_said_to_be_unwritten() {
    let double = double().await;
    let store = opened(&double.url()).await;
    store.append(&stream(1), Expected::NoStream, events(1..3)).await.unwrap();
    let one = stream(1);
    let append = || store.append(&one, Expected::NoStream, events(7..8));
    double.faults().always(Method::Read, Fault::Status(Code::Unavailable, "shutting down".to_owned()));
    let unknown = append().await.unwrap_err();
    assert!(matches!(unknown, LogError::Unknown(_)), "{unknown:?}");
    double.faults().clear();
    let conflict = append().await.unwrap_err();
    assert!(matches!(conflict, LogError::Conflict { current: Some(1) }), "{conflict:?}");
}

#[tokio::test]
async fn what_was_written_before_access_was_denied_is_not_said_to_be_unwritten() {
    let double = double().await;
    let store = opened(&double.url()).await;
    double.faults().once(Method::Append, Fault::CutAfter);
    double.faults().always(Method::Append, Fault::Status(Code::PermissionDenied, "Access Denied".to_owned()));
    let unknown = store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap_err();
    assert!(matches!(unknown, LogError::Unknown(_)), "{unknown:?}");
    let denied = store.append(&stream(2), Expected::NoStream, events(2..3)).await.unwrap_err();
    assert!(matches!(denied, LogError::Denied), "{denied:?}");
    assert_eq!(ids(double), [1]);
}

#[tokio::test]
async fn another_node_leads_and_is_written_to() {
    let (follower, leader) = (double().await, double().await);
    let store = opened(&follower.url()).await;
    follower.follow("127.0.0.1", leader.port());
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    assert!(ids(follower).is_empty());
    assert_eq!(ids(leader), [1]);
    assert_eq!(store.read_stream(&stream(1), 0, 9).await.unwrap().len(), 1);
}

/// What a cluster does by itself: the other node has the stream's first event, too.
async fn replicate(stream: &str, from: &Double, to: &Double) {
    let event = from.events(stream).remove(0);
    let client = Client::new(to.url().parse().unwrap()).unwrap();
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
    let copy = EventData::json(&event.kind, &data).unwrap().id(event.id);
    client.append_to_stream(stream, &AppendToStreamOptions::default(), copy).await.unwrap();
}

#[tokio::test]
async fn a_node_that_died_is_left_for_another_of_the_cluster() {
    let (one, other) = (double().await, double().await);
    let both = format!("esdb://127.0.0.1:{},127.0.0.1:{}?tls=false", one.port(), other.port());
    let store = opened(&both).await;
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    let (chosen, left) = if ids(one).is_empty() { (other, one) } else { (one, other) };
    replicate("keytrail-log", chosen, left).await;
    chosen.stop().await;
    // It may take more than one call until a node is found.
    let mut written = Err(LogError::Denied);
    for _ in 0..5 {
        written = store.append(&stream(1), Expected::NoStream, events(1..2)).await;
        if written.is_ok() {
            break;
        }
    }
    written.unwrap();
    assert_eq!(ids(left), [1]);
}

#[tokio::test]
async fn a_server_that_was_away_is_written_to_as_soon_as_it_is_back() {
    let double = double().await;
    let store = opened(&double.url()).await;
    double.stop().await;
    for _ in 0..2 {
        let away = store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap_err();
        assert!(matches!(away, LogError::Unavailable(_) | LogError::Unknown(_)), "{away:?}");
        assert!(matches!(store.head().await, Err(LogError::Unavailable(_))));
    }
    double.resume().await.unwrap();
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    assert_eq!(ids(double), [1]);
}

#[tokio::test]
async fn who_may_only_read_is_denied_and_a_deleted_stream_is_named() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let client = Client::new(double.url().parse().unwrap()).unwrap();
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    client.tombstone_stream(stream(1).to_string(), &TombstoneStreamOptions::default()).await.unwrap();
    let append = store.append(&stream(1), Expected::Revision(0), events(2..3)).await.unwrap_err();
    assert!(matches!(append, LogError::StreamDeleted), "{append:?}");
    let read = store.read_stream(&stream(1), 0, 9).await.unwrap_err();
    assert!(matches!(read, LogError::StreamDeleted), "{read:?}");
    double.users(&[("one", "r", Rights::Write)]);
    let reader = opened(&double.url_of("one", "r")).await;
    double.users(&[("one", "r", Rights::Read)]);
    let denied = reader.append(&stream(2), Expected::NoStream, events(4..5)).await.unwrap_err();
    assert!(matches!(denied, LogError::Denied), "{denied:?}");
    let stranger = store.read_stream(&stream(2), 0, 9).await.unwrap_err();
    assert!(matches!(stranger, LogError::Denied), "{stranger:?}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_at_once_and_not_written() {
    let double = double().await;
    let store = opened(&double.url()).await;
    let mut large = event(1);
    large.data = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20)).into_bytes().into();
    let refused = store.append(&stream(1), Expected::NoStream, vec![large]).await.unwrap_err();
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused:?}");
    assert!(ids(double).is_empty());
}

#[tokio::test]
async fn a_person_can_read_what_is_stored() {
    let double = double().await;
    let store = opened(&double.url()).await;
    store.append(&stream(1), Expected::NoStream, events(1..2)).await.unwrap();
    let stored = &double.events(&stream(1).to_string())[0];
    assert!(stored.stream.starts_with("kt.team-ten_"), "{}", stored.stream);
    assert_eq!((stored.kind.as_str(), stored.content_type.as_str()), ("TeamRenamed", "application/json"));
    assert_eq!(&stored.data[..], br#"{"name":"Team 1"}"#);
    assert!(String::from_utf8_lossy(&stored.metadata).contains("$correlationId"));
}
