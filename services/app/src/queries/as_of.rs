//! Answers as of a past moment, folded from the log as it stood then.

use std::sync::Arc;

use keytrail_domain::{
    CredentialId, EventMeta, RecordedEvent, StreamId, Timestamp, credential::CredentialEvent,
};
use keytrail_ports::{
    Action, Object,
    views::{CredentialRow, EventRow},
};

use crate::{App, AppError, Call, projection::credentials::evolve};

impl App {
    /// A credential as it stood then; none when it did not exist. Whether the caller may see it is
    /// decided as of now.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn credential_as_of(
        &self,
        call: &Call,
        id: CredentialId,
        moment: Timestamp,
    ) -> Result<Option<Arc<CredentialRow>>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let tenant = call.principal.tenant;
        let Some(upto) = self.ports().views.position_at(tenant, moment).await? else { return Ok(None) };
        let stream = StreamId::credential(tenant, id);
        let events = self.ports().views.stream_events(&stream, Some(upto)).await?;
        let mut row = None;
        for event in events {
            row = evolve(row, event.id, &envelope(&event), &fact(&event)?);
        }
        Ok(row.filter(|row| !row.purged).map(Arc::new))
    }
}

fn envelope(event: &EventRow) -> EventMeta {
    EventMeta {
        schema_version: event.schema_version,
        tenant: event.tenant,
        actor: event.actor.clone(),
        recorded_at: event.recorded_at,
        correlation: event.correlation,
        causation: event.causation,
        idempotency: None,
        previous_hash: None,
    }
}

fn fact(event: &EventRow) -> Result<CredentialEvent, AppError> {
    let bytes = |value: &_| serde_json::to_vec(value).map_err(|_| AppError::internal("event is not json"));
    let recorded = RecordedEvent {
        id: event.id,
        stream: event.stream.clone(),
        revision: event.revision,
        position: event.position,
        event_type: event.event_type.clone(),
        data: bytes(&event.data)?.into(),
        metadata: serde_json::to_vec(&envelope(event))
            .map_err(|_| AppError::internal("event is not json"))?
            .into(),
    };
    Ok(recorded.decode()?)
}
