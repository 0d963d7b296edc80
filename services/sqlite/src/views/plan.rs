//! Which way to the rows: from a short list of candidates, or along the order that was asked for.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::listing::Clause;
use crate::fault::Fault;

/// Up to so many candidates are fetched and sorted; with more, a walk along the sort index soon
/// finds a page full of them.
pub(super) const FEW: i64 = 1_000;
/// So few that nothing shorter is looked for.
const VERY_FEW: i64 = 64;

/// The shortest of these candidate lists; none when all are longer than `few`. Each is a `SELECT` of one
/// column that covers every row that fits, and may hold others.
pub(super) fn fewest(connection: &Connection, lists: Vec<Clause>, few: i64) -> Result<Option<Clause>, Fault> {
    let mut best: Option<(i64, Clause)> = None;
    for list in lists {
        let bound = best.as_ref().map_or(few, |(length, _)| length - 1);
        let length = length_up_to(connection, &list, bound + 1)?;
        if length <= bound {
            best = Some((length, list));
        }
        if best.as_ref().is_some_and(|(length, _)| *length <= VERY_FEW) {
            break;
        }
    }
    Ok(best.map(|(_, list)| list))
}

fn length_up_to(connection: &Connection, list: &Clause, most: i64) -> Result<i64, Fault> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM ({}) LIMIT ?)", list.sql);
    let most = Value::Integer(most);
    let values = list.values.iter().chain([&most]);
    Ok(connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?)
}
