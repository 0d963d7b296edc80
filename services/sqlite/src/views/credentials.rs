//! Lists of credentials: the question becomes conditions, which always hold in full, and lists of
//! candidates, which only make it quick.

use std::sync::Arc;

use keytrail_domain::{CredentialId, Grantee};
use keytrail_ports::views::{
    CredentialFilter, CredentialQuery, CredentialRow, CredentialSort, Page, SortKey,
};
use rusqlite::{Connection, Row, params, types::Value};
use uuid::Uuid;

use super::{
    code, credential_rows, doc,
    holders::Holders,
    hot::{Hot, Kept, Ticket},
    listing::{Clause, Listing, blob, one_of},
    plan, status, text,
    thing::Tenant,
};
use crate::{column::NEVER, fault::Fault};

/// A question, with the tenant's number.
pub(super) struct Question<'a> {
    tenant: Tenant,
    pub(super) query: &'a CredentialQuery,
    few: i64,
}

/// Where rows are kept ready, and the right to put more there.
pub(super) struct Shelf<'a> {
    pub(super) hot: &'a Hot,
    pub(super) ticket: Ticket,
}

pub(super) fn page(
    connection: &Connection,
    question: &Question<'_>,
    shelf: &Shelf<'_>,
) -> Result<Page<Arc<CredentialRow>>, Fault> {
    let by = question.query.order.by;
    question.listing(connection)?.page(connection, &question.query.page, |row| {
        let (key, found) = (sort_key(by, row)?, Found::read(row)?);
        Ok((key, found.load(connection, shelf)?))
    })
}

/// One row of a list, before the rest of it is fetched.
struct Found {
    number: i64,
    id: CredentialId,
    version: i64,
}

impl Found {
    fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let id = CredentialId::from_uuid(Uuid::from_bytes(row.get(1)?));
        Ok(Self { number: row.get(0)?, id, version: row.get(2)? })
    }

    /// The kept copy when it is this very version, else the stored one.
    fn load(&self, connection: &Connection, shelf: &Shelf<'_>) -> Result<Arc<CredentialRow>, Fault> {
        if let Some(kept) = shelf.hot.get(self.id).filter(|kept| kept.version == self.version) {
            return Ok(kept.row);
        }
        let find = "SELECT doc FROM credential_docs WHERE number = ?";
        let row: Option<CredentialRow> = doc::find(connection, find, [self.number])?;
        let row = Arc::new(row.ok_or_else(|| Fault::Corrupt("a credential has no row".to_owned()))?);
        let kept = Kept { number: self.number, version: self.version, row: Arc::clone(&row) };
        shelf.hot.keep(shelf.ticket, kept);
        Ok(row)
    }
}

fn sort_key(by: CredentialSort, row: &Row<'_>) -> Result<SortKey, Fault> {
    let id = Uuid::from_bytes(row.get(1)?);
    Ok(match by {
        CredentialSort::Name => SortKey::Text(row.get(3)?, id),
        CredentialSort::CreatedAt => SortKey::Number(Some(row.get(4)?), id),
        CredentialSort::UpdatedAt => SortKey::Number(Some(row.get(5)?), id),
        CredentialSort::ExpiresAt => SortKey::Number(Some(row.get(6)?).filter(|end: &i64| *end != NEVER), id),
    })
}

/// Sort columns, and the index that has their order.
fn order(by: CredentialSort) -> (&'static str, &'static str) {
    match by {
        CredentialSort::Name => ("c.name, c.id", "credentials_by_name"),
        CredentialSort::CreatedAt => ("c.created_at, c.id", "credentials_by_created"),
        CredentialSort::UpdatedAt => ("c.updated_at, c.id", "credentials_by_updated"),
        CredentialSort::ExpiresAt => ("c.expires_at, c.id", "credentials_by_expiry"),
    }
}

impl<'q> Question<'q> {
    pub(super) fn new(tenant: Tenant, query: &'q CredentialQuery) -> Self {
        Self { tenant, query, few: plan::FEW }
    }

    /// The same with another bound on what counts as few candidates.
    #[cfg(test)]
    pub(super) fn with_few(self, few: i64) -> Self {
        Self { few, ..self }
    }

    pub(super) fn listing(&self, connection: &Connection) -> Result<Listing, Fault> {
        let (key, index) = order(self.query.order.by);
        Ok(Listing {
            columns: "c.number, c.id, c.version, c.name, c.created_at, c.updated_at, c.expires_at",
            from: self.source(connection, index)?,
            filter: self.conditions(),
            key,
            descending: self.query.order.descending,
        })
    }

    /// The shortest way to all rows that fit; `walk` is the index to go along when none is short.
    pub(super) fn source(&self, connection: &Connection, walk: &str) -> Result<Clause, Fault> {
        Ok(match plan::fewest(connection, self.candidates(), self.few)? {
            Some(few) => few.within(
                "(SELECT DISTINCT number FROM (",
                ")) AS few CROSS JOIN credentials AS c ON c.number = few.number",
            ),
            None => Clause::new(format!("credentials AS c INDEXED BY {walk}"), []),
        })
    }

    /// Everything that was asked for.
    pub(super) fn conditions(&self) -> Clause {
        let filter = &self.query.filter;
        let mut all = Clause::new(
            "c.tenant = ? AND c.life = ?",
            [self.tenant_value(), Value::Integer(i64::from(filter.deleted))],
        );
        if let Some(holders) = Holders::of(self.tenant, &self.query.scope, self.query.now) {
            all.and(holders.hold("c.number"));
        }
        if let Some(team) = filter.team {
            all.and(self.held(&[Grantee::Team(team)]).hold("c.number"));
        }
        if let Some(environment) = filter.environment {
            all.and(self.held(&[Grantee::Environment(environment)]).hold("c.number"));
        }
        if !filter.statuses.is_empty() {
            all.and(status::conditions(&filter.statuses, self.query.now));
        }
        self.column_conditions(&mut all);
        self.other_tables(&mut all);
        all
    }

    fn column_conditions(&self, all: &mut Clause) {
        let filter = &self.query.filter;
        if !filter.components.is_empty() {
            all.and(one_of("c.component", components(filter)));
        }
        if !filter.kinds.is_empty() {
            all.and(one_of("c.kind", kinds(filter)));
        }
        if let Some(owner) = filter.owner {
            all.and(Clause::new("c.owner = ?", [blob(code::owner(owner))]));
        }
        if let Some(end) = filter.expiring_before {
            all.and(Clause::new("c.expires_at < ?", [Value::Integer(end.as_micros())]));
        }
        if let Some(since) = filter.unused_since {
            all.and(Clause::new("c.leased_at < ?", [Value::Integer(since.as_micros())]));
        }
        if let Some(alerting) = filter.has_open_alert {
            let sign = if alerting { ">" } else { "=" };
            all.and(Clause::new(format!("c.open_alerts {sign} 0"), []));
        }
        if let Some(text) = text_of(filter) {
            all.and(match text::wanted(text) {
                Some(wanted) => Clause::new("instr(c.search, ?) > 0", [Value::Text(wanted)]),
                None => Clause::new("0", []),
            });
        }
    }

    fn other_tables(&self, all: &mut Clause) {
        for (key, value) in &self.query.filter.labels {
            let mut label = Clause::new("l.credential = c.number AND l.key = ?", [Value::Text(key.clone())]);
            if let Some(value) = value {
                label.and(Clause::new("l.value = ?", [Value::Text(value.clone())]));
            }
            all.and(label.within("EXISTS (SELECT 1 FROM labels AS l WHERE ", ")"));
        }
        if let Some(user) = &self.query.filter.used_by {
            all.and(Clause::new(
                "EXISTS (SELECT 1 FROM usages AS u WHERE u.credential = c.number AND u.usage = ?)",
                [Value::Text(user.clone())],
            ));
        }
    }

    /// Short lists that may hold all that fits; those that are likely to be short come first.
    fn candidates(&self) -> Vec<Clause> {
        let filter = &self.query.filter;
        let mut lists = Vec::new();
        if let Some(user) = &filter.used_by {
            lists.push(Clause::new(
                "SELECT credential AS number FROM usages INDEXED BY usages_by_user \
                 WHERE tenant = ? AND usage = ?",
                [self.tenant_value(), Value::Text(user.clone())],
            ));
        }
        if let Some(holders) = Holders::of(self.tenant, &self.query.scope, self.query.now) {
            lists.push(self.held_by(&holders));
        }
        if let Some(team) = filter.team {
            lists.push(self.held_by(&self.held(&[Grantee::Team(team)])));
        }
        if let Some(environment) = filter.environment {
            lists.push(self.held_by(&self.held(&[Grantee::Environment(environment)])));
        }
        lists.extend(filter.labels.iter().map(|(key, value)| self.labelled(key, value.as_deref())));
        lists.extend(self.texts());
        self.column_candidates(&mut lists);
        lists
    }

    fn column_candidates(&self, lists: &mut Vec<Clause>) {
        let filter = &self.query.filter;
        if filter.has_open_alert == Some(true) {
            lists.push(self.numbers("credentials_alerting", Clause::new("open_alerts > 0", [])));
        }
        if let Some(owner) = filter.owner {
            let owner = Clause::new("owner = ?", [blob(code::owner(owner))]);
            lists.push(self.numbers("credentials_by_owner", owner));
        }
        if !filter.statuses.is_empty() {
            lists.extend(status::candidates(self.tenant, &filter.statuses, self.query.now));
        }
        if let Some(end) = filter.expiring_before {
            let ending = Clause::new("expires_at < ?", [Value::Integer(end.as_micros())]);
            lists.push(self.alive("credentials_by_expiry", ending));
        }
        if !filter.components.is_empty() {
            let components = one_of("component", components(filter));
            lists.push(self.alive("credentials_by_component", components));
        }
        if !filter.kinds.is_empty() {
            lists.push(self.alive("credentials_by_kind", one_of("kind", kinds(filter))));
        }
    }

    fn numbers(&self, index: &str, condition: Clause) -> Clause {
        let mut list = Clause::new(
            format!("SELECT number FROM credentials INDEXED BY {index} WHERE tenant = ?"),
            [self.tenant_value()],
        );
        list.and(condition);
        list
    }

    fn alive(&self, index: &str, condition: Clause) -> Clause {
        let life = Value::Integer(i64::from(self.query.filter.deleted));
        let mut both = Clause::new("life = ?", [life]);
        both.and(condition);
        self.numbers(index, both)
    }

    fn held_by(&self, holders: &Holders<'_>) -> Clause {
        holders.held().within("SELECT object AS number FROM (", ")")
    }

    fn labelled(&self, key: &str, value: Option<&str>) -> Clause {
        let mut list = Clause::new(
            "SELECT credential AS number FROM labels INDEXED BY labels_by_value WHERE tenant = ? AND key = ?",
            [self.tenant_value(), Value::Text(key.to_owned())],
        );
        if let Some(value) = value {
            list.and(Clause::new("value = ?", [Value::Text(value.to_owned())]));
        }
        list
    }

    fn texts(&self) -> Option<Clause> {
        let question = text::question(self.tenant, &text::wanted(text_of(&self.query.filter)?)?)?;
        let find = "SELECT rowid AS number FROM credential_text WHERE credential_text MATCH ?";
        Some(Clause::new(find, [Value::Text(question)]))
    }

    fn held<'a>(&self, grantees: &'a [Grantee]) -> Holders<'a> {
        Holders { tenant: self.tenant, grantees, now: self.query.now }
    }

    fn tenant_value(&self) -> Value {
        Value::Integer(self.tenant.0)
    }
}

fn text_of(filter: &CredentialFilter) -> Option<&str> {
    filter.text.as_deref().filter(|text| !text.is_empty())
}

fn components(filter: &CredentialFilter) -> Vec<Value> {
    filter.components.iter().cloned().map(Value::Text).collect()
}

fn kinds(filter: &CredentialFilter) -> Vec<Value> {
    filter.kinds.iter().map(|kind| Value::Integer(code::kind(*kind))).collect()
}

/// Credentials by id, in any state; unknown ones are left out.
pub(super) fn by_id(
    connection: &Connection,
    tenant: Tenant,
    ids: &[CredentialId],
    shelf: &Shelf<'_>,
) -> Result<Vec<Arc<CredentialRow>>, Fault> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(kept) = credential_rows::load(connection, tenant, *id)? {
            found.push(Arc::clone(&kept.row));
            shelf.hot.keep(shelf.ticket, kept);
        }
    }
    Ok(found)
}

/// Present credentials of a name, of any owner.
pub(super) fn by_name(
    connection: &Connection,
    tenant: Tenant,
    name: &str,
    shelf: &Shelf<'_>,
) -> Result<Vec<Arc<CredentialRow>>, Fault> {
    let find = "SELECT number, id, version FROM credentials INDEXED BY credentials_by_name \
                WHERE tenant = ? AND life = 0 AND name = ? ORDER BY id";
    let values = params![tenant.0, text::folded(name)];
    doc::all(connection, find, values, |row| Found::read(row)?.load(connection, shelf))
}

/// Present credentials that somebody may become the owner of, by id.
pub(super) fn offered(
    connection: &Connection,
    tenant: Tenant,
    shelf: &Shelf<'_>,
) -> Result<Vec<Arc<CredentialRow>>, Fault> {
    let find = "SELECT number, id, version FROM credentials INDEXED BY credentials_offered \
                WHERE tenant = ? AND offered = 1 AND life = 0 ORDER BY id";
    doc::all(connection, find, params![tenant.0], |row| Found::read(row)?.load(connection, shelf))
}

/// The credential with an external id: the present one, else the one that was deleted last.
pub(super) fn by_external_id(
    connection: &Connection,
    tenant: Tenant,
    external_id: &str,
    shelf: &Shelf<'_>,
) -> Result<Option<Arc<CredentialRow>>, Fault> {
    let find = "SELECT number, id, version FROM credentials INDEXED BY credentials_by_external_id \
                WHERE tenant = ? AND external_id = ? AND life < 2 ORDER BY life, number DESC LIMIT 1";
    doc::one(connection, find, params![tenant.0, external_id], |row| {
        Found::read(row)?.load(connection, shelf)
    })
}
