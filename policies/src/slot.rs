//! One tenant's place in memory: its facts, or what arrived while they are loading.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use keytrail_domain::{Position, TenantId};
use keytrail_ports::{AuthorityChange, AuthoritySource, views::ViewError};
use parking_lot::RwLock;
use tokio::sync::OnceCell;

use crate::facts::Facts;

/// What a slot takes by itself, so that many tenants with nothing in them have a bound too.
const SLOT_ENTRIES: usize = 16;
/// How many changes wait for a load. When more arrive, the load begins again.
const MOST_WAITING: usize = 10_000;
/// How often a load begins again before the question is given up.
const MOST_LOADS: usize = 5;

/// Why a tenant's facts are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the views cannot be read")]
    Views(#[from] ViewError),
    #[error("the load that was waited for failed")]
    Another,
    #[error("more changes arrived than a load can wait for")]
    Overtaken,
    #[error("folding ended early")]
    Fold(#[from] tokio::task::JoinError),
}

/// Entries counted towards the bound of all tenants, for as long as this lives.
pub(crate) struct Room {
    own: AtomicUsize,
    all: Arc<AtomicUsize>,
}

impl Room {
    pub(crate) fn of(all: Arc<AtomicUsize>) -> Self {
        let room = Self { own: AtomicUsize::new(0), all };
        room.set(0);
        room
    }

    /// Called with the slot's facts locked for writing.
    fn set(&self, entries: usize) {
        let entries = entries + SLOT_ENTRIES;
        let before = self.own.swap(entries, Relaxed);
        self.all.fetch_add(entries, Relaxed);
        self.all.fetch_sub(before, Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own.load(Relaxed), Relaxed);
    }
}

/// Changes that arrived while the facts are loading.
#[derive(Default)]
struct Waiting {
    batches: Vec<(Position, Vec<AuthorityChange>)>,
    changes: usize,
    lost: bool,
}

impl Waiting {
    fn push(&mut self, position: Position, changes: &[AuthorityChange]) {
        self.changes += changes.len().max(1);
        if self.changes > MOST_WAITING {
            *self = Self { lost: true, ..Self::default() };
        }
        if !self.lost {
            self.batches.push((position, changes.to_vec()));
        }
    }
}

enum State {
    Loading(Waiting),
    Loaded(Box<Facts>),
}

/// One tenant's place.
pub(crate) struct Slot {
    state: RwLock<State>,
    loaded: OnceCell<()>,
    failures: AtomicU64,
    last_used: AtomicU64,
    retired: AtomicBool,
    room: Room,
}

impl Slot {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            state: RwLock::new(State::Loading(Waiting::default())),
            loaded: OnceCell::new(),
            failures: AtomicU64::new(0),
            last_used: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            room,
        }
    }

    pub(crate) fn used(&self, question: u64) {
        self.last_used.store(question, Relaxed);
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.last_used.load(Relaxed)
    }

    pub(crate) fn entries(&self) -> usize {
        self.room.own.load(Relaxed)
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.initialized()
    }

    /// Marks the slot as one that answers do not count from any more.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Release);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Acquire)
    }

    /// Reads the facts; none while they are loading.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Facts) -> T) -> Option<T> {
        match &*self.state.read() {
            State::Loaded(facts) => Some(read(facts)),
            State::Loading(_) => None,
        }
    }

    pub(crate) fn apply(&self, position: Position, changes: &[AuthorityChange]) {
        let mut state = self.state.write();
        match &mut *state {
            State::Loading(waiting) => waiting.push(position, changes),
            State::Loaded(facts) => {
                facts.apply(position, changes);
                self.room.set(facts.entries());
            }
        }
    }

    /// Loads the facts. One load is in flight: the others wait for it, share its failure, and go on
    /// with it when whoever began it went away.
    pub(crate) async fn load(&self, source: &dyn AuthoritySource, tenant: TenantId) -> Result<(), LoadError> {
        let failures = self.failures.load(Acquire);
        let first = || async {
            if self.failures.load(Acquire) != failures {
                return Err(LoadError::Another);
            }
            let outcome = self.load_now(source, tenant).await;
            if outcome.is_err() {
                self.failures.fetch_add(1, Release);
            }
            outcome
        };
        self.loaded.get_or_try_init(first).await.copied()
    }

    async fn load_now(&self, source: &dyn AuthoritySource, tenant: TenantId) -> Result<(), LoadError> {
        for _ in 0..MOST_LOADS {
            self.begin();
            let snapshot = source.authority(tenant).await?;
            let facts = tokio::task::spawn_blocking(move || Facts::of(&snapshot)).await?;
            if self.finish(facts) {
                return Ok(());
            }
        }
        Err(LoadError::Overtaken)
    }

    /// What waits already stays: it is at worst in the snapshot too.
    fn begin(&self) {
        if let State::Loading(waiting) = &mut *self.state.write()
            && waiting.lost
        {
            *waiting = Waiting::default();
        }
    }

    /// Replays what waited. False when some of it was lost.
    fn finish(&self, mut facts: Facts) -> bool {
        let mut state = self.state.write();
        let State::Loading(waiting) = &mut *state else { return true };
        if waiting.lost {
            return false;
        }
        for (position, changes) in waiting.batches.drain(..) {
            facts.apply(position, &changes);
        }
        self.room.set(facts.entries());
        *state = State::Loaded(Box::new(facts));
        true
    }
}
