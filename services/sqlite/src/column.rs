//! How values of ours stand in columns, in one place.

use keytrail_domain::{Position, Timestamp};
use rusqlite::Connection;

use crate::fault::Fault;

/// A position as bytes that sort as it does.
pub(crate) fn position(at: Position) -> [u8; 16] {
    ((u128::from(at.commit) << 64) | u128::from(at.prepare)).to_be_bytes()
}

/// A position from its bytes.
pub(crate) fn to_position(bytes: [u8; 16]) -> Position {
    let both = u128::from_be_bytes(bytes);
    Position { commit: (both >> 64) as u64, prepare: both as u64 }
}

/// A number that SQLite's signed integers hold; ours never come near their end.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was stored by [`integer`].
pub(crate) fn to_number(stored: i64) -> Result<u64, Fault> {
    u64::try_from(stored).map_err(|_| Fault::Corrupt("a number is negative".to_owned()))
}

/// A count of rows that a query may give.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Where "never" stands among times: behind all of them.
pub(crate) const NEVER: i64 = i64::MAX;

/// A time, or never.
pub(crate) fn moment(at: Option<Timestamp>) -> i64 {
    at.map_or(NEVER, Timestamp::as_micros)
}

/// A time that was stored by [`moment`].
pub(crate) fn to_moment(stored: i64) -> Option<Timestamp> {
    (stored != NEVER).then(|| Timestamp::from_micros(stored))
}

/// Runs a statement that is kept ready.
pub(crate) fn run(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(statement)?.execute(values)?)
}
