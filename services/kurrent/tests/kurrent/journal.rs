//! The journal's promises, and what the server forgets by itself.

use std::time::Duration;

use keytrail_domain::{TenantId, Timestamp};
use keytrail_eventstore_double::{Double, Fault, Method};
use keytrail_kurrent::{KurrentJournal, Settings};
use keytrail_ports::{Journal, NewJournalEntry};

use crate::{address, double, opened};

const DAY: Duration = Duration::from_secs(86_400);

async fn at(address: &str) -> KurrentJournal {
    let settings = Settings::parse(address).expect("an address");
    let log = opened(address).await;
    KurrentJournal::new(settings, &log, [("check".to_owned(), DAY)]).expect("a client")
}

async fn journal() -> KurrentJournal {
    at(&address().await).await
}

keytrail_ports::journal_contract!(journal());

fn check(second: i64) -> NewJournalEntry {
    NewJournalEntry {
        tenant: TenantId::of_slug("acme"),
        topic: "check".to_owned(),
        subject: "cred_1".to_owned(),
        at: Timestamp::EPOCH.plus_seconds(second),
        data: br#"{"verdict":"VALID"}"#.to_vec(),
    }
}

async fn kept(journal: &KurrentJournal) -> usize {
    journal.about(TenantId::of_slug("acme"), "check", "cred_1", None, 99).await.unwrap().len()
}

fn stored(double: &Double) -> usize {
    double.all().iter().filter(|event| event.stream.starts_with("ktj.check-ten_")).count()
}

#[tokio::test]
async fn the_server_forgets_what_is_old_and_keeps_of_a_mark_the_last_value() {
    let double = double().await;
    let journal = at(&double.url()).await;
    let first = journal.append(vec![check(1), check(2)]).await.unwrap();
    double.pass(DAY * 2);
    assert_eq!(kept(&journal).await, 0);
    let next = journal.append(vec![check(3)]).await.unwrap();
    assert_eq!((first, next, kept(&journal).await), (2, 3, 1), "and uses no number twice");
    for value in [b"one".to_vec(), br#"{"two":2}"#.to_vec()] {
        journal.set_mark("reactor", value).await.unwrap();
    }
    let shown = double.events("ktm-reactor");
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1].content_type, "application/json", "a person can read it");
    assert_eq!(journal.mark("reactor").await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn an_entry_that_was_cut_off_is_kept_once() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let double = double().await;
        let journal = at(&double.url()).await;
        journal.append(vec![check(1)]).await.unwrap();
        double.faults().once(Method::Append, fault.clone());
        assert_eq!(journal.append(vec![check(2), check(3)]).await.unwrap(), 3, "{fault:?}");
        assert_eq!(stored(double), 3, "{fault:?}");
        double.faults().once(Method::Append, fault.clone());
        let version = journal.swap_mark("lease/schedule", None, b"me".to_vec()).await.unwrap();
        assert_eq!(version, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn nodes_write_to_one_journal_and_know_each_others_ends() {
    let double = double().await;
    let (one, other) = (at(&double.url()).await, at(&double.url()).await);
    for second in 0..5 {
        one.append(vec![check(second)]).await.unwrap();
        other.append(vec![check(second)]).await.unwrap();
    }
    assert_eq!((kept(&one).await, kept(&other).await), (10, 10));
    one.set_mark("m", b"1".to_vec()).await.unwrap();
    other.set_mark("m", b"2".to_vec()).await.unwrap();
    assert_eq!(one.mark("m").await.unwrap().unwrap().value, b"2");
}

#[tokio::test]
async fn a_long_span_is_read_from_both_ends() {
    use keytrail_ports::{Span, SpanEnd};
    let double = double().await;
    let journal = at(&double.url()).await;
    journal.append((0..700).map(|minute| check(minute * 60)).collect()).await.unwrap();
    // One node's clock was behind.
    journal.append(vec![check(699 * 60 - 30)]).await.unwrap();
    let whole = Span {
        tenant: TenantId::of_slug("acme"),
        topic: "check".to_owned(),
        subject: "cred_1".to_owned(),
        after: None,
        before: None,
    };
    let seconds = |span: Span, end, max| {
        let journal = &journal;
        async move {
            let found = journal.span(span, end, max).await.unwrap();
            found.iter().map(|it| it.entry.at.as_seconds()).collect::<Vec<_>>()
        }
    };
    assert_eq!(seconds(whole.clone(), SpanEnd::Newest, 3).await, [41_940, 41_910, 41_880]);
    assert_eq!(seconds(whole.clone(), SpanEnd::Oldest, 2).await, [0, 60]);
    let late = Span { after: Some((Timestamp::EPOCH.plus_seconds(600 * 60), u64::MAX)), ..whole.clone() };
    assert_eq!(journal.count(late.clone()).await.unwrap(), 100);
    assert_eq!(seconds(late, SpanEnd::Oldest, 1).await, [601 * 60]);
    assert_eq!(journal.count(whole).await.unwrap(), 701);
}
