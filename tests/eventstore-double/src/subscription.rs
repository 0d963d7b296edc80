//! Subscriptions: what was written, then word that all of it was delivered, then what is being written.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{
    call::State,
    faults::Fault,
    filter::Filter,
    log::{Log, Recorded},
    messages::read::{
        CaughtUp, Checkpoint, Confirmation, Content, Options, Place, ReadResp, Revision, Source,
    },
    read::{self, Answers, Spell},
};

/// How many events are taken from the log at once, and how many answers may wait for a slow reader.
const PAGE: usize = 32;

/// Where a subscription is.
#[derive(Debug)]
enum Cursor {
    /// The index of the next event.
    All { next: usize, filter: Option<Filter> },
    /// The revision of the next event.
    Stream { name: String, next: u64 },
}

/// A subscription that is being served.
struct Subscription {
    cursor: Cursor,
    spell: Spell,
    /// Events that were looked at since the last checkpoint.
    considered: u32,
    outlet: Outlet,
}

/// The reader has gone, or was sent away.
struct Gone;

/// Starts after the place that is asked for: unlike a read, which starts at it.
pub(crate) fn start(state: &Arc<State>, options: Options, fault: Option<Fault>) -> Result<Answers, Status> {
    let spell = read::spelling(&options);
    let cursor = state.read(|log| cursor(log, options))?;
    let (sender, receiver) = mpsc::channel(PAGE);
    let outlet = Outlet { sender, state: Arc::clone(state), fault, sent: 0 };
    let subscription = Subscription { cursor, spell, considered: 0, outlet };
    tokio::spawn(subscription.run());
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

fn cursor(log: &Log, options: Options) -> Result<Cursor, Status> {
    if options.direction == 1 {
        return Err(Status::invalid_argument("a subscription backwards"));
    }
    match options.source {
        Some(Source::All(source)) => {
            let next = match source.from {
                Some(Place::At(position)) => after(log, position.commit_position)?,
                Some(Place::Start(())) | None => 0,
                Some(Place::End(())) => log.all().len(),
            };
            Ok(Cursor::All { next, filter: read::filter(options.filtering)? })
        }
        Some(Source::Stream(source)) => {
            let name = read::name(&source)?;
            log.visible(&name).map_err(|refused| read::refusal(&name, refused))?;
            let next = match source.from {
                Some(Revision::At(revision)) => revision + 1,
                Some(Revision::Start(())) | None => 0,
                Some(Revision::End(())) => log.current(&name).map_or(0, |last| last + 1),
            };
            Ok(Cursor::Stream { name, next })
        }
        None => Err(Status::invalid_argument("a subscription to nothing")),
    }
}

fn after(log: &Log, position: u64) -> Result<usize, Status> {
    let index = read::index_of(log, position)?;
    let there = log.all().get(index).is_some_and(|event| event.position == position);
    Ok(index + usize::from(there))
}

impl Subscription {
    async fn run(mut self) {
        // Whoever has gone does not hear why.
        _ = self.serve().await;
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        let id = uuid::Uuid::new_v4().to_string();
        self.outlet.send(Content::Confirmation(Confirmation { subscription_id: id })).await?;
        let mut changes = self.outlet.state.changes();
        let mut caught_up = false;
        loop {
            changes.mark_unchanged();
            let page = match self.outlet.state.read(|log| self.cursor.page(log)) {
                Ok(page) => page,
                Err(status) => return self.outlet.end(status).await,
            };
            if !page.is_empty() {
                for event in page {
                    self.deliver(&event).await?;
                }
                continue;
            }
            if !caught_up {
                caught_up = true;
                let said = self.outlet.state.read(|log| self.cursor.caught_up(log));
                self.outlet.send(Content::CaughtUp(said)).await?;
            }
            tokio::select! {
                _ = changes.changed() => (),
                () = self.outlet.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn deliver(&mut self, event: &Arc<Recorded>) -> Result<(), Gone> {
        if self.cursor.pass(event) {
            let content = read::content(event, self.spell);
            if matches!(self.outlet.fault, Some(Fault::Twice)) {
                self.outlet.send(content.clone()).await?;
            }
            self.outlet.send(content).await?;
        }
        let Some(interval) = self.cursor.interval() else { return Ok(()) };
        self.considered += 1;
        if self.considered < interval {
            return Ok(());
        }
        self.considered = 0;
        let timestamp = Some(self.outlet.state.read(Log::now).into());
        let (commit_position, prepare_position) = (event.position, event.position);
        self.outlet
            .send(Content::Checkpoint(Checkpoint { commit_position, prepare_position, timestamp }))
            .await
    }
}

impl Cursor {
    fn page(&self, log: &Log) -> Result<Vec<Arc<Recorded>>, Status> {
        match self {
            Self::All { next, .. } => Ok(log.all().iter().skip(*next).take(PAGE).cloned().collect()),
            Self::Stream { name, next } => {
                let visible = log.visible(name).map_err(|refused| read::refusal(name, refused))?;
                let events = visible.unwrap_or_default().iter();
                Ok(events.filter(|event| event.revision >= *next).take(PAGE).cloned().collect())
            }
        }
    }

    /// Goes past an event; says whether it is one to deliver.
    fn pass(&mut self, event: &Recorded) -> bool {
        match self {
            Self::All { next, filter } => {
                *next += 1;
                filter.as_ref().is_none_or(|filter| filter.wants(event))
            }
            Self::Stream { next, .. } => {
                *next = event.revision + 1;
                true
            }
        }
    }

    fn interval(&self) -> Option<u32> {
        match self {
            Self::All { filter, .. } => filter.as_ref().map(|filter| filter.interval),
            Self::Stream { .. } => None,
        }
    }

    fn caught_up(&self, log: &Log) -> CaughtUp {
        let timestamp = Some(log.now().into());
        match self {
            Self::All { next, .. } => {
                let last = next.checked_sub(1).and_then(|index| log.all().get(index));
                let position = last.map(|event| event.position.into());
                CaughtUp { timestamp, stream_revision: None, position }
            }
            Self::Stream { name, .. } => {
                let last = log.current(name).and_then(|revision| i64::try_from(revision).ok());
                CaughtUp { timestamp, stream_revision: last, position: None }
            }
        }
    }
}

/// Where answers go out.
struct Outlet {
    sender: mpsc::Sender<Result<ReadResp, Status>>,
    state: Arc<State>,
    fault: Option<Fault>,
    sent: usize,
}

impl Outlet {
    async fn send(&mut self, content: Content) -> Result<(), Gone> {
        self.state.faults.running().await;
        if let Some(Fault::DropAfter(most)) = self.fault
            && self.sent >= most
        {
            return self.end(Status::unavailable("the subscription was dropped")).await;
        }
        if let Some(Fault::EndAfter(most)) = self.fault
            && self.sent >= most
        {
            return Err(Gone);
        }
        self.sent += 1;
        self.sender.send(Ok(content.into())).await.map_err(|_| Gone)
    }

    async fn end(&self, status: Status) -> Result<(), Gone> {
        // A reader that is not there any more needs no reason.
        _ = self.sender.send(Err(status)).await;
        Err(Gone)
    }
}
