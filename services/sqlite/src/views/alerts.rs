//! Alerts and checks, newest first.

use keytrail_domain::{AlertId, CredentialId, Timestamp};
use keytrail_ports::views::{AlertFilter, AlertRow, Page, PageRequest, SortKey, VerificationRow};
use rusqlite::{Connection, params, types::Value};
use uuid::Uuid;

use super::{
    code, doc,
    holders::Holders,
    listing::{Clause, Listing, blob, one_of},
    plan,
    thing::Tenant,
};
use crate::{column::to_position, fault::Fault};

pub(super) fn page(
    connection: &Connection,
    tenant: Tenant,
    filter: &AlertFilter,
    page: &PageRequest,
) -> Result<Page<AlertRow>, Fault> {
    listing(connection, tenant, filter)?
        .page(connection, page, |row| Ok((SortKey::Position(to_position(row.get(0)?)), doc::read(row, 1)?)))
}

pub(super) fn count(connection: &Connection, tenant: Tenant, filter: &AlertFilter) -> Result<u64, Fault> {
    listing(connection, tenant, filter)?.count(connection)
}

pub(super) fn one(connection: &Connection, tenant: Tenant, id: AlertId) -> Result<Option<AlertRow>, Fault> {
    let find = "SELECT doc FROM alerts WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant.0, id.as_uuid().into_bytes()])
}

fn listing(connection: &Connection, tenant: Tenant, filter: &AlertFilter) -> Result<Listing, Fault> {
    let from = match plan::fewest(connection, candidates(tenant, filter), plan::FEW)? {
        Some(few) => few.within(
            "(SELECT DISTINCT number FROM (",
            ")) AS few CROSS JOIN alerts AS l ON l.number = few.number",
        ),
        None => Clause::new("alerts AS l INDEXED BY alerts_by_opened", []),
    };
    Ok(Listing {
        columns: "l.opened, l.doc",
        from,
        filter: conditions(tenant, filter),
        key: "l.opened",
        descending: true,
    })
}

fn conditions(tenant: Tenant, filter: &AlertFilter) -> Clause {
    let mut all = Clause::new("l.tenant = ?", [Value::Integer(tenant.0)]);
    if filter.scope.is_some() {
        all.and(in_scope(tenant, filter));
    }
    if let Some(credential) = filter.credential {
        all.and(of_credential("l.credential", tenant, credential));
    }
    if !filter.states.is_empty() {
        all.and(one_of("l.state", states(filter)));
    }
    if !filter.severities.is_empty() {
        let codes = filter.severities.iter().map(|it| Value::Integer(code::severity(*it))).collect();
        all.and(one_of("l.severity", codes));
    }
    if !filter.ids.is_empty() {
        all.and(one_of("l.id", ids(filter)));
    }
    if !filter.causes.is_empty() {
        let codes = filter.causes.iter().map(|it| Value::Integer(code::cause(*it))).collect();
        all.and(one_of("l.cause", codes));
    }
    all
}

fn candidates(tenant: Tenant, filter: &AlertFilter) -> Vec<Clause> {
    let of_tenant = |index: &str, condition: Clause| {
        let mut list = Clause::new(
            format!("SELECT number FROM alerts INDEXED BY {index} WHERE tenant = ?"),
            [Value::Integer(tenant.0)],
        );
        list.and(condition);
        list
    };
    let mut lists = Vec::new();
    if !filter.ids.is_empty() {
        lists.push(of_tenant("alerts_by_id", one_of("id", ids(filter))));
    }
    if let Some(credential) = filter.credential {
        let one = of_credential("credential", tenant, credential);
        lists.push(of_tenant("alerts_of_credential", one));
    }
    // What few hold is no list of all candidates while alerts of endpoints are shown beside.
    if let Some(holders) = holders(tenant, filter).filter(|_| filter.endpoints.is_empty()) {
        let mut held = holders.held().within(
            "SELECT l.number FROM (",
            ") AS h CROSS JOIN alerts AS l INDEXED BY alerts_of_credential \
             ON l.tenant = ? AND l.credential = h.object",
        );
        held.values.push(Value::Integer(tenant.0));
        lists.push(held);
    }
    if !filter.states.is_empty() {
        lists.push(of_tenant("alerts_by_state", one_of("state", states(filter))));
    }
    lists
}

fn of_credential(column: &str, tenant: Tenant, id: CredentialId) -> Clause {
    Clause::new(
        format!("{column} = (SELECT number FROM things WHERE tenant = ? AND id = ?)"),
        [Value::Integer(tenant.0), blob(id.as_uuid().as_bytes())],
    )
}

/// Alerts of what the scope shows, and of the endpoints beside it.
fn in_scope(tenant: Tenant, filter: &AlertFilter) -> Clause {
    let mut credentials = Clause::new("l.endpoint = 0", []);
    if let Some(holders) = holders(tenant, filter) {
        credentials.and(holders.hold("l.credential"));
    }
    if filter.endpoints.is_empty() {
        return credentials;
    }
    let ids = filter.endpoints.iter().map(|id| blob(id.as_uuid().as_bytes())).collect();
    let mut endpoints = Clause::new("tenant = ?", [Value::Integer(tenant.0)]);
    endpoints.and(one_of("id", ids));
    let endpoints = endpoints.within("l.credential IN (SELECT number FROM things WHERE ", ")");
    Clause::any([credentials.within("(", ")"), endpoints], " OR ").within("(", ")")
}

fn holders(tenant: Tenant, filter: &AlertFilter) -> Option<Holders<'_>> {
    let (scope, now) = filter.scope.as_ref()?;
    Holders::of(tenant, scope, *now)
}

fn states(filter: &AlertFilter) -> Vec<Value> {
    filter.states.iter().map(|state| Value::Integer(code::alert_state(*state))).collect()
}

fn ids(filter: &AlertFilter) -> Vec<Value> {
    filter.ids.iter().map(|id| blob(id.as_uuid().as_bytes())).collect()
}

/// Checks of a credential.
pub(super) fn verifications(
    connection: &Connection,
    tenant: Tenant,
    (credential, until): (CredentialId, Option<Timestamp>),
    page: &PageRequest,
) -> Result<Page<VerificationRow>, Fault> {
    checks(tenant, credential, until).page(connection, page, |row| {
        let at = Timestamp::from_micros(row.get(1)?).as_micros();
        Ok((SortKey::Number(Some(at), Uuid::from_bytes(row.get(2)?)), doc::read(row, 0)?))
    })
}

/// How many checks of a credential there are.
pub(super) fn count_verifications(
    connection: &Connection,
    tenant: Tenant,
    (credential, until): (CredentialId, Option<Timestamp>),
) -> Result<u64, Fault> {
    checks(tenant, credential, until).count(connection)
}

fn checks(tenant: Tenant, credential: CredentialId, until: Option<Timestamp>) -> Listing {
    let mut filter = Clause::new(
        "tenant = ? AND credential = ?",
        [Value::Integer(tenant.0), blob(credential.as_uuid().as_bytes())],
    );
    if let Some(until) = until {
        filter.and(Clause::new("at <= ?", [Value::Integer(until.as_micros())]));
    }
    Listing {
        columns: "doc, at, id",
        from: Clause::new("verifications", []),
        filter,
        key: "at, id",
        descending: true,
    }
}
