//! Hearing what happens to credentials.

use std::borrow::Cow;

use async_graphql::{
    Context, ContextSelectionSet, ID, InputObject, OutputType, Result, SimpleObject, Subscription, Union,
    Value,
};
use futures_util::{Stream, StreamExt};
use keytrail_app::Delivered;
use keytrail_ports::views::EventFilter;

use crate::{
    context::{app, caller, request_id},
    error::{OrFail, bad_id, from_app},
    event::Event,
    quick::{InMemory, OneOf, Quick},
};

/// The subscriber may not view this credential any more: nothing more comes about it.
#[derive(SimpleObject)]
pub struct AccessLost {
    /// The credential.
    pub id: ID,
}

/// Something happened to a credential.
#[derive(SimpleObject)]
pub struct CredentialChange {
    /// Where to go on from: give it as `after` to miss nothing.
    cursor: String,
    /// What happened.
    event: Event,
}

/// What a subscriber to events gets.
#[derive(Union)]
pub enum CredentialMessage {
    /// Something happened.
    Change(CredentialChange),
    /// The subscriber lost sight of a credential.
    AccessLost(AccessLost),
}

impl InMemory for AccessLost {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, _: &ContextSelectionSet<'_>) -> Option<Value> {
        (field == "id").then(|| Value::String(self.id.to_string()))
    }
}

impl InMemory for CredentialChange {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, _: &ContextSelectionSet<'_>) -> Option<Value> {
        (field == "cursor").then(|| Value::String(self.cursor.clone()))
    }

    fn object_in_memory(&self, field: &str) -> Option<&dyn InMemory> {
        match field {
            "event" => Some(&self.event),
            _ => None,
        }
    }
}

impl OneOf for CredentialMessage {
    fn members() -> [Cow<'static, str>; 2] {
        [<CredentialChange as OutputType>::type_name(), <AccessLost as OutputType>::type_name()]
    }

    fn held(&self) -> &dyn InMemory {
        match self {
            Self::Change(change) => change,
            Self::AccessLost(lost) => lost,
        }
    }
}

/// Which events; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct CredentialEventFilter {
    /// Any of these types, for example `CredentialInvalidated`.
    pub types: Option<Vec<String>>,
    /// About this credential.
    pub credential_id: Option<ID>,
}

impl CredentialEventFilter {
    fn into_port(self) -> Result<EventFilter> {
        let credential = self.credential_id.map(|id| keytrail_domain::CredentialId::parse(&id));
        Ok(EventFilter {
            types: self.types.unwrap_or_default(),
            credential: credential.transpose().map_err(|error| bad_id("filter.credentialId", &error))?,
            ..EventFilter::default()
        })
    }
}

/// Hearing what happens to credentials.
#[derive(Default)]
pub struct CredentialSubscription;

#[Subscription]
impl CredentialSubscription {
    /// Events of credentials that the viewer may see. With `after`, everything since that cursor
    /// comes first, then live: who was away misses nothing.
    async fn credential_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last message that was seen")] after: Option<String>,
        #[graphql(desc = "Which events")] filter: Option<CredentialEventFilter>,
    ) -> Result<impl Stream<Item = Result<Quick<CredentialMessage>>> + use<>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let request = request_id(ctx);
        let feed = app(ctx)?.credential_events(&call, after, filter).await.or_fail(ctx)?;
        let messages = feed.map(move |delivered| match delivered {
            Ok(Delivered::Item { cursor, item }) => {
                Ok(CredentialMessage::Change(CredentialChange { cursor, event: item.into() }))
            }
            Ok(Delivered::AccessLost { credential }) => {
                Ok(CredentialMessage::AccessLost(AccessLost { id: credential.to_string().into() }))
            }
            Err(error) => Err(from_app(&error, request)),
        });
        Ok(messages.map(|message| message.map(Quick)))
    }
}
