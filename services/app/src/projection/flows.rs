//! Flows.

use keytrail_domain::{EventMeta, flow::FlowEvent as E};
use keytrail_ports::views::{FlowRow, ViewError, ViewTx};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let id = fact.event.stream.flow_id().ok_or_else(|| fact.orphan())?;
    let before = views.flow(fact.meta.tenant, id)?;
    views.put_flow(&evolve(before, fact.meta, event).ok_or_else(|| fact.orphan())?)
}

/// The row after one more fact; none when the fact is about nothing.
fn evolve(before: Option<FlowRow>, meta: &EventMeta, event: &E) -> Option<FlowRow> {
    let at = meta.recorded_at;
    if let E::Created { flow, tenant, name, description, owner, labels, steps, copied_from } = event.clone() {
        return Some(FlowRow {
            tenant,
            id: flow,
            name,
            description,
            owner,
            labels,
            steps,
            active: false,
            switched: None,
            stopped_because: None,
            copied_from,
            created_at: at,
            created_by: meta.actor.clone(),
            updated_at: at,
            deleted_at: None,
            revision: 1,
        });
    }
    let mut row = before?;
    row.revision += 1;
    row.updated_at = at;
    match event {
        E::Renamed { name } => row.name.clone_from(name),
        E::LabelsChanged { labels } => row.labels.clone_from(labels),
        E::DescriptionChanged { description } => row.description.clone_from(description),
        E::StepsChanged { steps } => row.steps.clone_from(steps),
        E::CredentialReplaced { from, to } => {
            keytrail_domain::flow::replace(&mut row.steps, *from, *to);
        }
        E::Transferred { to, .. } => row.owner = *to,
        E::Started { .. } => switch(&mut row, true, None, meta),
        E::Stopped { reason } => switch(&mut row, false, reason.clone(), meta),
        E::Deleted {} => row.deleted_at = Some(at),
        E::Created { .. } => {}
    }
    Some(row)
}

fn switch(row: &mut FlowRow, active: bool, reason: Option<String>, meta: &EventMeta) {
    row.active = active;
    row.stopped_because = reason;
    row.switched = Some((meta.recorded_at, meta.actor.clone()));
}
