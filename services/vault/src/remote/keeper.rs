//! Keeps us logged in: a task that logs in, renews in time and logs in again when told that the
//! token is bad. Callers wait for it and never log in themselves, so there is one login at a time.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{
    client::{Clients, KvClient},
    config::Login,
    fault::Fault,
    login::{self, Lease, LoggedIn},
};

/// First pause after a failed login; doubled up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pause after a login was rejected, where the vault locks a role, for all nodes, after five rejections with less than
/// fifteen minutes between two of them.
const REJECTED_PAUSE: Duration = Duration::from_secs(16 * 60);
/// Between two looks whether the login has changed meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Pause after a renewal that could not be asked for.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// One login.
pub(super) struct Session {
    /// Counted from 1, to tell a bad one from its successor.
    number: u64,
    pub(super) client: KvClient,
}

#[derive(Clone)]
enum Standing {
    LoggingIn,
    Ready(Arc<Session>),
    /// The last attempt failed; the next one comes by itself.
    Failed(Fault),
}

/// Gives sessions to callers. The task ends when this is dropped.
pub(super) struct Keeper {
    standing: watch::Receiver<Standing>,
    bad: mpsc::Sender<u64>,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(clients: Clients, login: Login) -> Self {
        let (publish, standing) = watch::channel(Standing::LoggingIn);
        let (bad, reports) = mpsc::channel(1);
        let task = tokio::spawn(Work { clients, login, publish, reports, count: 0 }.run());
        Self { standing, bad, task }
    }

    /// The present session; waits while a login is under way.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Fault> {
        self.session_after(0).await
    }

    /// A session after one whose token the vault does not accept any more.
    pub(super) async fn replace(&self, bad: &Session) -> Result<Arc<Session>, Fault> {
        // A full channel means that somebody has said so already.
        let _told_before = self.bad.try_send(bad.number);
        self.session_after(bad.number).await
    }

    async fn session_after(&self, number: u64) -> Result<Arc<Session>, Fault> {
        let mut standing = self.standing.clone();
        loop {
            match standing.borrow_and_update().clone() {
                Standing::Ready(session) if session.number > number => return Ok(session),
                Standing::Failed(fault) => return Err(fault),
                Standing::Ready(_) | Standing::LoggingIn => {}
            }
            standing.changed().await.map_err(|_| Fault::Silent)?;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    clients: Clients,
    login: Login,
    publish: watch::Sender<Standing>,
    reports: mpsc::Receiver<u64>,
    count: u64,
}

impl Work {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let version = self.login.version().await;
            match self.login.perform(&self.clients).await {
                Ok(LoggedIn { client, lease }) => {
                    pause = FIRST_PAUSE;
                    self.keep(client, lease).await;
                    self.publish.send_replace(Standing::LoggingIn);
                }
                Err(Fault::Login) if self.login.can_be_locked() => {
                    self.note_failure(Fault::Login);
                    self.wait_for_another(version).await;
                }
                Err(fault) => {
                    self.note_failure(fault);
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Until the login is another one than it was, or a long time has passed.
    async fn wait_for_another(&self, version: Option<u64>) {
        let end = Instant::now() + REJECTED_PAUSE;
        while Instant::now() < end && self.login.version().await == version {
            sleep_until(end.min(Instant::now() + LOOK_EVERY)).await;
        }
    }

    /// Callers are told at once while it goes on failing; the log is told once.
    fn note_failure(&self, fault: Fault) {
        let before = self.publish.send_replace(Standing::Failed(fault));
        if !matches!(before, Standing::Failed(known) if known == fault) {
            tracing::warn!(reason = fault.text(), "cannot log in to the vault");
            if fault == Fault::Login && self.login.can_be_locked() {
                tracing::warn!(
                    "the vault locks a role that is rejected five times, for all nodes: trying again at once when the \
                     file with the secret id holds another one, and else in 16 min; `sys/locked-users` shows whether \
                     it is locked"
                );
            }
        }
    }

    /// Returns when another login is needed.
    async fn keep(&mut self, client: KvClient, lease: Lease) {
        self.count += 1;
        let session = Arc::new(Session { number: self.count, client });
        self.publish.send_replace(Standing::Ready(Arc::clone(&session)));
        tracing::info!(
            login = self.count,
            seconds = lease.left.map(|left| left.as_secs()),
            "logged in to the vault"
        );
        tokio::select! {
            () = renewing(&session, lease) => {}
            () = told_bad(&mut self.reports, session.number) => {
                tracing::warn!("the vault does not accept our token any more; logging in again");
            }
        }
    }
}

async fn told_bad(reports: &mut mpsc::Receiver<u64>, number: u64) {
    while let Some(bad) = reports.recv().await {
        if bad == number {
            return;
        }
    }
}

/// Renews at two thirds of each lease; ends when the lease does, or gets short of its first length
/// (the vault's longest time is near), or the vault refuses.
async fn renewing(session: &Session, first: Lease) {
    let Some(whole) = first.left else { return std::future::pending().await };
    let mut ends = Instant::now() + whole;
    let mut next = Instant::now() + whole * 2 / 3;
    loop {
        sleep_until(next.min(ends)).await;
        if !first.renewable || Instant::now() >= ends {
            return;
        }
        match login::renew(&session.client).await {
            Ok(Lease { left: Some(left), .. }) if left * 2 > whole => {
                ends = Instant::now() + left;
                next = Instant::now() + left * 2 / 3;
                tracing::debug!(seconds = left.as_secs(), "renewed the vault login");
            }
            Ok(_) | Err(Fault::Forbidden | Fault::Refused) => return,
            Err(fault) => {
                tracing::warn!(reason = fault.text(), "cannot renew the vault login yet");
                next = Instant::now() + RENEWAL_PAUSE;
            }
        }
    }
}
