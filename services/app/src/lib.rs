//! The use cases: executes commands, projects events into views, reacts to facts, answers queries.
//!
//! There is one write path (`execute.rs`): authorise, load, decide, store secrets, append,
//! wait until the views show it. It speaks to the world through `keytrail-ports` only and must not
//! know an adapter, a token or GraphQL.
//!
//! To add a use case: a method on [`App`] in `commands/` or `queries/`, named after its mutation
//! or query.

mod after;
mod api_token;
mod app;
mod call;
mod claims;
mod commands;
mod credential_lease;
mod cursor;
mod earlier;
mod error;
mod execute;
mod failing;
mod feed;
mod fingerprint;
mod idempotency;
mod inputs;
mod journal_topics;
mod key_ring;
mod keys;
mod leases;
mod log_copy;
mod oauth;
mod profile;
mod progress;
mod projection;
mod queries;
mod reactor;
mod runner;
mod schedule;
mod sign_in;
mod standing;
mod steady_clock;
mod throttle;
mod usage;
mod webhook;

pub use api_token::API_TOKEN_PREFIX;
pub use app::{App, Options, Ports};
pub use call::{Call, Done, Listed, Mutation, PageArgs, Profile, Stats, Viewer};
pub use commands::{CopiedFlow, MintedToken, NewApiToken, NewOffer, NewTenant};
pub use credential_lease::{IssuedLease, LeaseRow, NewLease, UNWRAP_PATH, UnwrapError};
pub use error::AppError;
pub use feed::{Delivered, Feed};
pub use fingerprint::SecretWarning;
pub use inputs::{
    CredentialRollback, CredentialRotation, CredentialUpdate, EnvironmentChange, FieldsTest, NewCredential,
    NewEnvironment, NewEnvironmentShare, NewGrant, NewMember, NewOAuthClient, NewWebhookEndpoint,
    OAuthClientUpdate, TeamPlace, TenantUpdate, WebhookEndpointUpdate,
};
pub use journal_topics::journal_topics;
pub use leases::{Tenure, Work};
pub use log_copy::{Copied, CopyError, CopyStage, LogCopy, copy_is_unfinished};
pub use oauth::{
    AnewOAuth2, BegunOAuth2, CALLBACK_PATH, Callback, CallbackError, CompletionPage, NewOAuth2, OAuth2Wish,
};
pub use projection::Projections;
pub use queries::{
    Access, AccessChange, AsOf, Counted, KnownComponent, Planned, Preview, SeenUsage, Usages, Way,
};
pub use runner::views_fit;
pub use schedule::{Schedule, ScheduleNumbers, ScheduleOptions};
pub use sign_in::Identity;
pub use steady_clock::SteadyClock;
pub use usage::{
    BeforeUse, ConnectionChange, ConnectionStep, FlowChange, FlowCopy, NewConnection, NewFlow, NewStep,
    Repointing,
};
pub use webhook::{Purpose, WebhookAttempt, WebhookDelivery, WebhookNumbers, WebhookOutcome};
