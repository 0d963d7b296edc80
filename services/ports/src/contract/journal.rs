//! The promises of [`Journal`].

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they speak")]

use futures_util::future::join_all;
use keytrail_domain::{TenantId, Timestamp};

use super::{fresh_id, fresh_tenant};
use crate::{Journal, JournalEntry, NewJournalEntry, Span, SpanEnd};

/// Makes every promise of [`Journal`] a test; the expression is a future of a fresh journal.
#[macro_export]
macro_rules! journal_contract {
    ($fresh:expr) => {
        $crate::contract_cases! { journal, $fresh,
            what_was_appended_is_there_in_order_and_numbered_upwards,
            appends_at_once_are_all_kept,
            a_topic_is_read_in_parts_for_every_tenant,
            a_subjects_newest_entries_come_first,
            what_is_about_a_subject_is_of_one_tenant,
            forgetting_drops_one_topics_old_entries,
            numbers_are_never_used_again,
            a_mark_keeps_its_last_value,
            a_span_is_read_from_both_ends_and_counted,
            entries_of_one_moment_are_told_apart_by_number,
        }
    };
}

/// A topic that no other case uses.
fn fresh_topic() -> String {
    format!("check-{}", fresh_id())
}

fn entry(tenant: TenantId, topic: &str, subject: &str, second: i64) -> NewJournalEntry {
    NewJournalEntry {
        tenant,
        topic: topic.to_owned(),
        subject: subject.to_owned(),
        at: Timestamp::EPOCH.plus_seconds(second),
        data: format!(r#"{{ "second" : {second} }}"#).into_bytes(),
    }
}

fn seconds(entries: &[JournalEntry]) -> Vec<i64> {
    entries.iter().map(|it| it.entry.at.as_seconds()).collect()
}

/// Promise 1.
pub async fn what_was_appended_is_there_in_order_and_numbered_upwards(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let new: Vec<_> = (0..5).map(|second| entry(tenant, &topic, "a", second)).collect();
    let first = journal.append(new[..2].to_vec()).await.unwrap();
    let last = journal.append(new[2..].to_vec()).await.unwrap();
    let kept = journal.read(&topic, 0, 10).await.unwrap();
    assert!(first < last);
    assert_eq!((kept[1].number, kept[4].number), (first, last));
    assert!(kept.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!(kept.into_iter().map(|it| it.entry).collect::<Vec<_>>(), new);
}

/// Promise 1.
pub async fn appends_at_once_are_all_kept(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let all = (0..50).map(|second| journal.append(vec![entry(tenant, &topic, "a", second); 2]));
    let mut numbers: Vec<u64> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 50);
    assert_eq!(journal.read(&topic, 0, 1_000).await.unwrap().len(), 100);
}

/// Promise 2.
pub async fn a_topic_is_read_in_parts_for_every_tenant(journal: impl Journal) {
    let (topic, other) = (fresh_topic(), fresh_topic());
    for second in 0..6 {
        journal.append(vec![entry(fresh_tenant(), &topic, "a", second)]).await.unwrap();
        journal.append(vec![entry(fresh_tenant(), &other, "a", 99)]).await.unwrap();
    }
    let first = journal.read(&topic, 0, 4).await.unwrap();
    let rest = journal.read(&topic, first[3].number, 4).await.unwrap();
    assert_eq!((seconds(&first), seconds(&rest)), (vec![0, 1, 2, 3], vec![4, 5]));
}

/// Promise 3.
pub async fn a_subjects_newest_entries_come_first(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    for second in 0..6 {
        let pair = ["a", "b"].map(|subject| entry(tenant, &topic, subject, second));
        journal.append(pair.to_vec()).await.unwrap();
    }
    let newest = journal.about(tenant, &topic, "a", None, 4).await.unwrap();
    let before = Some(newest[3].number);
    let rest = journal.about(tenant, &topic, "a", before, 4).await.unwrap();
    assert_eq!((seconds(&newest), seconds(&rest)), (vec![5, 4, 3, 2], vec![1, 0]));
    assert!(newest.iter().chain(&rest).all(|it| it.entry.subject == "a"));
}

/// Promise 3.
pub async fn what_is_about_a_subject_is_of_one_tenant(journal: impl Journal) {
    let (ours, theirs, topic) = (fresh_tenant(), fresh_tenant(), fresh_topic());
    journal.append(vec![entry(ours, &topic, "a", 1), entry(theirs, &topic, "a", 2)]).await.unwrap();
    assert_eq!(seconds(&journal.about(ours, &topic, "a", None, 9).await.unwrap()), [1]);
}

/// Promise 4.
pub async fn forgetting_drops_one_topics_old_entries(journal: impl Journal) {
    let (tenant, topic, other) = (fresh_tenant(), fresh_topic(), fresh_topic());
    for second in 0..6 {
        let pair = [&topic, &other].map(|topic| entry(tenant, topic, "a", second));
        journal.append(pair.to_vec()).await.unwrap();
    }
    let moment = Timestamp::EPOCH.plus_seconds(4);
    assert_eq!(journal.forget(&topic, moment).await.unwrap(), 4);
    assert_eq!(journal.forget(&topic, moment).await.unwrap(), 0);
    assert_eq!(seconds(&journal.read(&topic, 0, 9).await.unwrap()), [4, 5]);
    assert_eq!(journal.read(&other, 0, 9).await.unwrap().len(), 6);
}

/// Promise 4: not even when the newest one was forgotten.
pub async fn numbers_are_never_used_again(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let first = journal.append(vec![entry(tenant, &topic, "a", 0)]).await.unwrap();
    journal.forget(&topic, Timestamp::EPOCH.plus_days(1)).await.unwrap();
    assert!(journal.append(vec![entry(tenant, &topic, "a", 1)]).await.unwrap() > first);
}

/// Promise 5.
pub async fn a_mark_keeps_its_last_value(journal: impl Journal) {
    let (name, other) = (fresh_topic(), fresh_topic());
    assert_eq!(journal.mark(&name).await.unwrap(), None);
    for value in [b"one".to_vec(), Vec::new(), b"two".to_vec()] {
        journal.set_mark(&name, value.clone()).await.unwrap();
        assert_eq!(journal.mark(&name).await.unwrap(), Some(value));
    }
    assert_eq!(journal.mark(&other).await.unwrap(), None);
}

fn span(tenant: TenantId, topic: &str) -> Span {
    Span { tenant, topic: topic.to_owned(), subject: "a".to_owned(), after: None, before: None }
}

/// Promise 6: by time, whatever the order of appending was.
pub async fn a_span_is_read_from_both_ends_and_counted(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    for second in [1, 4, 2, 5, 3] {
        let theirs = entry(fresh_tenant(), &topic, "a", second);
        let others = entry(tenant, &topic, "b", second);
        journal.append(vec![entry(tenant, &topic, "a", second), theirs, others]).await.unwrap();
    }
    let all = span(tenant, &topic);
    let newest = journal.span(all.clone(), SpanEnd::Newest, 9).await.unwrap();
    assert_eq!(seconds(&newest), [5, 4, 3, 2, 1]);
    let place = |it: &JournalEntry| Some((it.entry.at, it.number));
    let inner = Span { after: place(&newest[4]), before: place(&newest[0]), ..all.clone() };
    assert_eq!(seconds(&journal.span(inner.clone(), SpanEnd::Oldest, 2).await.unwrap()), [2, 3]);
    assert_eq!(seconds(&journal.span(inner.clone(), SpanEnd::Newest, 2).await.unwrap()), [4, 3]);
    assert_eq!((journal.count(all).await.unwrap(), journal.count(inner).await.unwrap()), (5, 3));
}

/// Promise 6.
pub async fn entries_of_one_moment_are_told_apart_by_number(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    journal.append(vec![entry(tenant, &topic, "a", 1); 3]).await.unwrap();
    let all = journal.span(span(tenant, &topic), SpanEnd::Oldest, 9).await.unwrap();
    let middle = Some((all[1].entry.at, all[1].number));
    for (bounded, expected) in [
        (Span { after: middle, ..span(tenant, &topic) }, all[2].number),
        (Span { before: middle, ..span(tenant, &topic) }, all[0].number),
    ] {
        let found = journal.span(bounded, SpanEnd::Newest, 9).await.unwrap();
        assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [expected]);
    }
}
