//! Hearing of alerts.

use std::borrow::Cow;

use async_graphql::{
    Context, ContextSelectionSet, OutputType, Result, SimpleObject, Subscription, Union, Value,
};
use futures_util::{Stream, StreamExt};
use keytrail_app::Delivered;

use super::{Alert, AlertFilterInput};
use crate::{
    context::{app, caller, request_id},
    credential::AccessLost,
    error::{OrFail, from_app},
    event::Event,
    quick::{InMemory, OneOf, Quick},
};

/// An alert that opened, was acknowledged or was resolved.
#[derive(SimpleObject)]
pub struct AlertChange {
    /// Where to go on from: give it as `after` to miss nothing.
    cursor: String,
    /// What happened.
    event: Event,
    /// The alert as it is now.
    alert: Alert,
}

/// What a subscriber to alerts gets.
#[derive(Union)]
pub enum AlertMessage {
    /// An alert changed.
    Change(Box<AlertChange>),
    /// The subscriber lost sight of a credential.
    AccessLost(AccessLost),
}

impl InMemory for AlertChange {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, _: &ContextSelectionSet<'_>) -> Option<Value> {
        (field == "cursor").then(|| Value::String(self.cursor.clone()))
    }

    fn object_in_memory(&self, field: &str) -> Option<&dyn InMemory> {
        match field {
            "event" => Some(&self.event),
            "alert" => Some(&self.alert),
            _ => None,
        }
    }
}

impl OneOf for AlertMessage {
    fn members() -> [Cow<'static, str>; 2] {
        [<AlertChange as OutputType>::type_name(), <AccessLost as OutputType>::type_name()]
    }

    fn held(&self) -> &dyn InMemory {
        match self {
            Self::Change(change) => change.as_ref(),
            Self::AccessLost(lost) => lost,
        }
    }
}

/// Hearing of alerts.
#[derive(Default)]
pub struct AlertSubscription;

#[Subscription]
impl AlertSubscription {
    /// Alerts of credentials that the viewer may see, as they open, are acknowledged and are
    /// resolved. With `after`, everything since that cursor comes first, then live.
    async fn credential_alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last message that was seen")] after: Option<String>,
        #[graphql(desc = "Which alerts")] filter: Option<AlertFilterInput>,
    ) -> Result<impl Stream<Item = Result<Quick<AlertMessage>>> + use<>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let request = request_id(ctx);
        let feed = app(ctx)?.credential_alerts(&call, after, filter).await.or_fail(ctx)?;
        let messages = feed.map(move |delivered| match delivered {
            Ok(Delivered::Item { cursor, item: (event, alert) }) => {
                let change = AlertChange { cursor, event: event.into(), alert: Alert::now(alert) };
                Ok(AlertMessage::Change(Box::new(change)))
            }
            Ok(Delivered::AccessLost { credential }) => {
                Ok(AlertMessage::AccessLost(AccessLost { id: credential.to_string().into() }))
            }
            Err(error) => Err(from_app(&error, request)),
        });
        Ok(messages.map(|message| message.map(Quick)))
    }
}
