//! Leases: who got a credential's secret, which version, why, and until when.
//!
//! They stand in streams of their own, one for each credential and month
//! (`lease-<tenant>.<credential>.<yyyy-mm>`), so that a credential's own stream stays short. Nothing of the
//! secret or of the token is in them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Aggregate, Decision, DomainEvent, LeaseId, Refusal, Timestamp, text};

/// Longest life of a lease's token, in seconds.
pub const MOST_SECONDS: u32 = 300;
/// The life of a lease's token when nobody says otherwise, in seconds.
pub const USUAL_SECONDS: u32 = 60;
/// Longest purpose, in bytes.
const PURPOSE_LEN: usize = 200;

/// The leases of one credential in one month. No rule asks for those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseBook;

/// What can be asked of it.
#[derive(Clone, Debug)]
pub enum LeaseCommand {
    /// Write down that a token is given out.
    Lease {
        /// The lease's id.
        lease: LeaseId,
        /// Which secret version.
        version: u32,
        /// What for.
        purpose: String,
        /// Until when the token can be used.
        until: Timestamp,
        /// By what the vault knows the token; none when Keytrail keeps it.
        accessor: Option<String>,
    },
    /// Write down that its token counts no longer.
    Revoke {
        /// The lease.
        lease: LeaseId,
        /// Whose it was: his id.
        consumer: String,
    },
}

/// A fact about leases. Names and shapes are for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum LeaseEvent {
    #[serde(rename = "CredentialLeased")]
    Leased {
        lease: LeaseId,
        version: u32,
        purpose: String,
        until: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accessor: Option<String>,
    },
    /// The right to it ended before its time: its token was revoked.
    #[serde(rename = "CredentialLeaseRevoked")]
    Revoked { lease: LeaseId, consumer: String },
}

impl DomainEvent for LeaseEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}

impl Aggregate for LeaseBook {
    type Command = LeaseCommand;
    type Event = LeaseEvent;

    fn decide(&self, command: &LeaseCommand) -> Result<Decision<LeaseEvent>, Refusal> {
        Ok(Decision::of([match command {
            LeaseCommand::Lease { lease, version, purpose, until, accessor } => LeaseEvent::Leased {
                lease: *lease,
                version: *version,
                purpose: purpose_of(purpose)?,
                until: *until,
                accessor: accessor.clone(),
            },
            LeaseCommand::Revoke { lease, consumer } => {
                LeaseEvent::Revoked { lease: *lease, consumer: consumer.clone() }
            }
        }]))
    }

    fn evolve(self, _: &LeaseEvent) -> Self {
        self
    }

    /// Nobody changes what is written here.
    fn revision(&self) -> u64 {
        0
    }
}

/// A purpose as it is kept: one line.
///
/// # Errors
/// None, too long, or with control characters.
pub fn purpose_of(text: &str) -> Result<String, Refusal> {
    text::line("purpose", text, PURPOSE_LEN)
}

/// The seconds that a token is to live.
///
/// # Errors
/// Not between 1 and [`MOST_SECONDS`].
pub fn seconds_of(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(USUAL_SECONDS) {
        seconds @ 1..=MOST_SECONDS => Ok(seconds),
        _ => Err(Refusal::invalid("ttlSeconds", format!("must lie between 1 and {MOST_SECONDS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lives_a_minute_and_at_most_five() {
        assert_eq!(seconds_of(None), Ok(60));
        assert_eq!(seconds_of(Some(300)), Ok(300));
        assert!(seconds_of(Some(0)).is_err() && seconds_of(Some(301)).is_err());
    }

    #[test]
    fn a_purpose_is_one_line_that_says_something() {
        assert_eq!(purpose_of(" nightly sync "), Ok("nightly sync".into()));
        assert!(
            purpose_of("  ").is_err() && purpose_of("a\nb").is_err() && purpose_of(&"x".repeat(201)).is_err()
        );
    }
}
