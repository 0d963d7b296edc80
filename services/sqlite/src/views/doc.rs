//! Rows as JSON, for everything that no list goes by.

use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::{Serialize, de::DeserializeOwned};

use crate::fault::Fault;

pub(super) fn write(row: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(row).map_err(|_| Fault::Corrupt("a row cannot be written as json".to_owned()))
}

/// Never quotes the row.
pub(super) fn read<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, Fault> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    serde_json::from_slice(bytes).map_err(|_| Fault::Corrupt("a row cannot be read".to_owned()))
}

/// The row that a statement finds: its first column is the document.
pub(super) fn find<T: DeserializeOwned>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
) -> Result<Option<T>, Fault> {
    one(connection, statement, values, |row| read(row, 0))
}

/// What `read` makes of the first row.
pub(super) fn one<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(statement)?;
    statement.query_row(values, |row| Ok(read(row))).optional()?.transpose()
}

/// What `read` makes of every row.
pub(super) fn all<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}
