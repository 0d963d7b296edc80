//! Answers as of a past moment, folded from the log as it stood then. Who may see them is decided
//! as of now.

use std::{cmp::Reverse, sync::Arc};

use keytrail_domain::{
    CredentialId, DomainEvent, EventMeta, Position, RecordedEvent, StreamId, TenantId, Timestamp,
    alert::{AlertEvent, Cause},
    credential::CredentialEvent,
};
use keytrail_ports::{
    Action, Object,
    views::{AlertFilter, AlertRow, CredentialRow, EventRow, SortKey},
};

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs, projection};

/// When something is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AsOf {
    /// As it stands.
    #[default]
    Now,
    /// As it stood.
    Past {
        /// The moment: dates count at it.
        moment: Timestamp,
        /// The tenant's last place in the log at that moment: what came later is not seen.
        position: Position,
    },
}

impl AsOf {
    /// The moment that dates are held against.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        self.past().map_or(now, |(moment, _)| moment)
    }

    pub(crate) fn position(self) -> Option<Position> {
        self.past().map(|(_, position)| position)
    }

    pub(super) fn until(self) -> Option<Timestamp> {
        self.past().map(|(moment, _)| moment)
    }

    fn past(self) -> Option<(Timestamp, Position)> {
        match self {
            Self::Now => None,
            Self::Past { moment, position } => Some((moment, position)),
        }
    }
}

impl App {
    /// The place of a moment in the tenant's log; none before its first event.
    pub(super) async fn as_of(&self, tenant: TenantId, moment: Timestamp) -> Result<Option<AsOf>, AppError> {
        let position = self.ports().views.position_at(tenant, moment).await?;
        Ok(position.map(|position| AsOf::Past { moment, position }))
    }

    /// A credential as it stood then, and from where it is seen; none when it did not exist.
    ///
    /// # Errors
    /// `NOT_FOUND` for who may not view it now.
    pub async fn credential_as_of(
        &self,
        call: &Call,
        id: CredentialId,
        moment: Timestamp,
    ) -> Result<Option<(Arc<CredentialRow>, AsOf)>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let Some(as_of) = self.as_of(call.principal.tenant, moment).await? else { return Ok(None) };
        Ok(self.credential_seen(call, id, as_of).await?.map(|row| (row, as_of)))
    }

    /// One credential, also a deleted one, as it stands or stood; none when it does not exist for
    /// the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn credential_seen(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
    ) -> Result<Option<Arc<CredentialRow>>, AppError> {
        let Some(upto) = as_of.position() else { return self.credential(call, id).await };
        if !self.may_view(call, id).await? {
            return Ok(None);
        }
        let tenant = call.principal.tenant;
        let row = self.row_at(&StreamId::credential(tenant, id), upto).await?;
        let Some(mut row) = row.filter(|row| !row.purged) else { return Ok(None) };
        row.last_leased_at = self.last_lease_at(tenant, id, upto).await?;
        Ok(Some(Arc::new(row)))
    }

    /// A credential's row just after a place in the log.
    pub(crate) async fn row_at(
        &self,
        stream: &StreamId,
        upto: Position,
    ) -> Result<Option<CredentialRow>, AppError> {
        let mut row = None;
        for event in self.ports().views.stream_events(stream, Some(upto)).await? {
            let fact: CredentialEvent = fact(&event)?;
            row = projection::credentials::evolve(row, event.id, &envelope(&event), &fact);
        }
        Ok(row)
    }

    /// A page of a credential's alerts, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for who may not view it now; bad input for page arguments.
    pub async fn alerts_of(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
        page: PageArgs,
    ) -> Result<Listed<AlertRow>, AppError> {
        let Some(upto) = as_of.position() else {
            let filter = AlertFilter { credential: Some(id), ..AlertFilter::default() };
            return self.alerts(call, filter, page).await;
        };
        let rows = self.alerts_at(call, id, upto).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&("alerts as of", id)) };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Position(row.opened), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Position(opened) => Some(Reverse(*opened)),
            _ => None,
        }))
    }

    /// Each cause has a stream of its own: what an alert was is folded from that.
    pub(super) async fn alerts_at(
        &self,
        call: &Call,
        id: CredentialId,
        upto: Position,
    ) -> Result<Vec<AlertRow>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let mut alerts = Vec::new();
        for cause in Cause::ALL {
            let stream = StreamId::alert(call.principal.tenant, id, cause.as_str());
            let Some(alert) = stream.alert_id() else { continue };
            let mut row = None;
            for event in self.ports().views.stream_events(&stream, Some(upto)).await? {
                let fact: AlertEvent = fact(&event)?;
                row = projection::alerts::evolve(row, (alert, event.position), &envelope(&event), &fact);
            }
            alerts.extend(row);
        }
        alerts.sort_by_key(|alert| Reverse(alert.opened));
        Ok(alerts)
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

/// A row of the event table as the fact that it is.
pub(crate) fn fact<E: DomainEvent>(event: &EventRow) -> Result<E, AppError> {
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
