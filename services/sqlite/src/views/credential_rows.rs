//! Credentials' rows in a transaction: read once, held back, written once at its end, however
//! many events of the batch touch them.

use std::{collections::HashMap, sync::Arc};

use keytrail_domain::CredentialId;
use keytrail_ports::views::CredentialRow;
use rusqlite::{Connection, params};

use super::{
    code, doc,
    hot::{Hot, Kept},
    text,
    thing::{Tenant, Thing},
    writer::Mode,
};
use crate::{
    column::{moment, run},
    fault::Fault,
};

/// What the transaction has seen, in the order of first sight.
#[derive(Default)]
pub(super) struct CredentialRows {
    rows: Vec<Held>,
    places: HashMap<(Tenant, CredentialId), usize>,
}

struct Held {
    tenant: Tenant,
    stored: Option<Kept>,
    new: Option<(Thing, Arc<CredentialRow>)>,
}

impl CredentialRows {
    pub(super) fn get(
        &mut self,
        inside: &Connection,
        hot: &Hot,
        tenant: Tenant,
        id: CredentialId,
    ) -> Result<Option<Arc<CredentialRow>>, Fault> {
        let held = self.held(inside, hot, tenant, id)?;
        let stored = held.stored.as_ref().map(|stored| &stored.row);
        Ok(held.new.as_ref().map(|(_, row)| row).or(stored).map(Arc::clone))
    }

    pub(super) fn put(
        &mut self,
        inside: &Connection,
        hot: &Hot,
        (tenant, thing): (Tenant, Thing),
        row: &CredentialRow,
    ) -> Result<(), Fault> {
        let held = self.held(inside, hot, tenant, row.id)?;
        held.new = Some((thing, Arc::new(row.clone())));
        Ok(())
    }

    /// Writes what was put; answers it as it stands now.
    pub(super) fn write(self, inside: &Connection, mode: Mode) -> Result<Vec<Kept>, Fault> {
        let changed = self.rows.into_iter().filter(|held| held.new.is_some());
        changed.map(|held| held.write(inside, mode)).collect()
    }

    fn held(
        &mut self,
        inside: &Connection,
        hot: &Hot,
        tenant: Tenant,
        id: CredentialId,
    ) -> Result<&mut Held, Fault> {
        let place = match self.places.get(&(tenant, id)) {
            Some(place) => *place,
            None => {
                let stored = stored(inside, hot, tenant, id)?;
                self.rows.push(Held { tenant, stored, new: None });
                self.places.insert((tenant, id), self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        Ok(&mut self.rows[place])
    }
}

/// The writer alone changes rows, so what is kept ready is what is stored.
fn stored(inside: &Connection, hot: &Hot, tenant: Tenant, id: CredentialId) -> Result<Option<Kept>, Fault> {
    match hot.get(id) {
        Some(kept) => Ok(Some(kept)),
        None => load(inside, tenant, id),
    }
}

/// The row as stored.
pub(super) fn load(
    connection: &Connection,
    Tenant(tenant): Tenant,
    id: CredentialId,
) -> Result<Option<Kept>, Fault> {
    let find = "SELECT doc, c.number, version FROM things AS t CROSS JOIN credentials AS c \
                ON c.number = t.number CROSS JOIN credential_docs AS d ON d.number = t.number \
                WHERE t.tenant = ? AND t.id = ?";
    doc::one(connection, find, params![tenant, id.as_uuid().into_bytes()], |row| {
        Ok(Kept { row: Arc::new(doc::read(row, 0)?), number: row.get(1)?, version: row.get(2)? })
    })
}

impl Held {
    fn write(self, inside: &Connection, mode: Mode) -> Result<Kept, Fault> {
        let Some((Thing(number), row)) = self.new else { return Err(Fault::Misused("a changed row")) };
        let before = self.stored.as_ref().map(|stored| &*stored.row);
        let search = text::searchable(&row);
        let version = match &self.stored {
            Some(stored) => update(inside, stored, &row, &search)?,
            None => insert(inside, (self.tenant, number), &row, &search)?,
        };
        let doc = doc::write(&*row)?;
        run(inside, "REPLACE INTO credential_docs (number, doc) VALUES (?, ?)", params![number, doc])?;
        let place = Place { inside, tenant: self.tenant, number };
        place.write_labels(before, &row)?;
        place.write_usages(before, &row)?;
        if mode == Mode::Live && before.map(text::searchable).as_ref() != Some(&search) {
            place.index_text(before.is_some(), &search)?;
        }
        Ok(Kept { number, version, row })
    }
}

/// Answers the version: the first.
fn insert(
    inside: &Connection,
    (tenant, number): (Tenant, i64),
    row: &CredentialRow,
    search: &str,
) -> Result<i64, Fault> {
    let insert = "INSERT INTO credentials (version, number, tenant, id, created_at, life, name, external_id, component, \
                  kind, owner, health, suspended, open_alerts, offered, updated_at, expires_at, leased_at, search) \
                  VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let id = row.id.as_uuid().into_bytes();
    let mut statement = inside.prepare_cached(insert)?;
    let mut place = 0;
    let fixed: [&dyn rusqlite::ToSql; 4] = [&number, &tenant.0, &id, &row.created_at.as_micros()];
    for value in fixed {
        place += 1;
        statement.raw_bind_parameter(place, value)?;
    }
    bind_changing(&mut statement, place, row, search)?;
    statement.raw_execute()?;
    Ok(1)
}

/// Answers the version: the next.
fn update(inside: &Connection, stored: &Kept, row: &CredentialRow, search: &str) -> Result<i64, Fault> {
    let update = "UPDATE credentials SET version = ?, life = ?, name = ?, external_id = ?, component = ?, \
                  kind = ?, owner = ?, health = ?, suspended = ?, open_alerts = ?, offered = ?, updated_at = ?, \
                  expires_at = ?, leased_at = ?, search = ? WHERE number = ?";
    let version = stored.version + 1;
    let mut statement = inside.prepare_cached(update)?;
    statement.raw_bind_parameter(1, version)?;
    let last = bind_changing(&mut statement, 1, row, search)?;
    statement.raw_bind_parameter(last + 1, stored.number)?;
    statement.raw_execute()?;
    Ok(version)
}

/// Binds what can change, behind `place`; answers the last place.
fn bind_changing(
    statement: &mut rusqlite::Statement<'_>,
    mut place: usize,
    row: &CredentialRow,
    search: &str,
) -> Result<usize, Fault> {
    let leased_at = row.last_leased_at.map_or(i64::MIN, keytrail_domain::Timestamp::as_micros);
    let values: [&dyn rusqlite::ToSql; 14] = [
        &code::life(row),
        &text::folded(&row.name),
        &row.external_id,
        &row.component.slug,
        &code::kind(row.kind),
        &code::owner(row.owner),
        &code::health(row.health),
        &row.is_frozen(),
        &row.open_alerts,
        &row.offer.is_some(),
        &row.updated_at.as_micros(),
        &moment(row.expires_at),
        &leased_at,
        &search,
    ];
    for value in values {
        place += 1;
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(place)
}

/// One credential's rows in the other tables.
struct Place<'a> {
    inside: &'a Connection,
    tenant: Tenant,
    number: i64,
}

impl Place<'_> {
    fn write_labels(&self, before: Option<&CredentialRow>, row: &CredentialRow) -> Result<(), Fault> {
        if before.map_or(row.labels.iter().next().is_none(), |before| before.labels == row.labels) {
            return Ok(());
        }
        run(self.inside, "DELETE FROM labels WHERE credential = ?", [self.number])?;
        for (key, value) in row.labels.iter() {
            let insert = "INSERT INTO labels (credential, key, value, tenant) VALUES (?, ?, ?, ?)";
            run(self.inside, insert, params![self.number, key, value, self.tenant.0])?;
        }
        Ok(())
    }

    fn write_usages(&self, before: Option<&CredentialRow>, row: &CredentialRow) -> Result<(), Fault> {
        if before.map_or(row.usages.is_empty(), |before| before.usages == row.usages) {
            return Ok(());
        }
        run(self.inside, "DELETE FROM usages WHERE credential = ?", [self.number])?;
        for usage in &row.usages {
            let insert = "INSERT OR IGNORE INTO usages (credential, usage, tenant) VALUES (?, ?, ?)";
            run(self.inside, insert, params![self.number, usage.id, self.tenant.0])?;
        }
        Ok(())
    }

    fn index_text(&self, indexed: bool, search: &str) -> Result<(), Fault> {
        if indexed {
            run(self.inside, "DELETE FROM credential_text WHERE rowid = ?", [self.number])?;
        }
        index_text(self.inside, self.tenant, self.number, search)
    }
}

/// Adds a text to the trigram index.
pub(super) fn index_text(
    inside: &Connection,
    tenant: Tenant,
    number: i64,
    search: &str,
) -> Result<(), Fault> {
    let insert = "INSERT INTO credential_text (rowid, text) VALUES (?, ?)";
    run(inside, insert, params![number, text::indexed(tenant, search)]).map(|_| ())
}
