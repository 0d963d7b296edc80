//! Which access tokens are to be replaced, and when: ahead of their end. One node at a time does it, and for each
//! credential one request at a time: many providers end everything when an old refresh token is used again.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use keytrail_domain::{CredentialId, TenantId, Timestamp};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, Tenure, Work, failing::Failing};

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looked at together.
const MOST: usize = 1_000;
/// Requests at once.
const AT_ONCE: usize = 64;
/// Of them for one tenant: a provider that answers slowly holds back no other one's, and no host is asked more at once.
const OF_ONE_TENANT: usize = 4;
/// First and longest wait after a request that gave nothing, in seconds.
const BACKOFF: (i64, i64) = (2, 300);

/// Whose, and which.
pub(super) type Which = (TenantId, CredentialId);

/// A credential that is not asked for right now.
struct Waiting {
    until: Timestamp,
    /// How long the next time, in seconds.
    wait: i64,
}

/// What is asked for, and what waits to be asked for again.
struct Refreshing {
    app: App,
    tenure: Tenure,
    waiting: HashMap<Which, Waiting>,
    /// Due and not begun.
    ready: VecDeque<Which>,
    running: FuturesUnordered<BoxFuture<'static, (Which, Result<(), AppError>)>>,
    /// Those that run.
    begun: HashSet<Which>,
    failing: Failing,
}

impl App {
    /// Refreshes until `stop`, and then ends what is under way; comes back by itself after every failure.
    pub async fn run_refresh(&self, stop: CancellationToken) {
        tokio::join!(self.refresh_while_leased(&stop), self.note_what_was_given(&stop));
        // Also what was begun before the right to it went away.
        self.0.refreshes.close();
        self.0.refreshes.wait().await;
        self.note_all(&mut Failing::new("noting of access tokens")).await;
    }

    async fn refresh_while_leased(&self, stop: &CancellationToken) {
        self.while_leased(Work::Refresh, stop, |tenure| async move {
            let mut refreshing = Refreshing::new(self.clone(), tenure);
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    _ = look.tick() => refreshing.look().await,
                    Some((which, outcome)) = refreshing.running.next() => refreshing.ended(which, outcome),
                }
                refreshing.begin();
            }
            // Who comes next must not ask with the same tokens.
            while let Some((which, outcome)) = refreshing.running.next().await {
                refreshing.ended(which, outcome);
            }
        })
        .await;
    }

    async fn refreshes_due(&self, most: u32) -> Result<HashSet<Which>, AppError> {
        self.must_be_current()?;
        let due = self.ports().views.refreshes_due(self.now(), most).await?;
        Ok(due.into_iter().collect())
    }
}

impl Refreshing {
    fn new(app: App, tenure: Tenure) -> Self {
        Self {
            app,
            tenure,
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            running: FuturesUnordered::new(),
            begun: HashSet::new(),
            failing: Failing::new("refresh"),
        }
    }

    async fn look(&mut self) {
        // Those that wait or run hide no others.
        let most = u32::try_from(MOST + self.waiting.len() + self.begun.len()).unwrap_or(u32::MAX);
        match self.app.refreshes_due(most).await {
            Ok(due) => self.plan(due),
            Err(error) => self.failing.failed(&error),
        }
    }

    /// What a provider gave already is noted first.
    fn plan(&mut self, due: HashSet<Which>) {
        self.waiting.retain(|which, _| due.contains(which));
        let now = self.app.now();
        let is_ready = |which: &Which| {
            !self.begun.contains(which)
                && !self.app.0.given.has(which)
                && self.waiting.get(which).is_none_or(|known| known.until <= now)
        };
        self.ready = by_turns(due.into_iter().filter(is_ready));
        if self.waiting.is_empty() {
            self.failing.works();
        }
    }

    /// As many as may run; the others of a tenant that has enough wait for one of them to end.
    fn begin(&mut self) {
        let mut later = VecDeque::new();
        while self.running.len() < AT_ONCE {
            let Some(which) = self.ready.pop_front() else { break };
            if self.begun.iter().filter(|begun| begun.0 == which.0).count() >= OF_ONE_TENANT {
                later.push_back(which);
                continue;
            }
            let (app, tenure) = (self.app.clone(), self.tenure.clone());
            self.begun.insert(which);
            self.running.push(Box::pin(async move {
                let outcome = app.refresh_apart(&tenure, which).await;
                (which, outcome)
            }));
        }
        later.append(&mut self.ready);
        self.ready = later;
    }

    fn ended(&mut self, which: Which, outcome: Result<(), AppError>) {
        self.begun.remove(&which);
        let Err(error) = outcome else {
            self.waiting.remove(&which);
            return;
        };
        let wait = self.waiting.get(&which).map_or(BACKOFF.0, |known| known.wait);
        let until = self.app.now().plus_seconds(wait);
        self.waiting.insert(which, Waiting { until, wait: (wait * 2).min(BACKOFF.1) });
        if !is_changed(&error) {
            self.failing.failed(&error);
        }
    }
}

/// Somebody changed it meanwhile, or stopped it: the next look tells.
fn is_changed(error: &AppError) -> bool {
    matches!(
        error,
        AppError::Conflict { .. }
            | AppError::NotFound
            | AppError::Refused { reason: "CREDENTIAL_SUSPENDED" | "CREDENTIAL_COMPROMISED", .. }
    )
}

/// One of each tenant after the other, so that nobody's many hold back another's few.
fn by_turns(all: impl Iterator<Item = Which>) -> VecDeque<Which> {
    let mut queues: BTreeMap<TenantId, VecDeque<Which>> = BTreeMap::new();
    for which in all {
        queues.entry(which.0).or_default().push_back(which);
    }
    let mut turns = VecDeque::new();
    while !queues.is_empty() {
        turns.extend(queues.values_mut().filter_map(VecDeque::pop_front));
        queues.retain(|_, queue| !queue.is_empty());
    }
    turns
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn nobodys_many_hold_back_anothers_few() {
        let which = |tenant: u128, id: u128| {
            (TenantId::from_uuid(Uuid::from_u128(tenant)), CredentialId::from_uuid(Uuid::from_u128(id)))
        };
        let all = [which(1, 1), which(1, 2), which(1, 3), which(2, 4)];
        assert_eq!(by_turns(all.into_iter()), [which(1, 1), which(2, 4), which(1, 2), which(1, 3)]);
    }
}
