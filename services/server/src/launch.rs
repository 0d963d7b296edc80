//! The seam between the process and the application: [`crate::wire`] fills it, `cli/` uses it.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use keytrail_domain::SecretValue;

use crate::{admin::Admin, config::Config, data_dir::DataDir, lifecycle::Lifecycle};

/// Why the application cannot start. Names what is wrong and the next step; never quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl StartError {
    /// A failure with its next step.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// How far the copy of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Of what, in words.
    pub what: &'static str,
    /// So many.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// A log that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedLog {
    /// Its events.
    pub events: u64,
    /// How many of them were there already.
    pub there_before: u64,
    /// Entries of its journal.
    pub entries: u64,
    /// Host and port of the event store.
    pub place: String,
}

/// Builds the application.
#[async_trait]
pub trait Launcher: Send + Sync {
    /// Opens stores, repairs what a crash left, and starts the background on tasks of `life`. Serves
    /// nothing yet. The caller keeps the data directory until all tasks of `life` have ended.
    ///
    /// # Errors
    /// [`StartError`].
    async fn open(
        &self,
        config: Arc<Config>,
        dir: &DataDir,
        life: &Lifecycle,
    ) -> Result<Box<dyn Wired>, StartError>;

    /// Copies the embedded log and journal of a directory to an event store, verifies the copy and lets the
    /// vault belong to it. What an earlier run copied is not copied again.
    ///
    /// # Errors
    /// [`StartError`]; what was copied stays, and the next run goes on from there.
    async fn copy_log(
        &self,
        config: &Config,
        dir: &DataDir,
        to: &SecretValue,
        told: &(dyn Fn(CopyProgress) + Sync),
    ) -> Result<CopiedLog, StartError>;

    /// Lets the vault belong to the event log that is configured, instead of the one that is named; answers the log's id.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed.
    async fn claim_vault(
        &self,
        config: &Config,
        dir: &DataDir,
        instead_of: uuid::Uuid,
    ) -> Result<uuid::Uuid, StartError>;

    /// The GraphQL schema in its definition language.
    ///
    /// # Errors
    /// [`StartError`] when this build has none.
    fn schema(&self) -> Result<String, StartError>;
}

/// The application, built.
#[async_trait]
pub trait Wired: Send + Sync {
    /// What operators can ask of it.
    fn admin(&self) -> Arc<dyn Admin>;

    /// Binds and serves HTTP on vital intake tasks of `life`; answers the bound address.
    ///
    /// # Errors
    /// [`StartError`], for example when the address is taken or a certificate cannot be read.
    async fn listen(&self, life: &Lifecycle) -> Result<SocketAddr, StartError>;

    /// Closes the stores, after every task of `life` has ended.
    async fn close(&self);
}
