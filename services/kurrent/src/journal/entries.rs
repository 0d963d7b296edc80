//! Entries: `ktj.<topic>-<tenant>.<subject>`, numbered by their place in the stream. *Format*.

use eventstore::RecordedEvent;
use keytrail_domain::{TenantId, Timestamp};
use keytrail_ports::{JournalEntry, JournalError, JournalPlace, NewJournalEntry, Span, SpanEnd};
use serde::Deserialize;
use serde_json::json;

use super::{
    KurrentJournal,
    stream::{self, Keeps},
};

/// Events read at once.
const PAGE: usize = 256;
/// Clocks of nodes differ: what is so much older than the last of a page stands in no later page.
const SKEW_SECONDS: i64 = 60;

/// What an entry is about: whose, topic, subject.
type About<'a> = (TenantId, &'a str, &'a str);

#[derive(Deserialize)]
struct Meta {
    at: Timestamp,
}

fn name((tenant, topic, subject): About<'_>) -> String {
    format!("ktj.{topic}-{tenant}.{subject}")
}

fn about(entry: &NewJournalEntry) -> About<'_> {
    (entry.tenant, &entry.topic, &entry.subject)
}

fn entry(about: About<'_>, event: &RecordedEvent) -> Result<JournalEntry, JournalError> {
    let meta: Meta = serde_json::from_slice(&event.custom_metadata).map_err(|_| {
        JournalError::Corrupt(format!("entry {} of {} has no time", event.revision, name(about)))
    })?;
    let (tenant, topic, subject) = about;
    let (topic, subject) = (topic.to_owned(), subject.to_owned());
    let entry = NewJournalEntry { tenant, topic, subject, at: meta.at, data: event.data.to_vec() };
    Ok(JournalEntry { number: event.revision + 1, entry })
}

impl KurrentJournal {
    /// Those about one subject together, in their order; answers the last one's number.
    pub(super) async fn keep(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError> {
        let mut rest: Vec<&NewJournalEntry> = entries.iter().collect();
        let (mut number, last) = (0, entries.last().map(about));
        while let Some(first) = rest.first().map(|entry| about(entry)) {
            let (same, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|entry| about(entry) == first);
            let events: Vec<_> = same
                .iter()
                .map(|entry| stream::event(&entry.topic, &entry.data, &json!({ "at": entry.at })))
                .collect();
            let keeps = self.kept.get(first.1).map_or(Keeps::All, |age| Keeps::Younger(*age));
            let written = self.write(&name(first), &events, keeps).await? + 1;
            if last == Some(first) {
                number = written;
            }
            rest = others;
        }
        Ok(number)
    }

    pub(super) async fn newest(
        &self,
        about: About<'_>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        // Numbers begin at 1, revisions at 0.
        let from = match before {
            Some(0 | 1) => return Ok(Vec::new()),
            Some(before) => Some(before - 2),
            None => None,
        };
        let events = self.backwards(&name(about), from, max).await?;
        events.iter().map(|event| entry(about, event)).collect()
    }

    /// One end of a span, by time and then by number. In the stream they stand in nearly that order.
    pub(super) async fn part(
        &self,
        span: &Span,
        end: SpanEnd,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        let about = (span.tenant, span.topic.as_str(), span.subject.as_str());
        let (stream, mut found, mut next) = (name(about), Vec::new(), None);
        loop {
            let page = match end {
                SpanEnd::Newest => self.backwards(&stream, next, PAGE).await?,
                SpanEnd::Oldest => self.forwards(&stream, next.unwrap_or(0), PAGE).await?,
            };
            let last = page.last().map(|event| event.revision);
            let full = page.len() == PAGE;
            let page = page.iter().map(|event| entry(about, event)).collect::<Result<Vec<_>, _>>()?;
            let reached = page.last().map(place);
            found.extend(page.into_iter().filter(|entry| is_inside(span, place(entry))));
            next = match (end, last) {
                (SpanEnd::Newest, Some(last)) => last.checked_sub(1),
                (SpanEnd::Oldest, Some(last)) => Some(last + 1),
                (_, None) => None,
            };
            if !full || next.is_none() || is_enough(span, end, max, &mut found, reached) {
                break;
            }
        }
        sort(end, &mut found);
        found.truncate(max);
        Ok(found)
    }
}

fn place(entry: &JournalEntry) -> JournalPlace {
    (entry.entry.at, entry.number)
}

fn is_inside(span: &Span, place: JournalPlace) -> bool {
    span.after.is_none_or(|after| place > after) && span.before.is_none_or(|before| place < before)
}

fn sort(end: SpanEnd, found: &mut [JournalEntry]) {
    found.sort_by_key(place);
    if end == SpanEnd::Newest {
        found.reverse();
    }
}

/// True when no page further on can hold what belongs among those that were found.
fn is_enough(
    span: &Span,
    end: SpanEnd,
    max: usize,
    found: &mut [JournalEntry],
    reached: Option<JournalPlace>,
) -> bool {
    let Some((reached, _)) = reached else { return true };
    let far = |moment: Timestamp| match end {
        SpanEnd::Newest => reached.plus_seconds(SKEW_SECONDS) < moment,
        SpanEnd::Oldest => reached > moment.plus_seconds(SKEW_SECONDS),
    };
    let beyond = match end {
        SpanEnd::Newest => span.after,
        SpanEnd::Oldest => span.before,
    };
    if beyond.is_some_and(|(moment, _)| far(moment)) {
        return true;
    }
    sort(end, found);
    max.checked_sub(1).and_then(|last| found.get(last)).is_some_and(|last| far(last.entry.at))
}
