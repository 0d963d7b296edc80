//! What the admin commands ask of the application, whether it runs in another process or in ours.
//!
//! [`Admin`] is the trait. The application implements it; [`SocketAdmin`] speaks it through the
//! Unix socket in the data directory (0600, newline-delimited JSON) to [`AdminSocket`] in the
//! running server. To add a request: a method of [`Admin`], a variant of [`AdminRequest`] and of
//! [`AdminAnswer`], and one line in `server.rs` and `client.rs` each.

mod client;
mod progress;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use keytrail_domain::{MemberId, SecretValue, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

pub use client::SocketAdmin;
pub use progress::{Progress, ProgressReader, ProgressSender, progress};
pub use protocol::{AdminAnswer, AdminReply, AdminRequest, VERSION};
pub use server::{AdminSocket, SocketError};

/// A wish for a token of the built-in issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MintToken {
    /// The tenant's slug.
    pub tenant: String,
    /// The member's subject at the built-in issuer.
    pub subject: String,
    /// How long it is to be valid.
    pub ttl_seconds: u64,
}

/// A new token, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MintedToken {
    /// The token.
    #[serde(with = "protocol::shown_once")]
    pub token: SecretValue,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A wish for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTenant {
    /// Its slug.
    pub slug: String,
    /// Its first owner's subject.
    pub owner: String,
    /// Who vouches for the owner; none: the issuer that the server uses.
    pub owner_issuer: Option<String>,
}

/// A new tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// Its first owner.
    pub owner: MemberId,
}

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuiltViews {
    /// How many events the views were made from.
    pub events: u64,
}

/// Whether a sweep deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SweepMode {
    /// Delete what no event names.
    Delete,
    /// Only count it.
    DryRun,
}

/// What a sweep did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// How many secrets were looked at.
    pub seen: u64,
    /// How many of them no event names, and are old enough to go.
    pub litter: u64,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its release.
    pub release: String,
    /// Whether it takes work, and its stores answer.
    pub ready: bool,
}

/// What the caller can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AdminCode {
    /// It is there already.
    AlreadyExists,
    /// It is not there.
    NotFound,
    /// A rule says no.
    Refused,
    /// What was asked makes no sense.
    BadInput,
    /// A store, or the server, does not answer now.
    Unavailable,
    /// The two sides do not understand each other.
    Protocol,
    /// Something is wrong inside; the log says what.
    Internal,
}

/// Why an admin request failed. Never quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// For programs.
    pub code: AdminCode,
    /// For people: what is wrong.
    pub message: String,
    /// For people: what to do.
    pub hint: String,
}

impl AdminError {
    /// A failure with its next step.
    pub fn new(code: AdminCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// What an operator can ask of the application.
///
/// A call may be dropped when the server stops; what it has begun must then be as after `kill -9`.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// Makes a tenant with its first owner.
    ///
    /// # Errors
    /// [`AdminCode::AlreadyExists`] when the slug is taken.
    async fn create_tenant(&self, wish: CreateTenant) -> Result<CreatedTenant, AdminError>;

    /// Mints a token of the built-in issuer; an event says so.
    ///
    /// # Errors
    /// [`AdminCode::NotFound`] for no such tenant or member, [`AdminCode::Refused`] when the
    /// built-in issuer is not in use.
    async fn mint_token(&self, wish: MintToken) -> Result<MintedToken, AdminError>;

    /// Makes all views anew from the log.
    ///
    /// # Errors
    /// [`AdminError`].
    async fn rebuild_views(&self, progress: &ProgressSender) -> Result<RebuiltViews, AdminError>;

    /// Soft-deletes secrets that no event names.
    ///
    /// # Errors
    /// [`AdminCode::Refused`] when the log is not the one that the vault remembers.
    async fn sweep(&self, mode: SweepMode, progress: &ProgressSender) -> Result<Swept, AdminError>;

    /// How the server is.
    ///
    /// # Errors
    /// [`AdminError`].
    async fn status(&self) -> Result<Status, AdminError>;
}
