//! A lease in the hands of this node.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use keytrail_ports::{Journal, SwapError};
use tokio::time::Instant;

use super::{HOLD, RENEW_EVERY, State, Tenure, bytes, in_time, state};

/// How long to wait after a renewal that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How long giving back may take: whoever stops has little time.
const FAREWELL: Duration = Duration::from_millis(500);

/// How work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself.
    Done,
    /// The lease is somebody else's, or may be soon.
    Lost,
}

pub(super) struct Held {
    journal: Arc<dyn Journal>,
    name: String,
    state: State,
    /// Not known after a renewal that failed: it may have been written.
    version: Option<u64>,
    until: Instant,
    tenure: Tenure,
}

impl Held {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        name: String,
        state: State,
        version: u64,
        until: Instant,
    ) -> Self {
        Self { journal, name, state, version: Some(version), until, tenure: Tenure::until(until) }
    }

    pub(super) fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// Works and renews. Before each step the clock is asked: timers can be late after a freeze.
    pub(super) async fn during(&mut self, work: impl Future<Output = ()>) -> Ended {
        let tenure = self.tenure();
        let mut work = pin!(work);
        let guarded = poll_fn(|context| match tenure.is_held() {
            true => work.as_mut().poll(context).map(|()| Ended::Done),
            false => Poll::Ready(Ended::Lost),
        });
        let ended = tokio::select! {
            biased;
            () = self.renew_while_held() => Ended::Lost,
            ended = guarded => ended,
        };
        if ended == Ended::Lost {
            self.tenure.end();
        }
        ended
    }

    /// Until it is lost.
    async fn renew_while_held(&mut self) {
        let mut pause = RENEW_EVERY;
        loop {
            tokio::time::sleep_until(self.until.min(Instant::now() + pause)).await;
            if !self.tenure.is_held() {
                return;
            }
            let until = self.until;
            pause = match tokio::time::timeout_at(until, self.renew()).await {
                Ok(Ok(())) => RENEW_EVERY,
                Err(_) | Ok(Err(SwapError::Conflict)) => return,
                Ok(Err(SwapError::Journal(error))) => {
                    // Whoever keeps the journal says that it is away; that the lease is lost is said, too.
                    tracing::debug!(
                        lease = self.name,
                        error = &error as &dyn std::error::Error,
                        "a lease is not renewed: trying again"
                    );
                    AGAIN
                }
            };
        }
    }

    async fn renew(&mut self) -> Result<(), SwapError> {
        let next = State { heartbeat: self.state.heartbeat + 1, ..self.state.clone() };
        // Counted from before it is asked: nobody can have seen it earlier.
        let began = Instant::now();
        self.write(next).await?;
        self.until = began + HOLD;
        match self.tenure.extend(self.until) {
            true => Ok(()),
            false => Err(SwapError::Conflict),
        }
    }

    async fn write(&mut self, next: State) -> Result<(), SwapError> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.version_of_ours().await?,
        };
        let value = bytes(&next)?;
        let version = in_time(self.journal.swap_mark(&self.name, Some(version), value)).await?;
        (self.version, self.state) = (Some(version), next);
        Ok(())
    }

    /// The version that the mark has, if it is ours still.
    async fn version_of_ours(&self) -> Result<u64, SwapError> {
        let mark = in_time(self.journal.mark(&self.name)).await?.ok_or(SwapError::Conflict)?;
        let found = state(&mark)?;
        match (found.holder, found.epoch) == (self.state.holder, self.state.epoch) {
            true => Ok(mark.version),
            false => Err(SwapError::Conflict),
        }
    }

    /// So that nobody has to wait until it is stale.
    pub(super) async fn give_back(mut self) {
        self.tenure.end();
        let next = State { holder: None, ..self.state.clone() };
        let given = tokio::time::timeout(FAREWELL, self.write(next)).await;
        if !matches!(given, Ok(Ok(()))) {
            tracing::warn!(lease = self.name, "not given back: others wait until it is stale");
        }
    }
}
