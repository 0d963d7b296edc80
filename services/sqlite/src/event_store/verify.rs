//! The full check of the file.

use keytrail_domain::StreamId;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    column::{integer, to_number},
    fault::Fault,
};

/// Pages, indexes, counts and names; not the hash chain, which is the auditor's.
pub(super) fn verify(connection: &Connection) -> Result<(), Fault> {
    check_pages(connection)?;
    check_positions(connection)?;
    check_revisions(connection)?;
    check_streams(connection)
}

fn check_pages(connection: &Connection) -> Result<(), Fault> {
    let finding: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(Fault::Corrupt(finding)) }
}

fn check_positions(connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT position FROM events ORDER BY position")?;
    let mut rows = statement.query([])?;
    let mut expected: u64 = 1;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != integer(expected) {
            return Err(Fault::Corrupt(format!("the event at position {expected} is missing")));
        }
        expected += 1;
    }
    Ok(())
}

fn check_revisions(connection: &Connection) -> Result<(), Fault> {
    let find = "SELECT name, count(position), max(revision) FROM streams LEFT JOIN events ON stream = number \
                GROUP BY number HAVING count(position) IS NOT max(revision) + 1 LIMIT 1";
    let found: Option<String> = connection.query_row(find, [], |row| row.get(0)).optional()?;
    found.map_or(Ok(()), |name| Err(Fault::Corrupt(format!("a revision of {name} is missing"))))
}

fn check_streams(connection: &Connection) -> Result<(), Fault> {
    let find = "SELECT name, streams.tenant, \
                (SELECT count(*) FROM events WHERE stream = number AND events.tenant <> streams.tenant) \
                FROM streams";
    let mut statement = connection.prepare(find)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let tenant: [u8; 16] = row.get(1)?;
        let stream = StreamId::parse(&name).filter(|it| it.tenant_id().as_uuid().into_bytes() == tenant);
        if stream.is_none() || to_number(row.get(2)?)? > 0 {
            return Err(Fault::Corrupt(format!("stream {name} is not what its tenant says")));
        }
    }
    Ok(())
}
