//! What the tests of the double share.

use std::error::Error;

use eventstore::{
    AppendToStreamOptions, Client, EventData, StreamState, Subscription, SubscriptionEvent, WriteResult,
};
use keytrail_eventstore_double::Recorded;
use uuid::Uuid;

/// What a test answers.
pub(crate) type Answer = Result<(), Box<dyn Error>>;

/// An official client.
pub(crate) fn connect(url: &str) -> Result<Client, Box<dyn Error>> {
    Ok(Client::new(url.parse()?)?)
}

/// So many events, each with its own id.
pub(crate) fn events(count: usize) -> Vec<EventData> {
    let json = |number| EventData::json("Happened", &serde_json::json!({ "number": number }));
    (0..count).filter_map(|number| json(number).ok()).map(|event| event.id(Uuid::new_v4())).collect()
}

pub(crate) async fn append(
    client: &Client,
    stream: &str,
    expected: StreamState,
    events: Vec<EventData>,
) -> eventstore::Result<WriteResult> {
    let options = AppendToStreamOptions::default().stream_state(expected);
    client.append_to_stream(stream, &options, events).await
}

pub(crate) fn ids(events: &[Recorded]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

pub(crate) async fn next(subscription: &mut Subscription) -> eventstore::Result<SubscriptionEvent> {
    subscription.next_subscription_event().await
}
