//! What goes wrong when a test asks for it.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;
use tonic::Code;

/// What of the protocol a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads that end.
    Read,
    /// Reads that go on: subscriptions.
    Subscribe,
    /// `Streams.Append`.
    Append,
    /// `Streams.BatchAppend`.
    BatchAppend,
    /// `Streams.Delete`.
    Delete,
    /// `Streams.Tombstone`.
    Tombstone,
    /// What a client asks first on a connection.
    ServerFeatures,
    /// `Gossip.Read`.
    Gossip,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection is cut, and nothing was done.
    CutBefore,
    /// It was done, and the connection is cut before the answer.
    CutAfter,
    /// It is done, and the answer comes so much later.
    Slow(Duration),
    /// Nothing is done and nothing is answered.
    Never,
    /// Nothing is done, and this is answered.
    Status(Code, String),
    /// Nothing is done; somebody else leads.
    NotLeader {
        /// The leader's host.
        host: String,
        /// The leader's port.
        port: u16,
    },
    /// A subscription delivers every event twice.
    Twice,
    /// A subscription ends with `UNAVAILABLE` after so many messages, the confirmation counted.
    DropAfter(usize),
    /// A subscription ends with `OK` after so many messages, the confirmation counted.
    EndAfter(usize),
}

/// Where tests ask for faults.
#[derive(Debug)]
pub struct Faults {
    asked: Mutex<HashMap<Method, Vec<Asked>>>,
    paused: watch::Sender<bool>,
}

#[derive(Debug)]
struct Asked {
    fault: Fault,
    once: bool,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { asked: Mutex::default(), paused: watch::Sender::new(false) }
    }

    /// The next call of this method, which has no fault yet, has this one.
    pub fn once(&self, method: Method, fault: Fault) {
        self.ask(method, Asked { fault, once: true });
    }

    /// Every call of this method has this fault until it is cleared.
    pub fn always(&self, method: Method, fault: Fault) {
        self.ask(method, Asked { fault, once: false });
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        self.asked.lock().clear();
        self.resume();
    }

    /// Nothing is done and nothing is sent until it goes on; connections stay.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// It goes on.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// Whether a fault that was asked for has not happened yet.
    pub fn pending(&self, method: Method) -> bool {
        self.asked.lock().get(&method).is_some_and(|asked| !asked.is_empty())
    }

    fn ask(&self, method: Method, asked: Asked) {
        self.asked.lock().entry(method).or_default().push(asked);
    }

    /// In the order in which they were asked for.
    pub(crate) fn take(&self, method: Method) -> Option<Fault> {
        let mut asked = self.asked.lock();
        let of_method = asked.get_mut(&method)?;
        let first = of_method.first()?;
        if first.once { Some(of_method.remove(0).fault) } else { Some(first.fault.clone()) }
    }

    /// Until it is not paused.
    pub(crate) async fn running(&self) {
        let mut paused = self.paused.subscribe();
        // The sender lives as long as this.
        _ = paused.wait_for(|paused| !paused).await;
    }
}
