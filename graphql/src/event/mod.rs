//! Events: history and audit log.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    Context, ContextSelectionSet, ID, InputObject, Json, Object, OutputType, Result, ScalarType,
    SimpleObject, Value as Answer,
};
use keytrail_app::{AsOf, Counted};
use keytrail_domain::webhook::EndpointTarget;
use keytrail_ports::views::{EventFilter, EventRow};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    context::{app, caller},
    credential::Credential,
    error::{OrFail, bad_id},
    member::Actor,
    page::{Paged, Window, connection, cost},
    quick::InMemory,
    scalar::DateTime,
};

/// Places in the vault, and sealed profiles: no secrets, but nobody's business.
const HIDDEN: [&str; 5] = ["secret", "keys", "profile", "key", "accessor"];

/// Of where webhooks go only what people may see, also of what was written down before the vault had it.
fn hide_target(fields: &mut serde_json::Map<String, Value>) {
    if let Some(url) = fields.get_mut("settings").and_then(|settings| settings.as_object_mut()?.remove("url"))
    {
        fields.insert("target".to_owned(), serde_json::json!({ "shown": url }));
    }
    if let Some(target) = fields.get_mut("target")
        && let Ok(read) = EndpointTarget::deserialize(&*target)
    {
        *target = serde_json::json!({ "shown": read.visible() });
    }
}

/// Something that happened. Never holds a secret.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Event {
    /// Global id, `evt_…`.
    id: ID,
    /// What happened, for example `CredentialCreated`.
    #[graphql(name = "type")]
    event_type: String,
    /// When, by Keytrail's clock.
    recorded_at: DateTime,
    /// Number of the event in its stream, from 0.
    revision: u64,
    /// The request that it belongs to.
    correlation_id: ID,
    #[graphql(skip)]
    row: Arc<EventRow>,
    /// The credential as it was asked for, when that was as of then.
    #[graphql(skip)]
    of: Option<Credential>,
}

impl From<Arc<EventRow>> for Event {
    fn from(row: Arc<EventRow>) -> Self {
        Self::seen(row, None)
    }
}

impl Event {
    /// An event in the history of a credential as it stood.
    pub(crate) fn seen(row: Arc<EventRow>, of: Option<Credential>) -> Self {
        Self {
            id: row.id.to_string().into(),
            event_type: row.event_type.clone(),
            recorded_at: row.recorded_at.into(),
            revision: row.revision,
            correlation_id: row.correlation.to_string().into(),
            row,
            of,
        }
    }
}

#[async_graphql::ComplexObject]
impl Event {
    /// Who did it.
    async fn actor(&self) -> Actor {
        Actor(self.row.actor.clone())
    }

    /// What it says, without places in the vault.
    async fn data(&self) -> Json<Value> {
        let mut data = self.row.data.clone();
        if let Some(fields) = data.as_object_mut() {
            fields.retain(|name, _| !HIDDEN.contains(&name.as_str()));
            hide_target(fields);
        }
        Json(data)
    }

    /// The credential that it is about, if it is about one that the viewer may see.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        match (&self.of, self.row.credential) {
            (Some(credential), _) => Ok(Some(credential.clone())),
            (None, Some(id)) => Credential::load(ctx, id, AsOf::Now).await,
            (None, None) => Ok(None),
        }
    }
}

/// Nothing here depends on who asks.
impl InMemory for Event {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, _: &ContextSelectionSet<'_>) -> Option<Answer> {
        Some(match field {
            "id" => Answer::String(self.id.to_string()),
            "type" => Answer::String(self.event_type.clone()),
            "recordedAt" => self.recorded_at.to_value(),
            "revision" => Answer::from(self.revision),
            "correlationId" => Answer::String(self.correlation_id.to_string()),
            _ => return None,
        })
    }
}

/// Which events; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct AuditLogFilter {
    /// Any of these types.
    pub types: Option<Vec<String>>,
    /// About this credential.
    pub credential_id: Option<ID>,
    /// By this member or service account.
    pub actor_id: Option<ID>,
    /// Recorded at or after this moment.
    pub from: Option<DateTime>,
    /// Recorded before this moment.
    pub until: Option<DateTime>,
}

impl AuditLogFilter {
    fn into_port(self) -> Result<EventFilter> {
        let credential = self.credential_id.map(|id| keytrail_domain::CredentialId::parse(&id));
        Ok(EventFilter {
            types: self.types.unwrap_or_default(),
            credential: credential.transpose().map_err(|error| bad_id("filter.credentialId", &error))?,
            actor: self.actor_id.map(|id| id.to_string()),
            from: self.from.map(|moment| moment.0),
            until: self.until.map(|moment| moment.0),
            ..EventFilter::default()
        })
    }
}

/// The audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Everything that happened in the tenant, oldest first. For OWNER, ADMIN and AUDITOR.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events")] filter: Option<AuditLogFilter>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Event>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.audit_log(&call, filter.clone(), page).await.or_fail(ctx)?;
        Ok(connection(listed, Event::from, Counted::AuditLog(filter)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_url_from_before_the_vault_had_it_is_shown_no_more_than_others() {
        let url = "https://hooks.example.com/services/T0000/B0000/s3cr3t";
        for mut data in [json!({ "settings": { "url": url } }), json!({ "target": { "shown": url } })] {
            hide_target(data.as_object_mut().expect("an object"));
            assert_eq!(data["target"], json!({ "shown": "https://hooks.example.com/…cr3t" }));
            assert!(!data.to_string().contains("T0000"), "{data}");
        }
    }
}
