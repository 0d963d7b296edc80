//! Asking for pages and counts.

use keytrail_domain::{CredentialId, Owner, connection::ConnectionState, credential::UsageKind};
use keytrail_ports::views::{
    ConnectionFilter, ConsumerOrder, ConsumerQuery, ConsumerSort, FlowFilter, InSight, Page, PageRequest,
    SortKey,
};
use rusqlite::{Connection, Row, params_from_iter, types::Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{component_tag, credential_tag, kind, label_tag, management_tag, state, to_state};
use crate::{
    fault::Fault,
    views::{
        code, doc, environments,
        listing::{Clause, Listing, blob, one_of},
        plan, text,
        thing::Tenant,
    },
};

/// A question for connections or flows, in the words of the table.
pub(super) struct Consumers {
    tenant: Tenant,
    order: ConsumerOrder,
    conditions: Clause,
    /// Every one of these tags must be there, and one of each group.
    tags: Vec<Vec<String>>,
}

impl Consumers {
    fn new(
        (tenant, of): (Tenant, UsageKind),
        in_sight: &InSight,
        order: ConsumerOrder,
        owner: Option<Owner>,
    ) -> Self {
        let mut conditions =
            Clause::new("c.tenant = ? AND c.kind = ?", [Value::Integer(tenant.0), Value::Integer(kind(of))]);
        if let InSight::Some { owners, environments } = in_sight {
            let owned = one_of("c.owner", owners.iter().map(|owner| blob(code::owner(*owner))).collect());
            let inside = environments::hold(environments);
            conditions.and(Clause::any([owned, inside], " OR ").within("(", ")"));
        }
        if let Some(owner) = owner {
            conditions.and(Clause::new("c.owner = ?", [blob(code::owner(owner))]));
        }
        Self { tenant, order, conditions, tags: Vec::new() }
    }

    pub(super) fn connections(tenant: Tenant, query: &ConsumerQuery<ConnectionFilter>) -> Self {
        let filter = &query.filter;
        let of = (tenant, UsageKind::Connection);
        let mut all = Self::new(of, &query.in_sight, query.order, filter.owner);
        all.conditions.and(Clause::new("c.present = ?", [Value::Integer(i64::from(!filter.deleted))]));
        if !filter.states.is_empty() {
            let codes = filter.states.iter().map(|it| Value::Integer(state(*it))).collect();
            all.conditions.and(one_of("c.state", codes));
        }
        let management = filter.management.map(|it| vec![management_tag(it).to_owned()]);
        all.tags.extend(management);
        all.of_text(filter.text.as_deref());
        all.tagged(&filter.labels, filter.credential, &filter.components);
        all
    }

    pub(super) fn flows(tenant: Tenant, query: &ConsumerQuery<FlowFilter>) -> Self {
        let filter = &query.filter;
        let of = (tenant, UsageKind::Flow);
        let mut all = Self::new(of, &query.in_sight, query.order, filter.owner);
        all.conditions.and(Clause::new("c.present = 1", []));
        if let Some(active) = filter.active {
            all.conditions.and(Clause::new("c.state = ?", [Value::Integer(i64::from(active))]));
        }
        all.of_text(filter.text.as_deref());
        all.tagged(&filter.labels, filter.credential, &filter.components);
        all
    }

    fn of_text(&mut self, wanted: Option<&str>) {
        if let Some(wanted) = wanted.filter(|text| !text.is_empty()) {
            self.conditions.and(match text::wanted(wanted) {
                Some(wanted) => Clause::new("instr(c.search, ?) > 0", [Value::Text(wanted)]),
                None => Clause::new("0", []),
            });
        }
    }

    fn tagged(
        &mut self,
        labels: &[(String, Option<String>)],
        credential: Option<CredentialId>,
        components: &[String],
    ) {
        self.tags.extend(credential.map(|id| vec![credential_tag(id)]));
        self.tags.extend(labels.iter().map(|(key, value)| vec![label_tag(key, value.as_deref())]));
        if !components.is_empty() {
            self.tags.push(components.iter().map(|slug| component_tag(slug)).collect());
        }
    }

    fn listing(&self, connection: &Connection) -> Result<Listing, Fault> {
        let (key, walk) = match self.order.by {
            ConsumerSort::Name => ("c.name, c.id", "consumers_by_name"),
            ConsumerSort::CreatedAt => ("c.created_at, c.id", "consumers_by_created"),
            ConsumerSort::UpdatedAt => ("c.updated_at, c.id", "consumers_by_updated"),
        };
        let from = match plan::fewest(connection, self.candidates(), plan::FEW)? {
            Some(few) => few
                .within("(SELECT DISTINCT id FROM (", ")) AS few CROSS JOIN consumers AS c ON c.id = few.id"),
            None => Clause::new(format!("consumers AS c INDEXED BY {walk}"), []),
        };
        let mut filter = self.conditions.clone();
        for group in &self.tags {
            let mut tag = Clause::new("t.tenant = c.tenant AND t.id = c.id", []);
            tag.and(one_of("t.tag", texts(group)));
            filter.and(tag.within("EXISTS (SELECT 1 FROM consumer_tags AS t WHERE ", ")"));
        }
        let columns = "c.id, c.doc, c.name, c.created_at, c.updated_at";
        Ok(Listing { columns, from, filter, key, descending: self.order.descending })
    }

    fn candidates(&self) -> Vec<Clause> {
        let of_group = |group: &Vec<String>| {
            let mut list = Clause::new(
                "SELECT id FROM consumer_tags INDEXED BY consumer_tags_by_tag WHERE tenant = ?",
                [Value::Integer(self.tenant.0)],
            );
            list.and(one_of("tag", texts(group)));
            list
        };
        self.tags.iter().map(of_group).collect()
    }

    pub(super) fn page<T: DeserializeOwned>(
        &self,
        connection: &Connection,
        page: &PageRequest,
    ) -> Result<Page<T>, Fault> {
        let by = self.order.by;
        self.listing(connection)?.page(connection, page, |row| Ok((sort_key(by, row)?, doc::read(row, 1)?)))
    }

    pub(super) fn count(&self, connection: &Connection) -> Result<u64, Fault> {
        self.listing(connection)?.count(connection)
    }

    pub(super) fn count_by_state(
        &self,
        connection: &Connection,
    ) -> Result<Vec<(ConnectionState, u64)>, Fault> {
        let Listing { from, filter, .. } = self.listing(connection)?;
        let sql = format!(
            "SELECT c.state, count(*) FROM {} WHERE {} GROUP BY c.state ORDER BY c.state",
            from.sql, filter.sql
        );
        let values = from.values.iter().chain(&filter.values);
        doc::all(connection, &sql, params_from_iter(values), |row| {
            Ok((to_state(row.get(0)?)?, crate::column::to_number(row.get(1)?)?))
        })
    }
}

fn texts(group: &[String]) -> Vec<Value> {
    group.iter().cloned().map(Value::Text).collect()
}

fn sort_key(by: ConsumerSort, row: &Row<'_>) -> Result<SortKey, Fault> {
    let id = Uuid::from_bytes(row.get(0)?);
    Ok(match by {
        ConsumerSort::Name => SortKey::Text(row.get(2)?, id),
        ConsumerSort::CreatedAt => SortKey::Number(Some(row.get(3)?), id),
        ConsumerSort::UpdatedAt => SortKey::Number(Some(row.get(4)?), id),
    })
}
