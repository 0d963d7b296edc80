//! Subscriptions: `$all` from a place on, filtered by the server. One that breaks off is taken up again
//! where it was, as after a change of leaders; when that takes long, whoever listens is told, so that he
//! knows that he may be behind, and subscribes again. It is taken up only where the log still has the last event
//! that was told: an older copy that came in its place would be gone on with, and what is written there left out.
//!
//! Servers before 24 do not say when the past is over, so it is also over when the place is reached that
//! was the log's end at the beginning.

use std::{sync::Arc, time::Duration};

use eventstore::{Error, StreamPosition, SubscribeToAllOptions, Subscription as Told, SubscriptionEvent};
use futures_util::stream;
use keytrail_domain::{EventId, Position};
use keytrail_ports::{Filter, LogError, LogSignal, Subscription};
use tokio::time::Instant;

use super::{convert, leaving, read};
use crate::{
    connection::{BACKOFF, Connection, PATIENCE},
    fault::Fault,
};

pub(super) async fn subscribe(
    connection: Arc<Connection>,
    after: Option<Position>,
    filter: Filter,
) -> Result<Subscription, LogError> {
    let end = read::last(&connection, filter.tenant).await?;
    let last = match after {
        Some(at) => read::id_at(&connection, at).await?.map(|id| (at, id)),
        None => None,
    };
    let mut teller = Teller {
        connection,
        filter,
        floor: after,
        after,
        last,
        end,
        phase: Phase::Past,
        told: None,
        wait: BACKOFF.0,
        broken_since: None,
    };
    teller.told = Some(teller.begin().await.map_err(Fault::into_read)?);
    Ok(Box::pin(stream::unfold(teller, |mut teller| async {
        let signal = teller.next().await?;
        if signal.is_err() {
            teller.phase = Phase::Over;
        }
        Some((signal, teller))
    })))
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Past,
    Live,
    /// It ended with an error.
    Over,
}

/// Why nothing was heard.
enum Trouble {
    Fault(Fault),
    OlderLog,
}

fn older_log() -> LogError {
    LogError::Unavailable("the log has another past than the one that was told: it is an older copy".into())
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

struct Teller {
    connection: Arc<Connection>,
    filter: Filter,
    /// Everything up to here was told, or is not wanted.
    after: Option<Position>,
    /// The last event that was told, or where it began: it is taken up again from here. Between this and `after` the log
    /// had nothing that is wanted; an older copy that has grown does.
    floor: Option<Position>,
    /// The last event that was told, or that it began after.
    last: Option<(Position, EventId)>,
    /// Where the log ended when this began.
    end: Option<Position>,
    phase: Phase,
    told: Option<Told>,
    wait: Duration,
    broken_since: Option<Instant>,
}

impl Teller {
    async fn next(&mut self) -> Option<Result<LogSignal, LogError>> {
        if self.phase == Phase::Over {
            return None;
        }
        loop {
            if self.phase == Phase::Past && self.after >= self.end {
                self.phase = Phase::Live;
                return Some(Ok(LogSignal::CaughtUp));
            }
            match self.hear().await {
                Ok(Some(signal)) => return Some(signal),
                Ok(None) => {}
                Err(Trouble::OlderLog) => return Some(Err(older_log())),
                Err(Trouble::Fault(fault)) if fault.may_pass() && !self.is_long_broken() => {
                    self.connection.log().doubt();
                    self.pause(&fault).await;
                }
                Err(Trouble::Fault(fault)) => return Some(Err(fault.into_read())),
            }
        }
    }

    /// The next thing that is said, if it means something.
    async fn hear(&mut self) -> Result<Option<Result<LogSignal, LogError>>, Trouble> {
        let mut told = match self.told.take() {
            Some(told) => told,
            None => self.resume().await?,
        };
        let said = leaving::next(&mut told).await.map_err(Fault::from)?;
        (self.told, self.wait, self.broken_since) = (Some(told), BACKOFF.0, None);
        Ok(self.meaning(said))
    }

    fn meaning(&mut self, said: SubscriptionEvent) -> Option<Result<LogSignal, LogError>> {
        match said {
            SubscriptionEvent::EventAppeared(event) => {
                let event = match convert::incoming(event) {
                    Ok(event) => event,
                    Err(error) => return Some(Err(error)),
                };
                // What is told twice around a new beginning is told once.
                if Some(event.position) <= self.floor {
                    return None;
                }
                if !self.advance(event.position) {
                    return Some(Err(older_log()));
                }
                (self.floor, self.last) = (Some(event.position), Some((event.position, event.id)));
                Some(Ok(LogSignal::Event(event)))
            }
            SubscriptionEvent::Checkpoint(position) => {
                let place = convert::place(position);
                self.advance(place).then_some(Ok(LogSignal::Checkpoint(place)))
            }
            SubscriptionEvent::CaughtUp(_) => {
                self.end = None;
                None
            }
            _ => None,
        }
    }

    fn advance(&mut self, place: Position) -> bool {
        let further = self.after.is_none_or(|after| after < place);
        if further {
            self.after = Some(place);
        }
        further
    }

    /// Asked after the beginning: had another server answered by then, this subscription would break off too.
    async fn resume(&mut self) -> Result<Told, Trouble> {
        let told = self.begin().await?;
        match self.last {
            Some((at, id)) if read::found_at(&self.connection, at).await? != Some(id) => {
                Err(Trouble::OlderLog)
            }
            _ => Ok(told),
        }
    }

    /// A subscription that the server has confirmed.
    async fn begin(&mut self) -> Result<Told, Fault> {
        let from = self
            .floor
            .map_or(StreamPosition::Start, |after| StreamPosition::Position(convert::position(after)));
        let options =
            SubscribeToAllOptions::default().position(from).filter(read::filter_of(self.filter.tenant));
        self.connection
            .once(|client| async move {
                let mut told = client.subscribe_to_all(&options).await;
                match leaving::next(&mut told).await? {
                    SubscriptionEvent::Confirmed(_) => Ok(told),
                    _ => Err(Error::InternalParsingError("a subscription began without a word".to_owned())),
                }
            })
            .await
    }

    fn is_long_broken(&mut self) -> bool {
        self.broken_since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
    }

    async fn pause(&mut self, fault: &Fault) {
        // When nobody answers any more, the connection says so, once for all subscriptions.
        tracing::debug!(%fault, "the event log's subscription broke off: it is taken up again");
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(BACKOFF.1);
    }
}
