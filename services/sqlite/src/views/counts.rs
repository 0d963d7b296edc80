//! Counts for a dashboard.

use std::collections::BTreeMap;

use keytrail_domain::{
    Timestamp,
    credential::{EXPIRING_DAYS, Status, status},
};
use keytrail_ports::views::{DailyRow, StatusCounts};
use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::{
    authority::{GRANT, OWNER},
    code,
    credentials::Question,
    doc,
    listing::{Clause, blob},
    thing::Tenant,
};
use crate::{column::to_number, fault::Fault};

pub(super) fn status_counts(connection: &Connection, question: &Question<'_>) -> Result<StatusCounts, Fault> {
    Ok(StatusCounts {
        by_status: by_status(connection, question)?,
        by_component: by_component(connection, question)?,
        by_team: by_team(connection, question)?,
    })
}

/// Groups by what the status depends on, and lets the domain say which status that is.
fn by_status(connection: &Connection, question: &Question<'_>) -> Result<Vec<(Status, u64)>, Fault> {
    let now = question.query.now;
    let soon = now.plus_days(EXPIRING_DAYS);
    let source = question.source(connection, "credentials_by_status")?;
    let conditions = question.conditions();
    let sql = format!(
        "SELECT c.life, c.suspended, c.health, (c.expires_at > ?) + (c.expires_at > ?) AS bucket, count(*) \
         FROM {} WHERE {} GROUP BY 1, 2, 3, 4",
        source.sql, conditions.sql
    );
    let ends = [now, soon].map(|end| Value::Integer(end.as_micros()));
    let values = ends.iter().chain(&source.values).chain(&conditions.values);
    let mut counts = BTreeMap::new();
    doc::all(connection, &sql, params_from_iter(values), |row| {
        let health = code::to_health(row.get(2)?)?;
        let end: Option<Timestamp> = match row.get(3)? {
            0 => Some(now),
            1 => Some(soon),
            _ => None,
        };
        let (deleted, suspended) = (row.get::<_, i64>(0)? != 0, row.get(1)?);
        *counts.entry(status(health, suspended, deleted, end, now)).or_default() += to_number(row.get(4)?)?;
        Ok(())
    })?;
    Ok(counts.into_iter().collect())
}

fn by_component(connection: &Connection, question: &Question<'_>) -> Result<Vec<(String, u64)>, Fault> {
    let source = question.source(connection, "credentials_by_component")?;
    let conditions = question.conditions();
    let sql = format!(
        "SELECT c.component, count(*) FROM {} WHERE {} GROUP BY c.component ORDER BY c.component",
        source.sql, conditions.sql
    );
    let values = source.values.iter().chain(&conditions.values);
    doc::all(connection, &sql, params_from_iter(values), |row| Ok((row.get(0)?, to_number(row.get(1)?)?)))
}

/// A team counts what it owns and what it was granted, each once.
fn by_team(
    connection: &Connection,
    question: &Question<'_>,
) -> Result<Vec<(keytrail_domain::Grantee, u64)>, Fault> {
    let source = question.source(connection, "credentials_by_status")?;
    let mut conditions = question.conditions();
    conditions
        .and(Clause::new("t.principal >= ? AND t.principal < ?", [blob(code::TEAMS.0), blob(code::TEAMS.1)]));
    conditions.and(Clause::new("t.expires_at > ?", [Value::Integer(question.query.now.as_micros())]));
    let sql = format!(
        "SELECT t.principal, count(DISTINCT c.number) FROM {} \
         CROSS JOIN authority AS t INDEXED BY authority_of_object \
         ON t.tenant = c.tenant AND t.object = c.number AND t.kind IN ({GRANT}, {OWNER}) AND t.until_pos IS NULL \
         WHERE {} GROUP BY t.principal ORDER BY t.principal",
        source.sql, conditions.sql
    );
    let values = source.values.iter().chain(&conditions.values);
    doc::all(connection, &sql, params_from_iter(values), |row| {
        Ok((code::to_grantee(row.get(0)?)?, to_number(row.get(1)?)?))
    })
}

/// Checks and failures by day.
pub(super) fn daily(connection: &Connection, tenant: Tenant, from_day: &str) -> Result<Vec<DailyRow>, Fault> {
    let find = "SELECT day, verifications, failures FROM daily WHERE tenant = ? AND day >= ? ORDER BY day";
    doc::all(connection, find, params![tenant.0, from_day], |row| {
        let (verifications, failures) = (to_number(row.get(1)?)?, to_number(row.get(2)?)?);
        Ok(DailyRow { day: row.get(0)?, verifications, failures })
    })
}
