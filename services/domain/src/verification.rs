//! Verdicts: what a dry request to the real system proved.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What the answer proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It works.
    Valid,
    /// It is alive, but its scope is too small for what the check asked.
    Limited,
    /// Rejected.
    Invalid,
    /// Rejected because its time is over.
    Expired,
    /// Rejected because somebody took it back.
    Revoked,
    /// The answer proves neither.
    Inconclusive,
    /// There is no check for this kind of credential.
    Unsupported,
}

impl Verdict {
    /// A "no" that is proof.
    pub const fn is_definite_no(self) -> bool {
        matches!(self, Self::Invalid | Self::Expired | Self::Revoked)
    }

    /// A "yes" that is proof.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Valid | Self::Limited)
    }

    /// The name, as in GraphQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Limited => "LIMITED",
            Self::Invalid => "INVALID",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

/// Why a verdict is inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InconclusiveReason {
    /// The system told us to come back later, or we have too much to do ourselves.
    RateLimited,
    /// No connection, or the guard did not let us out.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An answer that the component's rules do not know.
    Unexpected,
}

/// Who or what asked for a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Trigger {
    /// Before it was created.
    Create,
    /// Before a new secret version or changed fields were taken.
    Change,
    /// A person or a runtime asked.
    Demand,
    /// The schedule.
    Routine,
    /// The provider was asked for the next access token.
    Refresh,
}

/// What one check found. Holds no payload value and no body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is inconclusive, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<InconclusiveReason>,
    /// One sentence for a person, from our own texts only.
    pub message: String,
    /// Who the system says we are, cut to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What the system says we may do, at most 64 names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// When it ends, by evidence of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How long the check took, in milliseconds.
    pub duration_ms: u64,
}

impl Report {
    /// True when nothing that matters differs: then a routine check is no event. Two ends less
    /// than two minutes apart are the same end: some systems tell the time that is left.
    pub fn tells_the_same_as(&self, other: &Self) -> bool {
        let near = |a: Timestamp, b: Timestamp| (a.as_seconds() - b.as_seconds()).abs() < 120;
        let same_end = match (self.expires_at, other.expires_at) {
            (Some(a), Some(b)) => near(a, b),
            (a, b) => a == b,
        };
        same_end
            && (self.verdict, &self.identity, &self.scopes) == (other.verdict, &other.identity, &other.scopes)
    }
}
