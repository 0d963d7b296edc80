//! Results of routine checks that told nothing new: entries of the journal. *Format*.

use keytrail_domain::{
    CredentialId, EventId, TenantId, Timestamp,
    verification::{Report, Trigger},
};
use keytrail_ports::{JournalEntry, JournalError, NewJournalEntry, Span, views::VerificationRow};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The journal's topic.
pub(crate) const TOPIC: &str = "check";
/// Days that they are kept.
pub(crate) const KEPT_DAYS: i64 = 90;
/// Numbers of entries in an id: beside version and variant of a UUID, 62 bits are left.
const NUMBERS: u128 = 1 << 62;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    report: Report,
}

/// The entry for a result.
pub(crate) fn entry(
    (tenant, id): (TenantId, CredentialId),
    at: Timestamp,
    version: u32,
    report: &Report,
) -> Result<NewJournalEntry, serde_json::Error> {
    let data = serde_json::to_vec(&Kept { version, report: report.clone() })?;
    Ok(NewJournalEntry { tenant, topic: TOPIC.to_owned(), subject: id.to_string(), at, data })
}

/// The entry as a row among those of events.
pub(crate) fn row(id: CredentialId, entry: JournalEntry) -> Result<VerificationRow, JournalError> {
    let JournalEntry { number, entry } = entry;
    let unreadable = |_| JournalError::Corrupt(format!("entry {number} is no check"));
    let Kept { version, report } = serde_json::from_slice(&entry.data).map_err(unreadable)?;
    Ok(VerificationRow {
        tenant: entry.tenant,
        credential: id,
        id: EventId::from_uuid(id_at(entry.at, number)),
        at: entry.at,
        version,
        trigger: Trigger::Routine,
        report,
    })
}

/// All entries about a credential.
pub(crate) fn all(tenant: TenantId, id: CredentialId) -> Span {
    Span { tenant, topic: TOPIC.to_owned(), subject: id.to_string(), after: None, before: None }
}

/// An id that sorts as time and number do, beside the ids of events: a UUIDv7 that holds the number
/// where others are random.
fn id_at(at: Timestamp, number: u64) -> Uuid {
    let millis = u128::from(u64::try_from(at.as_micros() / 1_000).unwrap_or_default());
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (0x2 << 62) | (u128::from(number) % NUMBERS))
}

/// The places in the journal just before and just after an id of this moment: (last below or at it,
/// first at or above it).
pub(crate) fn around(at: Timestamp, id: Uuid) -> ((Timestamp, u64), (Timestamp, u64)) {
    let first = id_at(at, 0).as_u128();
    match id.as_u128().checked_sub(first) {
        None => ((at.plus_micros(-1), u64::MAX), (at, 0)),
        Some(number) if number < NUMBERS => {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            ((at, number), (at, number))
        }
        Some(_) => ((at, u64::MAX), (at, u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_time_and_number_do() {
        let at = |micros: i64| Timestamp::from_micros(1_800_000_000_000_000 + micros);
        let ids = [id_at(at(0), 1), id_at(at(0), 2), id_at(at(0), 1 << 40), id_at(at(1_000), 1)];
        assert!(ids.is_sorted());
        assert_eq!((ids[0].get_version_num(), ids[0].get_variant()), (7, uuid::Variant::RFC4122));
    }

    #[test]
    fn an_id_has_its_place_in_the_journal_also_when_it_is_an_events() {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        assert_eq!(around(at, id_at(at, 7)), ((at, 7), (at, 7)));
        assert_eq!(around(at, Uuid::nil()), ((at.plus_micros(-1), u64::MAX), (at, 0)));
        assert_eq!(around(at, Uuid::max()), ((at, u64::MAX), (at, u64::MAX)));
    }

    #[test]
    fn what_was_written_is_read_by_every_later_version() {
        let stored = br#"{"version":3,"report":{"verdict":"VALID","message":"fine","durationMs":12}}"#;
        let id = CredentialId::from_uuid(Uuid::from_u128(1));
        let entry = NewJournalEntry {
            tenant: TenantId::of_slug("acme"),
            topic: TOPIC.into(),
            subject: id.to_string(),
            at: Timestamp::EPOCH,
            data: stored.to_vec(),
        };
        let row = row(id, JournalEntry { number: 1, entry }).unwrap();
        assert_eq!((row.version, row.report.message.as_str()), (3, "fine"));
        let again = super::entry((row.tenant, id), row.at, row.version, &row.report).unwrap();
        assert_eq!(again.data, stored);
    }
}
