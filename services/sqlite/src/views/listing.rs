//! Pages of any list: keys instead of offsets, both directions, and whether more follow.

use keytrail_ports::views::{Page, PageRequest, SortKey};
use rusqlite::{Connection, Row, params_from_iter, types::Value};

use crate::{
    column::{NEVER, position},
    fault::Fault,
};

/// A piece of SQL with the values of its question marks.
#[derive(Clone, Debug, Default)]
pub(super) struct Clause {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Clause {
    pub(super) fn new(sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: sql.into(), values: values.into_iter().collect() }
    }

    /// Both must hold.
    pub(super) fn and(&mut self, other: Self) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(&other.sql);
        self.values.extend(other.values);
    }

    /// Any of these must hold.
    pub(super) fn any(clauses: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let mut joined = Self::default();
        for clause in clauses {
            if !joined.sql.is_empty() {
                joined.sql.push_str(between);
            }
            joined.sql.push_str(&clause.sql);
            joined.values.extend(clause.values);
        }
        joined
    }

    /// This, wrapped.
    pub(super) fn within(self, before: &str, after: &str) -> Self {
        Self { sql: format!("{before}{}{after}", self.sql), values: self.values }
    }
}

/// `?, ?, ?`: as many as there are values.
pub(super) fn marks(values: usize) -> String {
    vec!["?"; values].join(", ")
}

/// `column IN (...)`; none of no values.
pub(super) fn one_of(column: &str, values: Vec<Value>) -> Clause {
    Clause::new(format!("{column} IN ({})", marks(values.len())), values)
}

pub(super) fn blob(bytes: impl AsRef<[u8]>) -> Value {
    Value::Blob(bytes.as_ref().to_vec())
}

/// A list: where its rows come from, which of them, and what it goes by.
pub(super) struct Listing {
    pub(super) columns: &'static str,
    pub(super) from: Clause,
    pub(super) filter: Clause,
    /// Sort columns; the last one is unique.
    pub(super) key: &'static str,
    pub(super) descending: bool,
}

/// Where a row stands relative to a key, in list order.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Behind,
    AtOrBehind,
    Before,
    AtOrBefore,
}

impl Listing {
    /// The part of the list that was asked for.
    pub(super) fn page<T>(
        &self,
        connection: &Connection,
        page: &PageRequest,
        mut read: impl FnMut(&Row<'_>) -> Result<(SortKey, T), Fault>,
    ) -> Result<Page<T>, Fault> {
        let limit = page.limit as usize;
        let mut rows = self.window(connection, page, &mut read)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut has_next =
            page.before.is_some() && self.any(connection, page.before.as_ref(), Side::AtOrBehind)?;
        let mut has_previous =
            page.after.is_some() && self.any(connection, page.after.as_ref(), Side::AtOrBefore)?;
        if page.backwards {
            rows.reverse();
            has_previous |= more;
        } else {
            has_next |= more;
        }
        Ok(Page { rows, has_next, has_previous })
    }

    /// How many rows the whole list has.
    pub(super) fn count(&self, connection: &Connection) -> Result<u64, Fault> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.from.sql, self.filter.sql);
        let values = self.from.values.iter().chain(&self.filter.values);
        let count: i64 =
            connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
        crate::column::to_number(count)
    }

    /// One row more than asked for, from the end that was asked for.
    fn window<T>(
        &self,
        connection: &Connection,
        page: &PageRequest,
        read: &mut impl FnMut(&Row<'_>) -> Result<(SortKey, T), Fault>,
    ) -> Result<Vec<(SortKey, T)>, Fault> {
        let Clause { sql, values } = self.select(page)?;
        super::doc::all(connection, &sql, params_from_iter(values), read)
    }

    fn select(&self, page: &PageRequest) -> Result<Clause, Fault> {
        let mut filter = self.filter.clone();
        if let Some(key) = &page.after {
            filter.and(self.beside(key, Side::Behind)?);
        }
        if let Some(key) = &page.before {
            filter.and(self.beside(key, Side::Before)?);
        }
        let down = if self.descending != page.backwards { " DESC" } else { "" };
        let order = self.key.split(", ").map(|column| format!("{column}{down}")).collect::<Vec<_>>();
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT ?",
            self.columns,
            self.from.sql,
            filter.sql,
            order.join(", ")
        );
        let limit = Value::Integer(i64::from(page.limit) + 1);
        Ok(Clause::new(sql, self.from.values.iter().cloned().chain(filter.values).chain([limit])))
    }

    /// How SQLite would look for a page.
    #[cfg(test)]
    pub(super) fn explain(&self, connection: &Connection, page: &PageRequest) -> Result<String, Fault> {
        let Clause { sql, values } = self.select(page)?.within("EXPLAIN QUERY PLAN ", "");
        let steps =
            super::doc::all(connection, &sql, params_from_iter(values), |row| Ok(row.get::<_, String>(3)?))?;
        Ok(steps.join("; "))
    }

    fn any(&self, connection: &Connection, key: Option<&SortKey>, side: Side) -> Result<bool, Fault> {
        let Some(key) = key else { return Ok(false) };
        let mut filter = self.filter.clone();
        filter.and(self.beside(key, side)?);
        let sql = format!("SELECT 1 FROM {} WHERE {} LIMIT 1", self.from.sql, filter.sql);
        let values = self.from.values.iter().chain(&filter.values);
        Ok(connection.prepare_cached(&sql)?.exists(params_from_iter(values))?)
    }

    /// The rows on one side of a key. The comparison has the shape of the index.
    fn beside(&self, key: &SortKey, side: Side) -> Result<Clause, Fault> {
        let values = key_values(key);
        if values.len() != self.key.split(", ").count() {
            return Err(Fault::Misused("a place in this list"));
        }
        let larger = match side {
            Side::Behind | Side::AtOrBehind => !self.descending,
            Side::Before | Side::AtOrBefore => self.descending,
        };
        let sign = match (larger, side) {
            (true, Side::AtOrBehind | Side::AtOrBefore) => ">=",
            (true, _) => ">",
            (false, Side::AtOrBehind | Side::AtOrBefore) => "<=",
            (false, _) => "<",
        };
        Ok(Clause::new(format!("({}) {sign} ({})", self.key, marks(values.len())), values))
    }
}

fn key_values(key: &SortKey) -> Vec<Value> {
    match key {
        SortKey::Position(at) => vec![blob(position(*at))],
        SortKey::Id(id) => vec![blob(id.as_bytes())],
        SortKey::Text(text, id) => vec![Value::Text(text.clone()), blob(id.as_bytes())],
        SortKey::Number(number, id) => vec![Value::Integer(number.unwrap_or(NEVER)), blob(id.as_bytes())],
    }
}
