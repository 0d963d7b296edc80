//! What goes wrong when it is asked for, as the official client for Rust sees it.

use std::time::Duration;

use crate::support::{Answer, append, connect, events, ids, next};
use eventstore::{
    Error, ReadStreamOptions, RetryOptions, StreamPosition, StreamState, SubscribeToAllOptions,
    SubscriptionEvent, SubscriptionFilter,
};
use keytrail_eventstore_double::{Code, Double, Fault, Method};

/// For a client that waits for ever: a test does not.
const PATIENCE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_connection_that_is_cut_before_has_done_nothing() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    double.faults().once(Method::Append, Fault::CutBefore);
    let proposed = events(1);
    let cut = append(&client, "person-1", StreamState::NoStream, proposed.clone()).await;
    assert!(matches!(cut, Err(Error::ServerError(_))), "{cut:?}");
    assert!(double.events("person-1").is_empty());
    append(&client, "person-1", StreamState::NoStream, proposed).await?;
    assert_eq!(1, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_cut_after_has_done_it() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    double.faults().once(Method::Append, Fault::CutAfter);
    let proposed = events(2);
    let cut = append(&client, "person-1", StreamState::NoStream, proposed.clone()).await;
    assert!(matches!(cut, Err(Error::ServerError(_))), "{cut:?}");
    assert_eq!(2, double.events("person-1").len());
    let again = append(&client, "person-1", StreamState::NoStream, proposed).await?;
    assert_eq!(double.events("person-1")[1].position, again.position.commit);
    assert_eq!(2, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn slow_and_silent_servers_differ() -> Answer {
    let double = Double::start().await?;
    let client = connect(&format!("{}&defaultDeadline=50", double.url()))?;
    double.faults().once(Method::Append, Fault::Slow(Duration::from_secs(60)));
    let late = append(&client, "person-1", StreamState::NoStream, events(1)).await;
    assert!(matches!(late, Err(Error::DeadlineExceeded)), "{late:?}");
    assert_eq!(1, double.events("person-1").len());

    double.faults().once(Method::Append, Fault::Never);
    let silent = append(&client, "person-2", StreamState::NoStream, events(1));
    assert!(tokio::time::timeout(PATIENCE, silent).await.is_err());
    assert!(double.events("person-2").is_empty());
    Ok(())
}

#[tokio::test]
async fn any_status_is_answered_as_often_as_it_is_asked_for() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    let busy = Fault::Status(Code::ResourceExhausted, "busy".to_owned());
    double.faults().always(Method::Read, busy);
    for _ in 0..2 {
        let read = client.read_stream("person-1", &ReadStreamOptions::default()).await;
        assert!(matches!(read, Err(Error::Grpc { .. })));
    }
    assert!(double.faults().pending(Method::Read));
    double.faults().clear();
    client.read_stream("person-1", &ReadStreamOptions::default()).await?.next().await?.ok_or("an event")?;
    Ok(())
}

#[tokio::test]
async fn a_paused_server_goes_on() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    double.faults().pause();
    let waiting = append(&client, "person-1", StreamState::StreamRevision(0), events(1));
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(PATIENCE, &mut waiting).await.is_err());
    assert_eq!(1, double.events("person-1").len());
    double.faults().resume();
    waiting.await?;
    assert_eq!(2, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn a_subscription_delivers_twice_when_asked() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(2)).await?;
    double.faults().once(Method::Subscribe, Fault::Twice);
    let mut subscription = client.subscribe_to_all(&persons(false)).await;
    let mut delivered = Vec::new();
    loop {
        match next(&mut subscription).await? {
            SubscriptionEvent::EventAppeared(event) => delivered.push(event.get_original_event().id),
            SubscriptionEvent::CaughtUp(_) => break,
            _ => (),
        }
    }
    let twice: Vec<_> = ids(&double.events("person-1")).into_iter().flat_map(|id| [id, id]).collect();
    assert_eq!(twice, delivered);
    Ok(())
}

#[tokio::test]
async fn a_subscription_is_dropped_after_each_message_and_misses_nothing() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(3)).await?;
    for messages in 0..6 {
        double.faults().once(Method::Subscribe, Fault::DropAfter(messages));
        let mut subscription = client.subscribe_to_all(&persons(true)).await;
        let mut delivered = Vec::new();
        while delivered.len() < 3 {
            if let SubscriptionEvent::EventAppeared(event) = next(&mut subscription).await? {
                delivered.push(event.get_original_event().id);
            }
        }
        assert_eq!(ids(&double.events("person-1")), delivered, "dropped after {messages}");
        assert!(!double.faults().pending(Method::Subscribe));
    }
    double.faults().once(Method::Subscribe, Fault::DropAfter(1));
    let mut subscription = client.subscribe_to_all(&persons(false)).await;
    next(&mut subscription).await?;
    let dropped = next(&mut subscription).await;
    assert!(matches!(dropped, Err(Error::ServerError(_))), "{dropped:?}");
    Ok(())
}

#[tokio::test]
async fn a_restart_closes_connections_and_keeps_what_was_written() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    let mut subscription = client.subscribe_to_all(&persons(false)).await;
    next(&mut subscription).await?;
    let port = double.port();
    double.stop().await;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
    while next(&mut subscription).await.is_ok() {}
    double.resume().await?;
    assert_eq!(port, double.port());
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::StreamRevision(0), events(1)).await?;
    double.restart().await?;
    assert_eq!(2, double.events("person-1").len());
    Ok(())
}

fn persons(again: bool) -> SubscribeToAllOptions {
    let filter = SubscriptionFilter::on_stream_name().add_prefix("person-");
    let options = SubscribeToAllOptions::default().position(StreamPosition::Start).filter(filter);
    let retry = RetryOptions::default().retry_forever().retry_delay(Duration::from_millis(1));
    if again { options.retry_options(retry) } else { options }
}

#[tokio::test]
async fn a_leader_changes_once() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let (host, port) = ("127.0.0.1".to_owned(), double.port());
    double.faults().once(Method::Append, Fault::NotLeader { host, port });
    let proposed = events(1);
    let refused = append(&client, "person-1", StreamState::NoStream, proposed.clone()).await;
    assert!(matches!(refused, Err(Error::NotLeaderException(_))), "{refused:?}");
    append(&client, "person-1", StreamState::NoStream, proposed).await?;
    assert_eq!(1, double.events("person-1").len());
    Ok(())
}
