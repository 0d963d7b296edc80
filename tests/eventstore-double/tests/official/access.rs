//! Who may do what, who leads, TLS, limits and retention, as the official client for Rust sees them.

use std::time::Duration;

use crate::support::{Answer, append, connect, events};
use eventstore::{
    DeleteStreamOptions, Error, EventData, ReadStreamOptions, StreamState, TombstoneStreamOptions,
};
use keytrail_eventstore_double::{Double, Rights};
use keytrail_test_support::Authority;

#[tokio::test]
async fn users_are_known_and_may_do_what_they_may() -> Answer {
    let double = Double::start().await?;
    double.users(&[("writer", "w", Rights::Write), ("reader", "r", Rights::Read)]);
    let writer = connect(&double.url_of("writer", "w"))?;
    append(&writer, "person-1", StreamState::NoStream, events(1)).await?;
    let reader = connect(&double.url_of("reader", "r"))?;
    let denied = append(&reader, "person-1", StreamState::StreamRevision(0), events(1)).await;
    assert!(matches!(denied, Err(Error::AccessDenied)), "{denied:?}");
    reader.read_stream("person-1", &ReadStreamOptions::default()).await?;
    for url in [double.url(), double.url_of("reader", "w"), double.url_of("nobody", "r")] {
        let read = connect(&url)?.read_stream("person-1", &ReadStreamOptions::default()).await;
        assert!(matches!(read, Err(Error::AccessDenied)), "{url}");
    }
    assert_eq!(1, double.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn a_follower_says_who_leads() -> Answer {
    let (follower, leader) = (Double::start().await?, Double::start().await?);
    follower.follow("127.0.0.1", leader.port());
    let client = connect(&follower.url())?;
    let refused = append(&client, "person-1", StreamState::NoStream, events(1)).await;
    assert!(matches!(refused, Err(Error::NotLeaderException(_))), "{refused:?}");
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    assert!(follower.events("person-1").is_empty());
    assert_eq!(1, leader.events("person-1").len());

    let cluster = format!("esdb://127.0.0.1:{},127.0.0.1:{}?tls=false", follower.port(), follower.port());
    append(&connect(&cluster)?, "person-1", StreamState::StreamRevision(0), events(1)).await?;
    assert_eq!(2, leader.events("person-1").len());
    follower.lead();
    append(&connect(&follower.url())?, "person-1", StreamState::NoStream, events(1)).await?;
    assert_eq!(1, follower.events("person-1").len());
    Ok(())
}

#[tokio::test]
async fn tls_needs_the_authority() -> Answer {
    let authority = Authority::new();
    let identity = authority.identity(&["127.0.0.1"]);
    let double = Double::builder().tls(&identity.certificate, &identity.key).start().await?;
    let file = std::env::temp_dir().join(format!("authority-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, authority.pem())?;
    let trusting = connect(&format!("{}&tlsCaFile={}", double.url(), file.display()))?;
    append(&trusting, "person-1", StreamState::NoStream, events(1)).await?;
    std::fs::remove_file(&file)?;
    let wary = append(&connect(&double.url())?, "person-2", StreamState::NoStream, events(1)).await;
    assert!(wary.is_err(), "{wary:?}");
    assert_eq!(0, double.events("person-2").len());
    Ok(())
}

#[tokio::test]
async fn an_append_has_a_limit() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let large = |size: usize| EventData::binary("Large", vec![0; size].into());
    append(&client, "person-1", StreamState::NoStream, vec![large(1024 * 1024)]).await?;
    let refused =
        append(&client, "person-2", StreamState::NoStream, vec![large(1024 * 1024), large(1)]).await;
    assert!(matches!(refused, Err(Error::Grpc { .. } | Error::IllegalStateError(_))), "{refused:?}");
    assert!(double.events("person-2").is_empty());
    Ok(())
}

#[tokio::test]
async fn old_events_are_no_longer_shown() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    let rules = vec![EventData::json("$metadata", &serde_json::json!({ "$maxAge": 60 }))?];
    append(&client, "$$lease-1", StreamState::NoStream, rules).await?;
    append(&client, "lease-1", StreamState::NoStream, events(2)).await?;
    double.pass(Duration::from_secs(61));
    append(&client, "lease-1", StreamState::StreamRevision(1), events(1)).await?;
    let mut read = client.read_stream("lease-1", &ReadStreamOptions::default()).await?;
    assert_eq!(2, read.next().await?.ok_or("an event")?.get_original_event().revision);
    assert!(read.next().await?.is_none());
    assert_eq!(3, double.events("lease-1").len());
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_gone_says_so() -> Answer {
    let double = Double::start().await?;
    let client = connect(&double.url())?;
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    client.delete_stream("person-1", &DeleteStreamOptions::default()).await?;
    let mut read = client.read_stream("person-1", &ReadStreamOptions::default()).await?;
    assert!(matches!(read.next().await, Err(Error::ResourceNotFound)));
    append(&client, "person-1", StreamState::NoStream, events(1)).await?;
    client.tombstone_stream("person-1", &TombstoneStreamOptions::default()).await?;
    let read = client.read_stream("person-1", &ReadStreamOptions::default()).await;
    assert!(matches!(read, Err(Error::ResourceDeleted)));
    let refused = append(&client, "person-1", StreamState::StreamRevision(1), events(1)).await;
    assert!(matches!(refused, Err(Error::ResourceDeleted)), "{refused:?}");
    Ok(())
}
