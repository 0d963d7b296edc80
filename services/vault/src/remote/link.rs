//! One call to the vault: how many at once, with which login, and what its failure means.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use vaultrs::error::ClientError;

use super::{
    circuit::Circuit,
    client::Clients,
    config::Login,
    fault::Fault,
    keeper::{Keeper, Session},
    login,
};

/// Calls in flight; more only add latency on the server's side.
pub(super) const PERMITS: usize = 24;
/// How long a call waits for its turn.
const QUEUE_LIMIT: Duration = Duration::from_secs(2);

/// The session that a request is made with.
pub(super) type Borrowed = Arc<Session>;

/// The way to the vault.
pub(super) struct Link {
    keeper: Keeper,
    permits: Semaphore,
    circuit: Circuit,
}

impl Link {
    pub(super) fn open(clients: Clients, login: Login) -> Self {
        let keeper = Keeper::start(clients, login);
        Self { keeper, permits: Semaphore::new(PERMITS), circuit: Circuit::default() }
    }

    /// Makes a request; a second time with a new login when the old one turns out to be bad.
    pub(super) async fn call<T, F>(&self, request: impl Fn(Borrowed) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.circuit.enter(Instant::now())?;
        let _permit = self.turn().await?;
        let session = self.keeper.session().await?;
        match self.attempt(request(Arc::clone(&session))).await {
            Err(Fault::Forbidden) => {
                let fresh = self.replacement(&session).await?;
                self.attempt(request(fresh)).await.map_err(|fault| match fault {
                    Fault::Forbidden => Fault::Policy,
                    other => other,
                })
            }
            outcome => outcome,
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let turn = timeout(QUEUE_LIMIT, self.permits.acquire()).await;
        turn.map_err(|_| Fault::Crowded)?.map_err(|_| Fault::Crowded)
    }

    async fn attempt<T>(&self, request: impl Future<Output = Result<T, ClientError>>) -> Result<T, Fault> {
        let outcome = request.await.map_err(Fault::from);
        self.circuit.record(&outcome, Instant::now());
        outcome
    }

    /// A 403 is the policy's when the token is good; else the login is done again.
    async fn replacement(&self, session: &Session) -> Result<Borrowed, Fault> {
        match login::look_up(&session.client).await {
            Ok(_) => Err(Fault::Policy),
            Err(Fault::Forbidden) => self.keeper.replace(session).await,
            Err(other) => Err(other),
        }
    }
}
