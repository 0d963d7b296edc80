//! Subscriptions: the table is the truth, a commit only wakes.

use std::{collections::VecDeque, sync::Arc};

use futures_util::stream;
use keytrail_domain::{Position, RecordedEvent, TenantId};
use keytrail_ports::{LogError, LogSignal, Subscription};
use tokio::sync::watch;

use super::read;
use crate::{fault::Place, readers::Readers};

/// Events that are read at once.
const PAGE: usize = 512;

/// What a subscription reads from.
pub(super) struct Source {
    pub(super) readers: Arc<Readers>,
    pub(super) last: watch::Receiver<u64>,
    pub(super) place: Place,
    pub(super) tenant: Option<TenantId>,
    pub(super) after: u64,
}

pub(super) fn subscription(source: Source) -> Subscription {
    let teller = Teller { source, page: VecDeque::new(), phase: Phase::Past };
    Box::pin(stream::unfold(teller, |mut teller| async {
        let signal = teller.next().await?;
        if signal.is_err() {
            teller.phase = Phase::Over;
        }
        Some((signal, teller))
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Past,
    Live,
    /// It ended with an error.
    Over,
}

struct Teller {
    source: Source,
    page: VecDeque<RecordedEvent>,
    phase: Phase,
}

impl Teller {
    async fn next(&mut self) -> Option<Result<LogSignal, LogError>> {
        if self.phase == Phase::Over {
            return None;
        }
        loop {
            if let Some(event) = self.page.pop_front() {
                self.source.after = event.position.commit;
                return Some(Ok(LogSignal::Event(event)));
            }
            // Seen before the read: a commit during it wakes the next round.
            let end = *self.source.last.borrow_and_update();
            if end > self.source.after {
                match self.turn_page(end).await {
                    Ok(None) => continue,
                    Ok(Some(checkpoint)) => return Some(Ok(checkpoint)),
                    Err(error) => return Some(Err(error)),
                }
            }
            if self.phase == Phase::Past {
                self.phase = Phase::Live;
                return Some(Ok(LogSignal::CaughtUp));
            }
            self.source.last.changed().await.ok()?;
        }
    }

    /// Reads on; answers a checkpoint when up to `end` there is nothing for this tenant.
    async fn turn_page(&mut self, end: u64) -> Result<Option<LogSignal>, LogError> {
        let (tenant, after) = (self.source.tenant, self.source.after);
        let read = self.source.readers.read(move |connection| read::after(connection, tenant, after, PAGE));
        self.page = read.await.map_err(|fault| fault.into_log(&self.source.place))?.into();
        if !self.page.is_empty() {
            return Ok(None);
        }
        self.source.after = end;
        Ok(Some(LogSignal::Checkpoint(Position::nth(end))))
    }
}
