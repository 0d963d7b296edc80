//! The sweep on the stores that need no server.

use std::{collections::HashSet, sync::Arc};

use keytrail_domain::{SecretId, SecretPayload, TenantId};
use keytrail_ports::{
    Clock, SystemClock,
    memory::{MemorySecretStore, VaultTrouble},
};
use tempfile::TempDir;

use super::*;
use crate::{KeySource, SealedConfig, SealedSecretStore};

const LOG: Uuid = Uuid::from_u128(0x10c);
const HEAD: Position = Position::nth(40);

fn place(number: u128) -> SecretRef {
    let tenant = TenantId::from_uuid(Uuid::from_u128(number % 2));
    SecretRef { tenant, owner: Uuid::from_u128(number), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

/// Four secrets of two tenants; events name the first two.
async fn filled(store: &dyn SecretStore) -> HashSet<SecretRef> {
    for number in 1..=4 {
        store.put(place(number), &SecretPayload::default()).await.unwrap();
    }
    store.set_deployment(DeploymentMark { log_id: LOG, position: HEAD }).await.unwrap();
    HashSet::from([place(1), place(2)])
}

fn tomorrow() -> Timestamp {
    SystemClock.now().plus_seconds(GRACE_SECONDS + 60)
}

async fn run(
    store: &dyn SecretStore,
    known: &HashSet<SecretRef>,
    change: impl FnOnce(&mut SweepRequest<'_>),
) -> Result<SweepReport, SweepError> {
    let is_known = |at| known.contains(&at);
    let mut request = SweepRequest {
        log_id: LOG,
        head: Some(HEAD),
        is_known: &is_known,
        now: tomorrow(),
        mode: SweepMode::Hide,
    };
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
    let known = filled(store).await;
    let dry = run(store, &known, |it| it.mode = SweepMode::DryRun).await.unwrap();
    assert_eq!((dry.named, dry.young, dry.swept.len()), (2, 0, 2));
    assert_eq!(left(store).await.len(), 4, "a dry run changes nothing");

    let mut wet = run(store, &known, |_| {}).await.unwrap();
    wet.swept.sort();
    assert_eq!(wet, SweepReport { named: 2, young: 0, swept: vec![place(3), place(4)] }.sorted());
    assert_eq!(left(store).await, [place(1), place(2)]);
    assert_eq!(run(store, &known, |_| {}).await.unwrap().swept, [], "the second time nothing is left");

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
    let known = filled(&store).await;
    let day = written.plus_days(1);
    let report = run(&store, &known, |it| it.now = day).await.unwrap();
    assert_eq!((report.young, report.swept.len()), (2, 0));
    let report = run(&store, &known, |it| it.now = day.plus_seconds(1)).await.unwrap();
    assert_eq!((report.young, report.swept.len()), (0, 2));
}

#[tokio::test]
async fn without_a_mark_nothing_is_swept() {
    let store = MemorySecretStore::default();
    store.put(place(3), &SecretPayload::default()).await.unwrap();
    assert!(matches!(run(&store, &HashSet::new(), |_| {}).await, Err(SweepError::NoMark)));
    assert_eq!(left(&store).await, [place(3)]);
}

#[tokio::test]
async fn another_log_or_an_older_copy_sweeps_nothing() {
    let store = MemorySecretStore::default();
    filled(&store).await;
    let nothing = HashSet::new();
    let other = run(&store, &nothing, |it| it.log_id = Uuid::nil()).await;
    assert!(matches!(other, Err(SweepError::AnotherLog { vault: LOG, .. })));
    for head in [None, Some(Position::nth(39))] {
        let behind = run(&store, &nothing, |it| it.head = head).await;
        assert!(matches!(behind, Err(SweepError::LogBehind { seen: HEAD, .. })));
    }
    assert_eq!(left(&store).await.len(), 4);
    assert_eq!(run(&store, &nothing, |it| it.head = Some(Position::nth(41))).await.unwrap().swept.len(), 4);
}

#[tokio::test]
async fn a_vault_in_trouble_is_said() {
    let store = MemorySecretStore::default();
    filled(&store).await;
    store.set_trouble(Some(VaultTrouble::Sealed));
    let outcome = run(&store, &HashSet::new(), |_| {}).await;
    assert!(matches!(outcome, Err(SweepError::Store(SecretError::Unavailable(_)))));
}

#[tokio::test]
async fn the_mark_moves_forward_and_never_back_or_to_another_log() {
    let store = MemorySecretStore::default();
    remember(&store, LOG, Position::nth(5)).await.unwrap();
    remember(&store, LOG, Position::nth(9)).await.unwrap();
    assert!(matches!(remember(&store, LOG, Position::nth(8)).await, Err(SweepError::LogBehind { .. })));
    assert!(matches!(
        remember(&store, Uuid::nil(), Position::nth(10)).await,
        Err(SweepError::AnotherLog { .. })
    ));
    let mark = store.deployment().await.unwrap().unwrap();
    assert_eq!(mark, DeploymentMark { log_id: LOG, position: Position::nth(9) });
}
