//! An alert: one cause of trouble with one credential or webhook endpoint, open until it is resolved.

mod decide;
mod event;
mod subject;

use serde::{Deserialize, Serialize};

pub use decide::AlertCommand;
pub use event::AlertEvent;
pub use subject::Subject;

/// Why there is an alert. The text is part of the stream's name: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    /// The system rejects it.
    Invalid,
    /// Its end is near.
    Expiring,
    /// Its end has come.
    Expired,
    /// Checks have come to nothing for a day.
    VerificationFailing,
    /// It was stopped by hand while something uses it.
    Suspended,
    /// Somebody gave himself its use by his role alone.
    BreakGlass,
    /// Its owner was removed from the tenant, and may know its secret still.
    HandedOver,
    /// Somebody said that its secret is in the wrong hands.
    Compromised,
    /// A webhook endpoint does not take what is sent to it.
    WebhookFailing,
}

impl Cause {
    /// All causes of trouble with a credential.
    pub const ALL: [Self; 8] = [
        Self::Invalid,
        Self::Expiring,
        Self::Expired,
        Self::VerificationFailing,
        Self::Suspended,
        Self::BreakGlass,
        Self::HandedOver,
        Self::Compromised,
    ];

    /// The part of the stream's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::VerificationFailing => "verification-failing",
            Self::Suspended => "suspended",
            Self::BreakGlass => "break-glass",
            Self::HandedOver => "handed-over",
            Self::Compromised => "compromised",
            Self::WebhookFailing => "webhook-failing",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look this week.
    Warning,
    /// Something is broken now.
    Critical,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertState {
    /// Nobody has it yet.
    Open,
    /// Somebody takes care of it.
    Acknowledged,
    /// Over.
    Resolved,
}

/// An alert, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// Where it stands; none before it was first opened.
    pub state: Option<AlertState>,
    /// The event that showed its cause last.
    pub source: Option<crate::EventId>,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// The sentence for a person.
    pub message: Option<String>,
    /// How many changes it has seen.
    pub revision: u64,
}
