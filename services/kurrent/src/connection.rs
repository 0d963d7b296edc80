//! One connection that is made anew for ever, and a deadline for every call.

use std::{future::Future, sync::Arc, time::Duration};

use eventstore::{Client, Error};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::{
    diagnosis,
    fault::{Fault, OpenError},
    identity,
    outage::Outage,
    same_log::{Cleared, Doubt, SameLog},
    settings::Settings,
};

/// No call waits longer for its answer, nor one that has to be made before it: less than work leases do, so that they outlive a dead connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// An outage that is over sooner is not told of.
const HICCUP: Duration = Duration::from_millis(500);
/// For so long a call that may pass is made again.
const PERSISTENCE: Duration = Duration::from_secs(4);
/// First and longest wait before that.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The client, and another one when it has given up: once it could not connect, it never tries again.
pub(crate) struct Connection {
    /// What it is for, for people.
    name: &'static str,
    settings: Settings,
    outage: Outage,
    log: Arc<SameLog>,
    cleared: Cleared,
    current: Mutex<(u64, Client)>,
}

impl Connection {
    /// A connection that is made with the first call, to the server that has this log.
    pub(crate) fn new(name: &'static str, settings: Settings, log: Arc<SameLog>) -> Result<Self, OpenError> {
        let client = Client::new(settings.client.clone()).map_err(|error| OpenError::Unreachable {
            place: settings.to_string(),
            why: error.to_string(),
        })?;
        let current = Mutex::new((0, client));
        Ok(Self { name, settings, outage: Outage::new(), log, cleared: Cleared::default(), current })
    }

    /// True while it is known that nobody answers, or that the server has another log.
    pub(crate) fn is_away(&self) -> bool {
        self.outage.is_on() || self.log.is_another()
    }

    /// The log that the server must have.
    pub(crate) fn log(&self) -> &Arc<SameLog> {
        &self.log
    }

    /// Hosts and ports.
    pub(crate) fn place(&self) -> String {
        self.settings.to_string()
    }

    /// Why nobody answers there as expected, as far as it can be seen from here.
    pub(crate) async fn diagnosis(&self) -> Option<String> {
        diagnosis::of(&self.settings.client).await
    }

    /// One call, once, with a deadline; and another one before it when the server may have another log by now.
    pub(crate) async fn once<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if let Some(doubt) = self.log.to_be_asked(&self.cleared) {
            self.must_be(doubt).await?;
        }
        self.attempt(call).await
    }

    async fn must_be(&self, doubt: Doubt) -> Result<(), Fault> {
        let expected = doubt.expected;
        let found = match self.attempt(identity::read).await {
            Ok(found) => found.and_then(|event| identity::named_in(&event)),
            Err(Fault::NotFound | Fault::Deleted) => None,
            // Nothing of the call itself was sent.
            Err(fault) => return Err(Fault::NotApplied(fault.to_string())),
        };
        if found == Some(expected) {
            if self.log.found(&self.cleared, doubt) {
                tracing::info!(server = %self.settings, "the event log that this process began with is back");
            }
            return Ok(());
        }
        if self.log.missed() {
            tracing::error!(
                server = %self.settings, %expected, ?found,
                "the server has another event log than this process began with: nothing is read from it or written to \
                 it; put the right one back, or restart keytrail, which says what can be done"
            );
        }
        Err(Fault::NotApplied("the server has another event log than before".to_owned()).at(&self.settings))
    }

    async fn attempt<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (number, client) = self.current.lock().clone();
        let (fault, is_lost) = match timeout(PATIENCE, call(client)).await {
            Ok(Ok(answer)) => {
                self.answered();
                return Ok(answer);
            }
            Ok(Err(error)) => {
                let is_lost = is_about_connection(&error);
                (Fault::from(error).at(&self.settings), is_lost)
            }
            // Whoever does not answer may never do so on this connection.
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                (Fault::Unknown(why).at(&self.settings), true)
            }
        };
        if is_lost {
            self.log.doubt();
            // Who comes late, when others have gone on with another client, knows nothing new.
            if self.renew(number) {
                self.lost(&fault);
            }
        } else if !fault.may_pass() {
            self.answered();
        }
        Err(fault)
    }

    fn answered(&self) {
        if let Some(lasted) = self.outage.ends() {
            let (what, seconds) = (self.name, lasted.as_secs());
            tracing::info!(server = %self.settings, "the {what} answers again, after {seconds} s");
        }
    }

    /// What is wrong is found out beside the work: that can take seconds. What is over by then is not worth a word.
    fn lost(&self, fault: &Fault) {
        let Some(outage) = self.outage.begins() else { return };
        let (what, settings, said) = (self.name, self.settings.clone(), fault.to_string());
        tokio::spawn(async move {
            let (why, ()) = tokio::join!(diagnosis::of(&settings.client), tokio::time::sleep(HICCUP));
            if outage.is_to_be_said() {
                // The client may have had another reason, with a cluster of which one host is away.
                let why = why.map_or_else(|| said.clone(), |found| format!("{found} ({said})"));
                tracing::warn!(why, "the {what} is away: trying again until it is back, and saying so then");
            }
        });
    }

    /// A call that can be made again without harm, until it passes or is worth no more tries. Was one
    /// try perhaps applied, then so is the whole.
    pub(crate) async fn again<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (start, mut wait, mut unknown) = (Instant::now(), BACKOFF.0, None);
        loop {
            let fault = match self.once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !fault.may_pass() || start.elapsed() + wait > PERSISTENCE {
                return Err(match (fault, unknown) {
                    (Fault::NotApplied(_) | Fault::Denied, Some(why)) => Fault::Unknown(why),
                    (fault, _) => fault,
                });
            }
            tracing::debug!(fault = ?fault, "the event log is asked again");
            if let Fault::Unknown(why) = fault {
                unknown = Some(why);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Another client in place of one that has given up; false when somebody was faster.
    fn renew(&self, number: u64) -> bool {
        let mut current = self.current.lock();
        if current.0 != number {
            return false;
        }
        match Client::new(self.settings.client.clone()) {
            Ok(client) => *current = (number + 1, client),
            Err(error) => tracing::warn!(%error, "no new client for the event log"),
        }
        true
    }
}

/// True when the node may be gone. The client goes on asking the one that it chose first, also when the
/// cluster has another leader by now: only a new client looks for one.
fn is_about_connection(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionClosed
            | Error::GrpcConnectionError(_)
            | Error::ServerError(_)
            | Error::DeadlineExceeded
    )
}
