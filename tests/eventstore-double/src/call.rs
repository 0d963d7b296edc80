//! What every call goes through before and after it is done.

use std::{future::pending, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tonic::{Status, metadata::MetadataMap};

use crate::{
    answers,
    faults::{Fault, Faults, Method},
    log::Log,
    users::Users,
};

/// What outlives connections and restarts.
#[derive(Debug)]
pub(crate) struct State {
    log: Mutex<Log>,
    grown: watch::Sender<()>,
    pub(crate) faults: Faults,
    pub(crate) users: Mutex<Users>,
    /// Who leads, if not this one.
    pub(crate) leader: Mutex<Option<(String, u16)>>,
    pub(crate) port: u16,
}

impl State {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            log: Mutex::new(Log::new()),
            grown: watch::Sender::new(()),
            faults: Faults::new(),
            users: Mutex::default(),
            leader: Mutex::default(),
            port,
        }
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock())
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let changed = change(&mut self.log.lock());
        self.grown.send_replace(());
        changed
    }

    /// Says when the log has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }
}

/// One connection, from the side of a call on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Arc<Notify>);

impl Line {
    /// Until somebody cuts it.
    pub(crate) async fn was_cut(&self) {
        self.0.notified().await;
    }

    async fn cut<T>(&self) -> T {
        self.0.notify_one();
        pending().await
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) line: Line,
}

impl Call {
    /// Whether it is to be done; says what is to go wrong after that.
    pub(crate) async fn enter(&self, method: Method, metadata: &MetadataMap) -> Result<After, Status> {
        let after = self.meet(method, metadata).await?;
        let writes = !matches!(method, Method::Read | Method::Subscribe);
        self.state.users.lock().check(metadata, writes)?;
        self.leads(metadata)?;
        Ok(after)
    }

    /// The same for what anybody may ask anybody.
    pub(crate) async fn meet(&self, method: Method, metadata: &MetadataMap) -> Result<After, Status> {
        self.state.faults.running().await;
        let fault = self.state.faults.take(method);
        match &fault {
            Some(Fault::CutBefore) => return self.line.cut().await,
            Some(Fault::Never) => return pending().await,
            Some(Fault::Status(code, said)) => return Err(Status::new(*code, said)),
            Some(Fault::NotLeader { host, port }) => return Err(answers::not_leader(host, *port)),
            _ => (),
        }
        Ok(After { fault, line: self.line.clone(), deadline: deadline(metadata) })
    }

    fn leads(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let wanted = metadata.get("requires-leader").is_some_and(|value| value == "true");
        match self.state.leader.lock().as_ref() {
            Some((host, port)) if wanted => Err(answers::not_leader(host, *port)),
            _ => Ok(()),
        }
    }
}

/// What is left to go wrong.
#[derive(Debug)]
pub(crate) struct After {
    pub(crate) fault: Option<Fault>,
    line: Line,
    deadline: Option<Duration>,
}

impl After {
    /// It is done: whether the answer may go out. A server that is only slow keeps the caller's deadline.
    pub(crate) async fn done(&self) -> Result<(), Status> {
        match (&self.fault, self.deadline) {
            (Some(Fault::CutAfter), _) => self.line.cut().await,
            (Some(Fault::Slow(time)), Some(deadline)) if deadline < *time => {
                tokio::time::sleep(deadline).await;
                Err(Status::deadline_exceeded("Deadline Exceeded"))
            }
            (Some(Fault::Slow(time)), _) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The header `grpc-timeout`: digits and a unit.
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let said = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (amount, unit) = said.split_at_checked(said.len().checked_sub(1)?)?;
    let amount: u64 = amount.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}
