//! The adapter on the double of the Streams protocol, and the contract also on a real server:
//! `KEYTRAIL_TEST_KURRENTDB=esdb://... cargo xtask test -- --test kurrent`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "these are tests: a panic is how they speak")]

mod faults;
mod journal;
mod opening;
mod subscribing;

use keytrail_domain::{EventId, NewEvent, StreamId, TeamId, TenantId};
use keytrail_eventstore_double::Double;
use keytrail_kurrent::{KurrentEventStore, Settings};
use uuid::Uuid;

/// Where a real server is, if there is one.
const REAL: &str = "KEYTRAIL_TEST_KURRENTDB";

/// A double that lives as long as its test.
async fn double() -> &'static Double {
    Box::leak(Box::new(Double::start().await.expect("a free port")))
}

async fn opened(address: &str) -> KurrentEventStore {
    KurrentEventStore::open(Settings::parse(address).expect("an address")).await.expect("opens")
}

/// On the real server when there is one, else on a double of its own.
async fn store() -> KurrentEventStore {
    opened(&address().await).await
}

async fn address() -> String {
    #[expect(clippy::disallowed_methods, reason = "what the person who tests wants")]
    let real = std::env::var(REAL);
    match real {
        Ok(address) => address,
        Err(_) => double().await.url(),
    }
}

keytrail_ports::event_store_contract!(store());

fn stream(number: u128) -> StreamId {
    StreamId::team(TenantId::of_slug("acme"), TeamId::from_uuid(Uuid::from_u128(number)))
}

fn event(number: u128) -> NewEvent {
    NewEvent {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        event_type: "TeamRenamed".to_owned(),
        data: format!(r#"{{"name":"Team {number}"}}"#).into_bytes().into(),
        metadata: br#"{"$correlationId":"0193a5b0-c000-7a2f-9c4d-5e6f70819203"}"#.to_vec().into(),
    }
}

fn events(numbers: std::ops::Range<u128>) -> Vec<NewEvent> {
    numbers.map(event).collect()
}
