//! A log, a vault, a clock and a verifier that do as a test says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::StreamExt;
use keytrail_domain::{
    EventId, NewEvent, Position, RecordedEvent, SecretPayload, SecretRef, StreamId, StreamKind, TenantId,
    Timestamp,
    component::Component,
    verification::{Report, Verdict},
};
use keytrail_ports::{
    Appended, CheckRequest, Clock, DeploymentMark, EventStore, Expected, Filter, LogError, LogSignal,
    SecretError, SecretStore, StoredSecret, Subscription, Verifier, WrappedSecret,
    memory::{MemoryEventStore, MemorySecretStore},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

/// What happens to one append to a credential's stream.
pub(crate) enum Fault {
    /// Not written, and the answer is lost.
    UnknownBefore,
    /// Written, and the answer is lost.
    UnknownAfter,
    /// Somebody else was faster, it says.
    Conflict,
    /// Surely not written.
    Unavailable,
    /// Goes on when told to.
    Held(oneshot::Receiver<()>),
}

/// A log in memory whose next appends to credentials go wrong as scripted.
#[derive(Default)]
pub(crate) struct FaultyLog {
    pub(crate) inner: MemoryEventStore,
    script: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<Vec<EventId>>>,
    away: Mutex<Option<StreamKind>>,
    forgetful: AtomicBool,
    /// An append is being held.
    pub(crate) holding: Notify,
}

impl FaultyLog {
    pub(crate) fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.asked.lock().clear();
        *self.script.lock() = faults.into_iter().collect();
    }

    /// Event ids of each append to a credential since the last script.
    pub(crate) fn asked(&self) -> Vec<Vec<EventId>> {
        self.asked.lock().clone()
    }

    /// From now on surely nothing is written to streams of this kind.
    pub(crate) fn takes_no(&self, kind: Option<StreamKind>) {
        *self.away.lock() = kind;
    }

    /// It is an older copy: what was at any place is not there.
    pub(crate) fn is_older(&self, older: bool) {
        self.forgetful.store(older, Ordering::SeqCst);
    }

    fn fault(&self, stream: &StreamId, events: &[NewEvent]) -> Option<Fault> {
        if *self.away.lock() == Some(stream.kind()) {
            return Some(Fault::Unavailable);
        }
        if stream.kind() != StreamKind::Credential {
            return None;
        }
        self.asked.lock().push(events.iter().map(|event| event.id).collect());
        self.script.lock().pop_front()
    }
}

#[async_trait]
impl EventStore for FaultyLog {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError> {
        match self.fault(stream, &events) {
            None => {}
            Some(Fault::Conflict) => return Err(LogError::Conflict { current: Some(99) }),
            Some(Fault::Unavailable) => return Err(LogError::Unavailable("scripted".into())),
            Some(Fault::UnknownBefore) => return Err(LogError::Unknown("scripted".into())),
            Some(Fault::UnknownAfter) => {
                self.inner.append(stream, expected, events).await?;
                return Err(LogError::Unknown("scripted".into()));
            }
            Some(Fault::Held(go_on)) => {
                self.holding.notify_one();
                go_on.await.expect("told to go on");
            }
        }
        self.inner.append(stream, expected, events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        self.inner.read_stream(stream, from, max).await
    }

    async fn subscribe(&self, after: Option<Position>, filter: Filter) -> Result<Subscription, LogError> {
        let told = self.inner.subscribe(after, filter).await?;
        // Like a server, also where the place is past its end: nothing before it is told.
        let is_later = move |signal: &Result<LogSignal, LogError>| match signal {
            Ok(LogSignal::Event(event)) => Some(event.position) > after,
            _ => true,
        };
        Ok(told.filter(move |signal| std::future::ready(is_later(signal))).boxed())
    }

    async fn event_at(&self, position: Position) -> Result<Option<EventId>, LogError> {
        if self.forgetful.load(Ordering::SeqCst) {
            return Ok(None);
        }
        self.inner.event_at(position).await
    }

    async fn head(&self) -> Result<Option<Position>, LogError> {
        self.inner.head().await
    }

    async fn log_id(&self) -> Result<Uuid, LogError> {
        self.inner.log_id().await
    }
}

/// A clock that is moved by hand.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000)))
    }

    pub(crate) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A vault in memory for whose writes the clock can stand for a while.
pub(crate) struct SlowVault {
    pub(crate) inner: MemorySecretStore,
    clock: Arc<HandClock>,
    seconds_per_write: AtomicI64,
    away: AtomicBool,
}

impl SlowVault {
    pub(crate) fn new(clock: Arc<HandClock>) -> Self {
        let inner = MemorySecretStore::with_clock(clock.clone());
        Self { inner, clock, seconds_per_write: AtomicI64::new(0), away: AtomicBool::new(false) }
    }

    /// Secrets cannot be read.
    pub(crate) fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn needs(&self, seconds: i64) {
        self.seconds_per_write.store(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl SecretStore for SlowVault {
    async fn put(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), SecretError> {
        self.inner.put(at, payload).await?;
        self.clock.forward(self.seconds_per_write.load(Ordering::SeqCst));
        Ok(())
    }

    async fn get(&self, at: SecretRef) -> Result<SecretPayload, SecretError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(SecretError::Unavailable("scripted".into()));
        }
        self.inner.get(at).await
    }

    async fn wrap(&self, at: SecretRef, seconds: u32) -> Result<Option<WrappedSecret>, SecretError> {
        self.inner.wrap(at, seconds).await
    }

    async fn revoke(&self, accessor: &str) -> Result<(), SecretError> {
        self.inner.revoke(accessor).await
    }

    async fn delete(&self, at: SecretRef) -> Result<(), SecretError> {
        self.inner.delete(at).await
    }

    async fn undelete(&self, at: SecretRef) -> Result<(), SecretError> {
        self.inner.undelete(at).await
    }

    async fn destroy(&self, at: SecretRef) -> Result<(), SecretError> {
        self.inner.destroy(at).await
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, SecretError> {
        self.inner.tenants().await
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError> {
        self.inner.list(tenant).await
    }

    async fn places(&self, tenant: TenantId, owner: uuid::Uuid) -> Result<Vec<SecretRef>, SecretError> {
        self.inner.places(tenant, owner).await
    }

    async fn deployment(&self) -> Result<Option<DeploymentMark>, SecretError> {
        self.inner.deployment().await
    }

    async fn set_deployment(&self, mark: DeploymentMark) -> Result<(), SecretError> {
        self.inner.set_deployment(mark).await
    }

    async fn health(&self) -> Result<(), SecretError> {
        self.inner.health().await
    }
}

/// Finds what it is told to find, and counts.
pub(crate) struct Told(pub(crate) Mutex<Verdict>, Counts);

#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    turns: AtomicUsize,
}

impl Told {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self(Mutex::new(verdict), Counts::default())
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.1.asked.load(Ordering::SeqCst)
    }

    /// How many checks went on at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.1.most.load(Ordering::SeqCst)
    }

    /// From now on each check lets others go on so many times before it answers.
    pub(crate) fn takes_turns(&self, turns: usize) {
        self.1.turns.store(turns, Ordering::SeqCst);
    }
}

#[async_trait]
impl Verifier for Told {
    async fn check(&self, _: CheckRequest<'_>) -> Report {
        let now = self.1.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.1.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..self.1.turns.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.1.now.fetch_sub(1, Ordering::SeqCst);
        self.1.asked.fetch_add(1, Ordering::SeqCst);
        Report {
            verdict: *self.0.lock(),
            reason: None,
            message: "as told".into(),
            identity: Some("somebody".into()),
            scopes: Vec::new(),
            expires_at: None,
            duration_ms: 1,
        }
    }

    fn default_hosts(&self, _: &Component, _: &BTreeMap<String, serde_json::Value>) -> Vec<String> {
        vec!["api.example.com".into()]
    }
}
