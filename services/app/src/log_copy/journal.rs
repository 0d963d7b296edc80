//! The journal: entries by subject, and marks with their places in the new log.

use std::collections::BTreeMap;

use keytrail_domain::Position;
use keytrail_ports::{
    Journal, JournalError, JournalPlace, NewJournalEntry, Span, SpanEnd, Subject, WholeJournal,
};
use serde_json::Value;

use super::{CopyStage, MARK};
use crate::leases;

/// Entries read and written at once.
const PAGE: usize = 100;

/// A mark: its name and value.
type Named = (String, Vec<u8>);

/// The marks that are copied: who does which work is no fact of the log.
pub(super) async fn marks_of(journal: &dyn WholeJournal) -> Result<Vec<Named>, JournalError> {
    let all = journal.marks().await?.into_iter();
    Ok(all.filter(|(name, _)| !leases::is_lease(name) && name != MARK).collect())
}

/// Every place of the log that a mark names.
pub(super) fn places_in(marks: &[Named]) -> Vec<Position> {
    let mut places = Vec::new();
    for (_, value) in marks {
        if let Ok(mut value) = serde_json::from_slice::<Value>(value) {
            each_place(&mut value, &mut |place| {
                places.push(place);
                place
            });
        }
    }
    places
}

/// Finds places anywhere in a value, and puts others there.
fn each_place(value: &mut Value, change: &mut impl FnMut(Position) -> Position) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|value| each_place(value, change)),
        Value::Object(fields) => {
            let place =
                (fields.len() == 2).then(|| serde_json::from_value::<Position>(fields.clone().into()));
            match place {
                Some(Ok(place)) => {
                    let Position { commit, prepare } = change(place);
                    fields.insert("commit".to_owned(), commit.into());
                    fields.insert("prepare".to_owned(), prepare.into());
                }
                _ => fields.values_mut().for_each(|value| each_place(value, change)),
            }
        }
        _ => {}
    }
}

/// Copies what the target has not; `begun` says that it may have some of it. Entries of a subject are copied in
/// order, so that the newest one there tells how far an earlier run came, whatever was forgotten since.
pub(super) async fn copy_entries(
    from: &dyn WholeJournal,
    to: &dyn Journal,
    begun: bool,
    told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
) -> Result<u64, JournalError> {
    let subjects = from.subjects().await?;
    let (total, mut copied) = (subjects.len() as u64, 0);
    for (done, subject) in (1..).zip(subjects) {
        let newest = match begun {
            true => to.span(whole(&subject, None), SpanEnd::Newest, 1).await?.pop(),
            false => None,
        };
        copied += copy_subject(from, to, &subject, newest.map(|newest| newest.entry)).await?;
        told(CopyStage::Journal, done, Some(total));
    }
    Ok(copied)
}

async fn copy_subject(
    from: &dyn WholeJournal,
    to: &dyn Journal,
    subject: &Subject,
    newest: Option<NewJournalEntry>,
) -> Result<u64, JournalError> {
    let mut after = None;
    if let Some(newest) = &newest {
        // Several can be of one moment: the equal one tells.
        let before = newest.at.plus_micros(-1);
        let same_moment = from.span(whole(subject, Some((before, u64::MAX))), SpanEnd::Oldest, PAGE).await?;
        let last = same_moment.iter().rfind(|entry| entry.entry == *newest);
        after = Some(last.map_or((newest.at, u64::MAX), |entry| (entry.entry.at, entry.number)));
    }
    let mut copied = 0;
    loop {
        let page = from.span(whole(subject, after), SpanEnd::Oldest, PAGE).await?;
        let Some(last) = page.last() else { return Ok(copied) };
        after = Some((last.entry.at, last.number));
        let full = page.len() == PAGE;
        copied += page.len() as u64;
        to.append(page.into_iter().map(|entry| entry.entry).collect()).await?;
        if !full {
            return Ok(copied);
        }
    }
}

fn whole(subject: &Subject, after: Option<JournalPlace>) -> Span {
    let Subject { tenant, topic, subject } = subject.clone();
    Span { tenant, topic, subject, after, before: None }
}

/// Sets the marks, with places of the new log.
pub(super) async fn copy_marks(
    to: &dyn Journal,
    marks: Vec<Named>,
    places: &BTreeMap<Position, Position>,
) -> Result<(), JournalError> {
    for (name, value) in marks {
        let value = match serde_json::from_slice::<Value>(&value) {
            Ok(mut json) => {
                each_place(&mut json, &mut |place| places.get(&place).copied().unwrap_or(place));
                serde_json::to_vec(&json).map_err(|error| JournalError::Corrupt(error.to_string()))?
            }
            // A key, for example.
            Err(_) => value,
        };
        to.set_mark(&name, value).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_found_and_changed_wherever_they_are() {
        let place = |number: u64| json!({ "commit": number, "prepare": number });
        let value = json!({ "read": place(3), "lanes": [{ "at": place(1), "commit": 9 }], "n": 4 });
        let marks = vec![("a".to_owned(), serde_json::to_vec(&value).unwrap()), ("k".to_owned(), vec![0xff])];
        let found = places_in(&marks);
        assert_eq!(found.len(), 2);
        let mut changed = value;
        each_place(&mut changed, &mut |place| Position { commit: place.commit * 100, prepare: 7 });
        let other = |number: u64| json!({ "commit": number, "prepare": 7 });
        assert_eq!(
            changed,
            json!({ "read": other(300), "lanes": [{ "at": other(100), "commit": 9 }], "n": 4 })
        );
    }
}
