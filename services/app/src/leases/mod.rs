//! Work that must happen once, divided between the nodes of one log and journal.
//!
//! Each kind of [`Work`] has a lease: a mark of the journal that names its holder. The holder changes
//! the mark every [`RENEW_EVERY`]; who has seen no change for [`SILENT`], by his own clock alone, takes
//! the lease over with a higher epoch. A holder who could not renew for [`HOLD`] stops by himself before
//! anybody may take over: his [`Tenure`] is over, his work is not polled any more, and what he would
//! write is refused. The clocks of two machines are never compared.
//!
//! That leaves what was on its way when a holder froze. Marks are changed from the version that the
//! holder knows ([`Fenced`]), events at an exact revision or under ids that derive from their reason. A
//! request to the outside cannot be taken back: those are made at least once.

mod fenced;
mod held;
mod tenure;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keytrail_ports::{Journal, JournalError, Mark, SwapError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use fenced::Fenced;
use held::{Ended, Held};
pub use tenure::Tenure;

use crate::{App, failing::Failing};

/// Between two signs of life.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long a holder works on after he began his last renewal that succeeded.
const HOLD: Duration = Duration::from_secs(15);
/// How long others see no sign of life before they take over.
const SILENT: Duration = Duration::from_secs(20);
/// Between two looks at a lease of somebody else.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the journal may take for one answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the marks of leases begin with.
const PREFIX: &str = "lease/";

/// Whether a mark of the journal is a lease.
pub(crate) fn is_lease(mark: &str) -> bool {
    mark.starts_with(PREFIX)
}

/// What one node at a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Opening and resolving alerts.
    Alerts,
    /// Routine checks and telling of ends.
    Schedule,
    /// Deliveries to all webhook endpoints.
    Webhooks,
    /// The daily sweep of the vault.
    Upkeep,
    /// Getting the next access tokens ahead of the end of those that are there.
    Refresh,
    /// What credentials mean for the connections that use them, and reservations that nothing came of.
    Usage,
}

impl Work {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Alerts, Self::Schedule, Self::Webhooks, Self::Upkeep, Self::Refresh, Self::Usage];

    /// Its name in metrics and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Schedule => "schedule",
            Self::Webhooks => "webhooks",
            Self::Upkeep => "upkeep",
            Self::Refresh => "refresh",
            Self::Usage => "usage",
        }
    }
}

/// The journal's mark `lease/<work>`. *Format*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// None when it was given back.
    holder: Option<Uuid>,
    /// Grows with each change of holder.
    epoch: u64,
    /// Grows with each renewal.
    heartbeat: u64,
}

/// The leases as one node sees them.
pub(crate) struct Leases {
    journal: Arc<dyn Journal>,
    node: Uuid,
    held: [AtomicBool; Work::ALL.len()],
}

/// A mark that is somebody else's, and since when it has been so.
#[derive(Clone, Copy)]
struct Seen {
    version: u64,
    since: Instant,
}

impl Leases {
    /// The node's id is new with each process.
    pub(crate) fn new(journal: Arc<dyn Journal>, node: Uuid) -> Self {
        Self { journal, node, held: Default::default() }
    }

    /// Works whenever this node holds the lease, until `stop`; `run` has to heed `stop` itself, and may
    /// finish what it does. When the lease is lost, what `run` answered is dropped. A journal that is
    /// this process's alone needs no lease: nobody else is there.
    pub(crate) async fn run<F, W>(&self, work: Work, stop: &CancellationToken, run: F)
    where
        F: Fn(Tenure) -> W,
        W: Future<Output = ()>,
    {
        if !self.journal.is_shared() {
            let _shown = self.show(work);
            return run(Tenure::alone()).await;
        }
        loop {
            let mut held = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                held = self.take(work) => held,
            };
            let _shown = self.show(work);
            tracing::info!(work = work.as_str(), epoch = held.epoch(), "this node takes over");
            match held.during(run(held.tenure())).await {
                Ended::Done => return held.give_back().await,
                Ended::Lost => {
                    tracing::warn!(work = work.as_str(), epoch = held.epoch(), "the lease is lost")
                }
            }
        }
    }

    /// Whether this node does it now.
    pub(crate) fn holds(&self, work: Work) -> bool {
        self.held[work as usize].load(Ordering::Relaxed)
    }

    fn show(&self, work: Work) -> Shown<'_> {
        let flag = &self.held[work as usize];
        flag.store(true, Ordering::Relaxed);
        Shown(flag)
    }

    /// Waits as long as it takes.
    async fn take(&self, work: Work) -> Held {
        let (mut seen, mut failing) = (None, Failing::new(work.as_str()));
        loop {
            match self.try_to_take(work, &mut seen).await {
                Ok(Some(held)) => {
                    failing.works();
                    return held;
                }
                Ok(None) | Err(SwapError::Conflict) => failing.works(),
                // Also what only looks like an outage: a node that does no work must say so.
                Err(SwapError::Journal(error)) => failing.failed(&error.into()),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn try_to_take(&self, work: Work, seen: &mut Option<Seen>) -> Result<Option<Held>, SwapError> {
        let name = format!("{PREFIX}{}", work.as_str());
        let mark = in_time(self.journal.mark(&name)).await?;
        let state = mark.as_ref().map(state).transpose()?;
        if !self.is_free(mark.as_ref(), state.as_ref(), seen) {
            return Ok(None);
        }
        let epoch = state.map_or(1, |state| state.epoch + 1);
        let began = Instant::now();
        let value = State { holder: Some(self.node), epoch, heartbeat: 0 };
        let expected = mark.map(|mark| mark.version);
        match in_time(self.journal.swap_mark(&name, expected, bytes(&value)?)).await {
            Ok(version) => Ok(Some(Held::new(Arc::clone(&self.journal), name, value, version, began + HOLD))),
            Err(SwapError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Nobody's, ours from before, or of somebody who has given no sign of life for long enough. The
    /// time is counted from after the answer that showed the last sign.
    fn is_free(&self, mark: Option<&Mark>, state: Option<&State>, seen: &mut Option<Seen>) -> bool {
        let (Some(mark), Some(holder)) = (mark, state.and_then(|state| state.holder)) else { return true };
        if holder == self.node {
            return true;
        }
        match *seen {
            Some(Seen { version, since }) if version == mark.version => since.elapsed() >= SILENT,
            _ => {
                *seen = Some(Seen { version: mark.version, since: Instant::now() });
                false
            }
        }
    }
}

struct Shown<'a>(&'a AtomicBool);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn state(mark: &Mark) -> Result<State, JournalError> {
    serde_json::from_slice(&mark.value).map_err(|error| JournalError::Corrupt(format!("a lease: {error}")))
}

fn bytes(state: &State) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(state).map_err(|error| JournalError::Corrupt(format!("a lease: {error}")))
}

/// The answer, if it comes soon.
async fn in_time<T, E: From<JournalError>>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(JournalError::Unavailable(Box::new(elapsed)).into()),
    }
}

impl App {
    /// Does work of this kind whenever this node is the one to do it, until `stop`. `run` heeds `stop`
    /// itself; when the lease is lost, what it answered is dropped.
    pub async fn while_leased<F, W>(&self, work: Work, stop: &CancellationToken, run: F)
    where
        F: Fn(Tenure) -> W,
        W: Future<Output = ()>,
    {
        self.0.leases.run(work, stop, run).await;
    }

    /// Whether this node is the one that does it now.
    pub fn does(&self, work: Work) -> bool {
        self.0.leases.holds(work)
    }
}

#[cfg(test)]
mod tests;
