//! What changes things: one method on [`crate::App`] per mutation.

mod alert;
mod break_glass;
mod checking;
mod component;
mod compromise;
mod connection;
mod create_credential;
mod credential;
mod environment;
mod flow;
mod member;
mod names;
mod oauth_client;
mod policy;
mod rotation;
mod service_account;
mod team;
mod tenant;
mod token;
mod transfer;
mod versions;
mod webhook;

pub(crate) use checking::{present, unchanged};
pub(crate) use create_credential::{replayed, stream_of};
pub use flow::CopiedFlow;
pub use service_account::NewApiToken;
pub use tenant::NewTenant;
pub use token::MintedToken;
pub use transfer::NewOffer;
pub(crate) use transfer::{NAMES, numbered};

/// Tests of unsaved fields that a person may make.
pub(crate) const TESTS_PER_MINUTE: u32 = 10;
/// Checks of one stored credential that people may ask for: each is a request to somebody's system
/// and an event.
pub(crate) const CHECKS_PER_MINUTE: u32 = 30;

use keytrail_ports::{Action, Object, Resource};

use crate::{App, AppError, Call};

impl App {
    /// May this caller do that to a thing of his tenant?
    pub(crate) async fn authorize(
        &self,
        call: &Call,
        action: Action,
        object: Object,
    ) -> Result<(), AppError> {
        let resource = Resource { tenant: call.principal.tenant, object };
        Ok(self.ports().authorizer.authorize(&call.principal, action, resource).await?)
    }
}
