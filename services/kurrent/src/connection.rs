//! One connection that is made anew for ever, and a deadline for every call.

use std::{future::Future, time::Duration};

use eventstore::{Client, Error};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::{
    diagnosis,
    fault::{Fault, OpenError},
    outage::Outage,
    settings::Settings,
};

/// No call waits longer for its answer: less than work leases do, so that they outlive a dead connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
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
    current: Mutex<(u64, Client)>,
}

impl Connection {
    /// A connection that is made with the first call.
    pub(crate) fn new(name: &'static str, settings: Settings) -> Result<Self, OpenError> {
        let client = Client::new(settings.client.clone()).map_err(|error| OpenError::Unreachable {
            place: settings.to_string(),
            why: error.to_string(),
        })?;
        Ok(Self { name, settings, outage: Outage::new(), current: Mutex::new((0, client)) })
    }

    /// True while it is known that nobody answers.
    pub(crate) fn is_away(&self) -> bool {
        self.outage.is_on()
    }

    /// Hosts and ports.
    pub(crate) fn place(&self) -> String {
        self.settings.to_string()
    }

    /// Why nobody answers there as expected, as far as it can be seen from here.
    pub(crate) async fn diagnosis(&self) -> Option<String> {
        diagnosis::of(&self.settings.client).await
    }

    /// One call, once, with a deadline.
    pub(crate) async fn once<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, Fault>
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
            self.renew(number);
            self.lost(&fault);
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

    /// What is wrong is found out beside the work: that can take seconds.
    fn lost(&self, fault: &Fault) {
        if !self.outage.begins() {
            return;
        }
        let (what, settings, said) = (self.name, self.settings.clone(), fault.to_string());
        tokio::spawn(async move {
            let why = diagnosis::of(&settings.client).await.unwrap_or(said);
            tracing::warn!(why, "the {what} is away: trying again until it is back, and saying so then");
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

    /// Another client in place of one that has given up.
    fn renew(&self, number: u64) {
        let mut current = self.current.lock();
        if current.0 != number {
            return;
        }
        match Client::new(self.settings.client.clone()) {
            Ok(client) => *current = (number + 1, client),
            Err(error) => tracing::warn!(%error, "no new client for the event log"),
        }
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
