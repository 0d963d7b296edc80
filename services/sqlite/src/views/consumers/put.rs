//! Writing the rows.

use keytrail_domain::{
    CredentialId, Labels, Owner, Timestamp, connection::ConnectionState, credential::UsageKind,
};
use keytrail_ports::views::{ConnectionRow, FlowRow};
use rusqlite::{Connection, params};
use serde::Serialize;
use uuid::Uuid;

use super::{component_tag, credential_tag, kind, label_tag, management_tag, state};
use crate::{
    column::run,
    fault::Fault,
    views::{code, doc, text, thing::Tenant},
};

/// What stands in the columns, beside the row itself.
struct Columns<'a> {
    kind: UsageKind,
    id: Uuid,
    present: bool,
    state: i64,
    owner: Owner,
    name: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
    search: String,
    tags: Vec<String>,
}

fn tags<'a>(
    labels: &Labels,
    credentials: impl IntoIterator<Item = CredentialId>,
    components: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let labels = labels.iter().flat_map(|(key, value)| [label_tag(key, None), label_tag(key, Some(value))]);
    let credentials = credentials.into_iter().map(credential_tag);
    labels.chain(credentials).chain(components.into_iter().map(component_tag)).collect()
}

pub(super) fn connection(inside: &Connection, tenant: Tenant, row: &ConnectionRow) -> Result<(), Fault> {
    let parts =
        [Some(row.name.as_str()), row.description.as_deref(), row.url.as_deref(), Some(&row.component)];
    let mut columns = Columns {
        kind: UsageKind::Connection,
        id: row.id.as_uuid(),
        present: row.state != ConnectionState::Deleted,
        state: state(row.state),
        owner: row.owner,
        name: &row.name,
        created_at: row.created_at,
        updated_at: row.updated_at,
        search: text::joined(parts.into_iter().flatten(), &row.labels),
        tags: tags(&row.labels, row.credentials.iter().copied(), [row.component.as_str()]),
    };
    columns.tags.push(management_tag(row.management).to_owned());
    put(inside, tenant, &columns, row)
}

pub(super) fn flow(inside: &Connection, tenant: Tenant, row: &FlowRow) -> Result<(), Fault> {
    let steps = row.steps.iter().flat_map(|step| [step.title.as_deref(), Some(step.component.as_str())]);
    let parts = [Some(row.name.as_str()), row.description.as_deref()].into_iter().chain(steps);
    let columns = Columns {
        kind: UsageKind::Flow,
        id: row.id.as_uuid(),
        present: row.deleted_at.is_none(),
        state: i64::from(row.active),
        owner: row.owner,
        name: &row.name,
        created_at: row.created_at,
        updated_at: row.updated_at,
        search: text::joined(parts.flatten(), &row.labels),
        tags: tags(
            &row.labels,
            row.steps.iter().filter_map(|step| step.credential),
            row.steps.iter().map(|step| step.component.as_str()),
        ),
    };
    put(inside, tenant, &columns, row)
}

fn put(
    inside: &Connection,
    tenant: Tenant,
    columns: &Columns<'_>,
    row: &impl Serialize,
) -> Result<(), Fault> {
    let id = columns.id.into_bytes();
    run(
        inside,
        "REPLACE INTO consumers (tenant, id, kind, present, state, owner, name, created_at, updated_at, search, \
         doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            tenant.0,
            id,
            kind(columns.kind),
            columns.present,
            columns.state,
            code::owner(columns.owner),
            text::folded(columns.name),
            columns.created_at.as_micros(),
            columns.updated_at.as_micros(),
            columns.search,
            doc::write(row)?
        ],
    )?;
    run(inside, "DELETE FROM consumer_tags WHERE tenant = ? AND id = ?", params![tenant.0, id])?;
    for tag in &columns.tags {
        let insert = "INSERT OR IGNORE INTO consumer_tags (tenant, id, tag) VALUES (?, ?, ?)";
        run(inside, insert, params![tenant.0, id, tag])?;
    }
    Ok(())
}
