//! The double as the official client for Rust sees it.

use crate::support::{Answer, append, connect, events, ids, next};
use eventstore::{
    CurrentRevision, Error, Position, ReadStreamOptions, StreamPosition, StreamState, SubscribeToAllOptions,
    SubscribeToStreamOptions, SubscriptionEvent, SubscriptionFilter,
};
use keytrail_eventstore_double::Double;

#[tokio::test]
async fn an_append_is_read_again() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let written = append(&client, "person-1", StreamState::NoStream, events(3)).await?;
    assert_eq!(2, written.next_expected_version);
    let last = &double.events("person-1")[2];
    assert_eq!(last.position, written.position.commit);
    assert_eq!(last.position, written.position.prepare);

    let options = ReadStreamOptions::default().position(StreamPosition::Position(1));
    let mut read = client.read_stream("person-1", &options).await?;
    let first = read.next().await?.ok_or("an event")?;
    let first = first.get_original_event();
    assert_eq!((1, "Happened"), (first.revision, first.event_type.as_str()));
    assert!(first.is_json);
    assert_eq!(double.events("person-1")[1].id, first.id);
    Ok(())
}

#[tokio::test]
async fn another_revision_is_a_conflict() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(2)).await?;
    for expected in [StreamState::NoStream, StreamState::StreamRevision(0), StreamState::StreamRevision(7)] {
        let refused = append(&client, "person-1", expected, events(1)).await;
        let conflict = Error::WrongExpectedVersion { current: CurrentRevision::Current(1), expected };
        assert_eq!(Some(conflict.to_string()), refused.err().map(|error| error.to_string()));
    }
    let refused = append(&client, "person-2", StreamState::StreamExists, events(1)).await;
    let conflict = Error::WrongExpectedVersion {
        current: CurrentRevision::NoStream,
        expected: StreamState::StreamExists,
    };
    assert_eq!(Some(conflict.to_string()), refused.err().map(|error| error.to_string()));
    assert_eq!(2, double.events("person-1").len());
    append(&client, "person-1", StreamState::StreamRevision(1), events(1)).await?;
    append(&client, "person-1", StreamState::StreamExists, events(1)).await?;
    append(&client, "person-1", StreamState::Any, events(1)).await?;
    assert_eq!(5, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn the_same_ids_are_written_once() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let proposed = events(2);
    let first = append(&client, "person-1", StreamState::NoStream, proposed.clone()).await?;
    append(&client, "person-1", StreamState::StreamRevision(1), events(1)).await?;
    let again = append(&client, "person-1", StreamState::NoStream, proposed.clone()).await?;
    assert_eq!((first.next_expected_version, first.position), (again.next_expected_version, again.position));

    let mut partly = proposed;
    partly.truncate(1);
    partly.extend(events(1));
    let refused = append(&client, "person-1", StreamState::NoStream, partly).await;
    assert!(matches!(refused, Err(Error::WrongExpectedVersion { .. })), "{refused:?}");
    assert_eq!(3, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn a_subscription_delivers_what_is_wanted_and_says_where_it_is() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    append(&client, "other-1", StreamState::NoStream, events(40)).await?;
    append(&client, "person-1", StreamState::StreamRevision(0), events(1)).await?;
    let filter = SubscriptionFilter::on_stream_name().add_prefix("person-").max(16);
    let options = SubscribeToAllOptions::default().position(StreamPosition::Start).filter(filter);
    let mut subscription = client.subscribe_to_all(&options).await;

    assert!(matches!(next(&mut subscription).await?, SubscriptionEvent::Confirmed(_)));
    let mut wanted = Vec::new();
    let mut checkpoints = Vec::new();
    let caught_up = loop {
        match next(&mut subscription).await? {
            SubscriptionEvent::EventAppeared(event) => wanted.push(event.get_original_event().id),
            SubscriptionEvent::Checkpoint(position) => checkpoints.push(position.commit),
            SubscriptionEvent::CaughtUp(said) => break said.ok_or("a moment")?,
            other => return Err(format!("{other:?}").into()),
        }
    };
    assert_eq!(ids(&double.events("person-1")), wanted);
    let all = double.all();
    assert_eq!(vec![all[15].position, all[31].position], checkpoints);
    assert_eq!(all.last().map(|event| event.position), caught_up.position.map(|position| position.commit));

    append(&client, "other-1", StreamState::StreamRevision(39), events(3)).await?;
    append(&client, "person-2", StreamState::NoStream, events(1)).await?;
    let SubscriptionEvent::Checkpoint(at) = next(&mut subscription).await? else {
        return Err("a checkpoint".into());
    };
    assert_eq!(double.all()[47].position, at.commit);
    let SubscriptionEvent::EventAppeared(live) = next(&mut subscription).await? else {
        return Err("an event".into());
    };
    assert_eq!(double.events("person-2")[0].id, live.get_original_event().id);
    Ok(())
}

#[tokio::test]
async fn a_subscription_to_a_stream_goes_on_after_its_revision() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(3)).await?;
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(1));
    let mut subscription = client.subscribe_to_stream("person-1", &options).await;
    let mut revisions = Vec::new();
    loop {
        match next(&mut subscription).await? {
            SubscriptionEvent::EventAppeared(event) => revisions.push(event.get_original_event().revision),
            SubscriptionEvent::CaughtUp(said) => {
                break assert_eq!(Some(2), said.ok_or("a moment")?.stream_revision);
            }
            _ => (),
        }
    }
    append(&client, "person-2", StreamState::NoStream, events(1)).await?;
    append(&client, "person-1", StreamState::StreamRevision(2), events(1)).await?;
    if let SubscriptionEvent::EventAppeared(event) = next(&mut subscription).await? {
        revisions.push(event.get_original_event().revision);
    }
    assert_eq!(vec![2, 3], revisions);
    Ok(())
}

#[tokio::test]
async fn positions_are_not_for_calculating_with() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let written = append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    let place = written.position.commit + 1;
    let position = StreamPosition::Position(Position { commit: place, prepare: place });
    let options = SubscribeToAllOptions::default().position(position);
    let refused = next(&mut client.subscribe_to_all(&options).await).await;
    assert!(refused.is_err(), "{refused:?}");
    Ok(())
}
