//! The sweep on the stores that need no server.

use std::{collections::HashSet, sync::Arc};

use keytrail_domain::{EventId, NewEvent, SecretId, SecretPayload, StreamId, TenantId};
use keytrail_ports::{
    Clock, Expected, SystemClock,
    memory::{MemoryEventStore, MemorySecretStore, VaultTrouble},
};
use tempfile::TempDir;

use super::*;
use crate::{KeySource, SealedConfig, SealedSecretStore};

/// A log with so many events; the ids of one `life` are its own.
async fn log_of(events: u128, life: u128) -> MemoryEventStore {
    let log = MemoryEventStore::default();
    grow(&log, 0..events, life).await;
    log
}

async fn grow(log: &MemoryEventStore, numbers: std::ops::Range<u128>, life: u128) {
    let tenant = TenantId::of_slug("acme");
    for number in numbers {
        let event = NewEvent {
            id: EventId::from_uuid(Uuid::from_u128(life << 64 | number)),
            event_type: "TenantSettingsChanged".to_owned(),
            data: b"{}".as_slice().into(),
            metadata: b"{}".as_slice().into(),
        };
        let expected =
            u64::try_from(number).unwrap().checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
        log.append(&StreamId::tenant(tenant), expected, vec![event]).await.unwrap();
    }
}

fn place(number: u128) -> SecretRef {
    let tenant = TenantId::from_uuid(Uuid::from_u128(number % 2));
    SecretRef { tenant, owner: Uuid::from_u128(number), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

/// Four secrets of two tenants; events of the log name the first two.
async fn filled(store: &dyn SecretStore, log: &dyn EventStore) -> HashSet<SecretRef> {
    for number in 1..=4 {
        store.put(place(number), &SecretPayload::default()).await.unwrap();
    }
    remember(store, log).await.unwrap();
    HashSet::from([place(1), place(2)])
}

fn tomorrow() -> Timestamp {
    SystemClock.now().plus_seconds(GRACE_SECONDS + 60)
}

async fn run(
    store: &dyn SecretStore,
    log: &dyn EventStore,
    known: &HashSet<SecretRef>,
    change: impl FnOnce(&mut SweepRequest<'_>),
) -> Result<SweepReport, SweepError> {
    let is_known = |at| known.contains(&at);
    let mut request = SweepRequest { log, is_known: &is_known, now: tomorrow(), mode: SweepMode::Hide };
    change(&mut request);
    sweep(store, request).await
}

async fn left(store: &dyn SecretStore) -> Vec<SecretRef> {
    let mut left = Vec::new();
    for number in 1..=4 {
        if store.get(place(number)).await.is_ok() {
            left.push(place(number));
        }
    }
    left
}

async fn hides_what_is_old_and_unnamed(store: &dyn SecretStore) {
    let log = &log_of(2, 1).await;
    let known = filled(store, log).await;
    let dry = run(store, log, &known, |it| it.mode = SweepMode::DryRun).await.unwrap();
    assert_eq!((dry.named, dry.young, dry.swept.len()), (2, 0, 2));
    assert_eq!(left(store).await.len(), 4, "a dry run changes nothing");

    let mut wet = run(store, log, &known, |_| {}).await.unwrap();
    wet.swept.sort();
    assert_eq!(wet, SweepReport { named: 2, young: 0, swept: vec![place(3), place(4)] }.sorted());
    assert_eq!(left(store).await, [place(1), place(2)]);
    assert_eq!(run(store, log, &known, |_| {}).await.unwrap().swept, [], "the second time nothing is left");

    store.undelete(place(3)).await.unwrap();
    assert!(store.get(place(3)).await.is_ok(), "what was swept can be brought back");
}

impl SweepReport {
    fn sorted(mut self) -> Self {
        self.swept.sort();
        self
    }
}

#[tokio::test]
async fn a_sweep_hides_what_is_old_and_unnamed() {
    hides_what_is_old_and_unnamed(&MemorySecretStore::default()).await;
}

#[tokio::test]
async fn a_sweep_hides_what_is_old_and_unnamed_in_a_sealed_store() {
    let folder = TempDir::new().unwrap();
    let key = KeySource::File(folder.path().join("key"));
    let config = SealedConfig { path: folder.path().join("secrets.db"), key };
    hides_what_is_old_and_unnamed(&SealedSecretStore::open(config).await.unwrap()).await;
}

#[tokio::test]
async fn what_is_younger_than_a_day_stays() {
    struct At(Timestamp);
    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }
    let written = Timestamp::from_micros(1_800_000_000_000_000);
    let store = MemorySecretStore::with_clock(Arc::new(At(written)));
    let log = &log_of(2, 1).await;
    let known = filled(&store, log).await;
    let day = written.plus_days(1);
    let report = run(&store, log, &known, |it| it.now = day).await.unwrap();
    assert_eq!((report.young, report.swept.len()), (2, 0));
    let report = run(&store, log, &known, |it| it.now = day.plus_seconds(1)).await.unwrap();
    assert_eq!((report.young, report.swept.len()), (0, 2));
}

#[tokio::test]
async fn without_a_mark_nothing_is_swept() {
    let store = MemorySecretStore::default();
    store.put(place(3), &SecretPayload::default()).await.unwrap();
    assert!(matches!(
        run(&store, &log_of(2, 1).await, &HashSet::new(), |_| {}).await,
        Err(SweepError::NoMark)
    ));
    assert_eq!(left(&store).await, [place(3)]);
}

#[tokio::test]
async fn another_log_or_an_older_copy_sweeps_nothing() {
    let store = MemorySecretStore::default();
    let log = log_of(3, 1).await;
    filled(&store, &log).await;
    let nothing = HashSet::new();
    let other = run(&store, &log_of(3, 1).await, &nothing, |_| {}).await;
    assert!(matches!(other, Err(SweepError::AnotherLog { .. })));
    // A copy from when it had two events, which has had others since.
    let copy = log.restored(2);
    let behind = run(&store, &copy, &nothing, |_| {}).await;
    assert!(matches!(behind, Err(SweepError::LogBehind { .. })));
    grow(&copy, 2..9, 2).await;
    let grown = run(&store, &copy, &nothing, |_| {}).await;
    assert!(matches!(grown, Err(SweepError::AnotherPast { .. })));
    assert!(matches!(remember(&store, &copy).await, Err(SweepError::AnotherPast { .. })));
    assert_eq!(left(&store).await.len(), 4);
    grow(&log, 3..5, 1).await;
    assert_eq!(run(&store, &log, &nothing, |_| {}).await.unwrap().swept.len(), 4);
}

#[tokio::test]
async fn a_vault_in_trouble_is_said() {
    let store = MemorySecretStore::default();
    let log = log_of(2, 1).await;
    filled(&store, &log).await;
    store.set_trouble(Some(VaultTrouble::Sealed));
    let outcome = run(&store, &log, &HashSet::new(), |_| {}).await;
    assert!(matches!(outcome, Err(SweepError::Store(SecretError::Unavailable(_)))));
}

#[tokio::test]
async fn the_mark_moves_forward_and_never_back_or_to_another_log() {
    let store = MemorySecretStore::default();
    let log = log_of(5, 1).await;
    remember(&store, &log).await.unwrap();
    grow(&log, 5..9, 1).await;
    remember(&store, &log).await.unwrap();
    let mark = store.deployment().await.unwrap().unwrap();
    assert_eq!((mark.position, mark.log_id), (Position::nth(9), log.log_id().await.unwrap()));
    assert_eq!(mark.event, log.event_at(Position::nth(9)).await.unwrap());
    assert!(matches!(remember(&store, &log.restored(8)).await, Err(SweepError::LogBehind { .. })));
    assert!(matches!(remember(&store, &log_of(10, 1).await).await, Err(SweepError::AnotherLog { .. })));
    assert_eq!(store.deployment().await.unwrap(), Some(mark));
}

#[tokio::test]
async fn a_mark_that_was_made_before_it_named_an_event_still_counts() {
    let store = MemorySecretStore::default();
    let log = log_of(3, 1).await;
    let old =
        format!(r#"{{"logId":"{}","position":{}}}"#, log.log_id().await.unwrap(), json_of(Position::nth(2)));
    store.set_deployment(serde_json::from_str(&old).unwrap()).await.unwrap();
    remember(&store, &log).await.unwrap();
    assert!(store.deployment().await.unwrap().unwrap().event.is_some());
}

fn json_of(position: Position) -> String {
    serde_json::to_string(&position).unwrap()
}
