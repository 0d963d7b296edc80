//! Checks that are no HTTP recipe: one driver for each way of talking to a system.
//!
//! A component's `verify` is then `{"driver": "<name>"}`. A driver gets the fields, and the ways out
//! that it may take ([`Outside`]); it dials nothing by itself. What it says is a [`Judgement`] in fixed words, and [`Evidence`] that the caller cleans.
//!
//! To add one: a file here with a type that is a [`Driver`], and its line in [`DRIVERS`].

mod aws;
mod certificate;
mod definition;
mod kubernetes;
mod mysql;
mod oauth2;
mod place;
mod postgres;
mod redis;
mod web;

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::verification::{InconclusiveReason, Verdict};
use keytrail_ports::Clock;

use crate::{
    guard::{AllowedHosts, Dialer, GuardError, GuardedHttp},
    recipe::{Evidence, Fields, Judgement},
};

pub(crate) use definition::{named, problems};

/// All drivers.
static DRIVERS: [&dyn Driver; 7] = [
    &aws::Aws,
    &certificate::TlsCertificate,
    &kubernetes::Kubernetes,
    &mysql::MySql,
    &oauth2::OAuth2,
    &postgres::Postgres,
    &redis::Redis,
];

/// What one check found.
pub(crate) type Found = (Judgement, Evidence);

/// One way of asking a system whether a credential works.
///
/// Promises: the secrets go only to `question.hosts`, through [`Outside`]; the check is harmless;
/// only an answer that proves rejection is a no. It may take its time: the caller ends it when the
/// time of the `Verifier` port is over, so dropping the future must end everything.
#[async_trait]
pub(crate) trait Driver: Sync {
    /// Its name in definitions.
    fn name(&self) -> &'static str;

    /// The fields that a component must or may have to be checked by it.
    fn wants(&self) -> &'static [Wanted];

    /// One check. The error is the judgement when it comes to no evidence.
    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement>;
}

/// A field that a driver reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) field: &'static str,
    /// What its definition must say of it.
    pub(crate) role: Role,
    /// Whether a component may leave it out.
    pub(crate) presence: Presence,
}

/// What a value decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing about safety.
    Plain,
    /// Where, and how safely, secrets are sent: `x-destination`.
    Destination,
    /// It is a secret: `x-secret`.
    Secret,
}

/// Whether each credential of the component has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The field is required or has a default.
    Always,
    /// The component may do without it, and so may a credential.
    Perhaps,
}

impl Wanted {
    /// A field that is always there.
    pub(crate) const fn always(field: &'static str, role: Role) -> Self {
        Self { field, role, presence: Presence::Always }
    }

    /// A field that may be missing.
    pub(crate) const fn perhaps(field: &'static str, role: Role) -> Self {
        Self { field, role, presence: Presence::Perhaps }
    }
}

/// One credential to be checked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Its fields.
    pub(crate) fields: Fields<'a>,
    /// Where its secrets may go.
    pub(crate) hosts: &'a AllowedHosts,
}

/// All that a driver has of the world.
pub(crate) struct Outside {
    /// The way out for HTTP.
    pub(crate) http: Arc<GuardedHttp>,
    /// The way out for other protocols.
    pub(crate) dialer: Dialer,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A verdict in fixed words, so that no value can stand in them.
pub(crate) fn judged(verdict: Verdict, message: &'static str) -> Judgement {
    Judgement { verdict, reason: None, message: message.to_owned() }
}

/// Nothing is proven, in fixed words.
pub(crate) fn unproven(reason: InconclusiveReason, message: &'static str) -> Judgement {
    Judgement::inconclusive(reason, message)
}

impl From<GuardError> for Judgement {
    fn from(error: GuardError) -> Self {
        let reason = match error {
            GuardError::Timeout => InconclusiveReason::Timeout,
            GuardError::Busy => InconclusiveReason::RateLimited,
            _ => InconclusiveReason::Unreachable,
        };
        Self::inconclusive(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_we_are_busy_is_not_said_of_the_host() {
        let ours = Judgement::from(GuardError::Busy);
        assert_eq!(
            (ours.verdict, ours.reason),
            (Verdict::Inconclusive, Some(InconclusiveReason::RateLimited))
        );
        assert!(ours.message.starts_with("Keytrail has"), "{}", ours.message);
        let theirs = Judgement::from(GuardError::Unreachable);
        assert_eq!(theirs.reason, Some(InconclusiveReason::Unreachable));
    }
}
