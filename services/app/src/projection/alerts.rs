//! Alerts.

use keytrail_domain::{
    AlertId, EventMeta, Position,
    alert::{AlertEvent, AlertState, Subject},
};
use keytrail_ports::views::{AlertRow, ViewError, ViewTx};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &AlertEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let id = fact.event.stream.alert_id().ok_or_else(|| fact.orphan())?;
    let before = views.alert(fact.meta.tenant, id)?;
    let was_open = before.as_ref().is_some_and(|row| row.state != AlertState::Resolved);
    let row = evolve(before, (id, fact.event.position), fact.meta, event).ok_or_else(|| fact.orphan())?;
    views.put_alert(&row)?;
    count_open(fact, &row, was_open, views)
}

/// The row after one more fact at a place; none when the fact is about nothing.
pub(crate) fn evolve(
    before: Option<AlertRow>,
    (id, position): (AlertId, Position),
    meta: &EventMeta,
    event: &AlertEvent,
) -> Option<AlertRow> {
    let at = meta.recorded_at;
    if let AlertEvent::Opened { credential, endpoint, cause, severity, message, .. } = event {
        let about = credential.map(Subject::from).or(endpoint.map(Subject::from))?;
        return Some(AlertRow {
            tenant: meta.tenant,
            id,
            about,
            cause: *cause,
            severity: *severity,
            state: AlertState::Open,
            message: message.clone(),
            opened_at: at,
            opened: position,
            occurrences: 1,
            acknowledged: None,
            resolved_at: None,
            revision: before.map_or(0, |row| row.revision) + 1,
        });
    }
    let mut row = before?;
    match event {
        AlertEvent::Repeated { severity, message, .. } => {
            row.occurrences += 1;
            row.severity = severity.unwrap_or(row.severity);
            row.message = message.clone().unwrap_or(row.message);
        }
        AlertEvent::Acknowledged { .. } => {
            row.state = AlertState::Acknowledged;
            row.acknowledged = Some((meta.actor.clone(), at));
            row.revision += 1;
        }
        AlertEvent::Resolved { .. } => {
            row.state = AlertState::Resolved;
            row.resolved_at = Some(at);
            row.revision += 1;
        }
        AlertEvent::Opened { .. } => {}
    }
    Some(row)
}

fn count_open(
    fact: &Fact<'_>,
    alert: &AlertRow,
    was_open: bool,
    views: &mut dyn ViewTx,
) -> Result<(), ViewError> {
    let is_open = alert.state != AlertState::Resolved;
    if was_open == is_open {
        return Ok(());
    }
    let Subject::Credential(credential) = alert.about else { return Ok(()) };
    let mut row = views.credential(fact.meta.tenant, credential)?.ok_or_else(|| fact.orphan())?;
    row.open_alerts = if is_open { row.open_alerts + 1 } else { row.open_alerts.saturating_sub(1) };
    views.put_credential(&row)
}
