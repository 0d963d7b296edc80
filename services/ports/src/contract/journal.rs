//! The promises of [`Journal`].

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they speak")]

use futures_util::future::join_all;
use keytrail_domain::{TenantId, Timestamp};

use super::{fresh_id, fresh_tenant};
use crate::{Clock, Journal, JournalEntry, Mark, NewJournalEntry, Span, SpanEnd, SwapError, SystemClock};

/// Makes the promises of [`Journal`] tests; the expression is a future of a fresh journal.
#[macro_export]
macro_rules! journal_contract {
    ($fresh:expr) => {
        $crate::contract_cases! { journal, $fresh,
            what_was_appended_is_there_in_order_and_numbered_upwards,
            appends_at_once_are_all_kept,
            a_subjects_newest_entries_come_first,
            what_is_about_a_subject_is_of_one_tenant,
            forgetting_keeps_what_is_not_old_and_no_number_is_used_again,
            a_mark_keeps_its_last_value_and_each_change_gives_it_a_higher_version,
            a_mark_is_swapped_only_from_the_version_that_it_has,
            of_many_swaps_at_once_exactly_one_is_done,
            a_span_is_read_from_both_ends_and_counted,
            entries_of_one_moment_are_told_apart_by_number,
        }
    };
}

/// The same for a store that forgets when it is told to, and not by itself.
#[macro_export]
macro_rules! journal_forget_contract {
    ($fresh:expr) => {
        $crate::contract_cases! { journal, $fresh,
            forgetting_drops_one_topics_old_entries,
            numbers_of_what_was_dropped_are_never_used_again,
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

/// All entries about `a`, in the order of their numbers.
async fn all(journal: &impl Journal, tenant: TenantId, topic: &str) -> Vec<JournalEntry> {
    let mut found = journal.about(tenant, topic, "a", None, 1_000).await.unwrap();
    found.reverse();
    found
}

/// Promise 1.
pub async fn what_was_appended_is_there_in_order_and_numbered_upwards(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let new: Vec<_> = (0..5).map(|second| entry(tenant, &topic, "a", second)).collect();
    let first = journal.append(new[..2].to_vec()).await.unwrap();
    let last = journal.append(new[2..].to_vec()).await.unwrap();
    let kept = all(&journal, tenant, &topic).await;
    assert!(first < last);
    assert_eq!((kept[1].number, kept[4].number), (first, last));
    assert!(kept.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!(kept.into_iter().map(|it| it.entry).collect::<Vec<_>>(), new);
}

/// Promise 1.
pub async fn appends_at_once_are_all_kept(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let appends = (0..50).map(|second| journal.append(vec![entry(tenant, &topic, "a", second); 2]));
    let mut numbers: Vec<u64> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 50);
    assert_eq!(all(&journal, tenant, &topic).await.len(), 100);
}

/// Promise 2.
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

/// Promise 2.
pub async fn what_is_about_a_subject_is_of_one_tenant(journal: impl Journal) {
    let (ours, theirs, topic) = (fresh_tenant(), fresh_tenant(), fresh_topic());
    journal.append(vec![entry(ours, &topic, "a", 1), entry(theirs, &topic, "a", 2)]).await.unwrap();
    assert_eq!(seconds(&journal.about(ours, &topic, "a", None, 9).await.unwrap()), [1]);
}

/// Promises 3 and 7, of every store: it may have dropped the old entry or not.
pub async fn forgetting_keeps_what_is_not_old_and_no_number_is_used_again(journal: impl Journal) {
    let (tenant, topic, now) = (fresh_tenant(), fresh_topic(), SystemClock.now());
    let old = entry(tenant, &topic, "a", 0);
    let last = journal.append(vec![old, NewJournalEntry { at: now, ..entry(tenant, &topic, "a", 1) }]);
    let last = last.await.unwrap();
    journal.forget(&topic, now.plus_days(-1)).await.unwrap();
    assert_eq!(all(&journal, tenant, &topic).await.last().map(|it| it.number), Some(last));
    let next = NewJournalEntry { at: now, ..entry(tenant, &topic, "a", 2) };
    assert!(journal.append(vec![next]).await.unwrap() > last);
}

/// Promise 7.
pub async fn forgetting_drops_one_topics_old_entries(journal: impl Journal) {
    let (tenant, topic, other) = (fresh_tenant(), fresh_topic(), fresh_topic());
    for second in 0..6 {
        let pair = [&topic, &other].map(|topic| entry(tenant, topic, "a", second));
        journal.append(pair.to_vec()).await.unwrap();
    }
    let moment = Timestamp::EPOCH.plus_seconds(4);
    assert_eq!(journal.forget(&topic, moment).await.unwrap(), 4);
    assert_eq!(journal.forget(&topic, moment).await.unwrap(), 0);
    assert_eq!(seconds(&all(&journal, tenant, &topic).await), [4, 5]);
    assert_eq!(all(&journal, tenant, &other).await.len(), 6);
}

/// Promise 3: not even when the newest one was dropped.
pub async fn numbers_of_what_was_dropped_are_never_used_again(journal: impl Journal) {
    let (tenant, topic) = (fresh_tenant(), fresh_topic());
    let first = journal.append(vec![entry(tenant, &topic, "a", 0)]).await.unwrap();
    journal.forget(&topic, Timestamp::EPOCH.plus_days(1)).await.unwrap();
    assert!(journal.append(vec![entry(tenant, &topic, "a", 1)]).await.unwrap() > first);
}

/// Promise 4.
pub async fn a_mark_keeps_its_last_value_and_each_change_gives_it_a_higher_version(journal: impl Journal) {
    let (name, other) = (fresh_topic(), fresh_topic());
    assert_eq!(journal.mark(&name).await.unwrap(), None);
    let mut before = None;
    for value in [b"one".to_vec(), Vec::new(), b"two".to_vec(), b"two".to_vec()] {
        journal.set_mark(&name, value.clone()).await.unwrap();
        let mark = journal.mark(&name).await.unwrap().unwrap();
        assert_eq!(mark.value, value);
        assert!(before < Some(mark.version));
        before = Some(mark.version);
    }
    let swapped = journal.swap_mark(&name, before, b"three".to_vec()).await.unwrap();
    assert!(before < Some(swapped));
    let mark = Mark { value: b"three".to_vec(), version: swapped };
    assert_eq!(journal.mark(&name).await.unwrap(), Some(mark));
    assert_eq!(journal.mark(&other).await.unwrap(), None);
}

/// Promise 5.
pub async fn a_mark_is_swapped_only_from_the_version_that_it_has(journal: impl Journal) {
    let name = fresh_topic();
    let swap = |expected, value: &str| journal.swap_mark(&name, expected, value.as_bytes().to_vec());
    assert!(matches!(swap(Some(7), "nothing there").await, Err(SwapError::Conflict)));
    assert_eq!(journal.mark(&name).await.unwrap(), None);
    let first = swap(None, "first").await.unwrap();
    assert!(matches!(swap(None, "there already").await, Err(SwapError::Conflict)));
    journal.set_mark(&name, b"set".to_vec()).await.unwrap();
    assert!(matches!(swap(Some(first), "it was set").await, Err(SwapError::Conflict)));
    let mark = journal.mark(&name).await.unwrap().unwrap();
    assert_eq!(mark.value, b"set");
    let second = swap(Some(mark.version), "second").await.unwrap();
    assert!(matches!(swap(Some(mark.version), "too late").await, Err(SwapError::Conflict)));
    assert_eq!(journal.mark(&name).await.unwrap(), Some(Mark { value: b"second".to_vec(), version: second }));
}

/// Promise 5.
pub async fn of_many_swaps_at_once_exactly_one_is_done(journal: impl Journal) {
    let name = fresh_topic();
    let mut expected = None;
    for _ in 0..3 {
        let swaps = (0..20_u8).map(|number| journal.swap_mark(&name, expected, vec![number]));
        let swapped = join_all(swaps).await;
        let won: Vec<_> =
            (0..20_u8).zip(&swapped).filter_map(|(n, it)| Some((n, *it.as_ref().ok()?))).collect();
        let lost = swapped.iter().filter(|it| matches!(it, Err(SwapError::Conflict))).count();
        assert_eq!((won.len(), lost), (1, 19));
        let (value, version) = (vec![won[0].0], won[0].1);
        assert_eq!(journal.mark(&name).await.unwrap(), Some(Mark { value, version }));
        expected = Some(version);
    }
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
    let whole = span(tenant, &topic);
    let newest = journal.span(whole.clone(), SpanEnd::Newest, 9).await.unwrap();
    assert_eq!(seconds(&newest), [5, 4, 3, 2, 1]);
    let place = |it: &JournalEntry| Some((it.entry.at, it.number));
    let inner = Span { after: place(&newest[4]), before: place(&newest[0]), ..whole.clone() };
    assert_eq!(seconds(&journal.span(inner.clone(), SpanEnd::Oldest, 2).await.unwrap()), [2, 3]);
    assert_eq!(seconds(&journal.span(inner.clone(), SpanEnd::Newest, 2).await.unwrap()), [4, 3]);
    assert_eq!((journal.count(whole).await.unwrap(), journal.count(inner).await.unwrap()), (5, 3));
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
