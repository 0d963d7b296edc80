//! The status that people see: from what is proven, done by hand, and the date.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, verification::Verdict};

/// A credential is `EXPIRING` this many days before its end.
pub const EXPIRING_DAYS: i64 = 30;

/// What verification last proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Health {
    /// Nothing.
    #[default]
    Unverified,
    /// It works.
    Valid,
    /// It was rejected.
    Invalid,
    /// It was rejected because its time is over.
    Expired,
}

impl Health {
    /// What is known after one more verdict. An inconclusive one changes nothing.
    #[must_use]
    pub const fn after(self, verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid | Verdict::Limited => Self::Valid,
            Verdict::Invalid | Verdict::Revoked => Self::Invalid,
            Verdict::Expired => Self::Expired,
            Verdict::Inconclusive | Verdict::Unsupported => self,
        }
    }
}

/// The status that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Deleted; restorable for a while.
    Deleted,
    /// Stopped by hand.
    Suspended,
    /// Rejected by the system.
    Invalid,
    /// Its time is over.
    Expired,
    /// Its time is over soon.
    Expiring,
    /// It works.
    Valid,
    /// Nobody knows.
    Unverified,
}

impl Status {
    /// All, in order of precedence.
    pub const ALL: [Self; 7] = [
        Self::Deleted,
        Self::Suspended,
        Self::Invalid,
        Self::Expired,
        Self::Expiring,
        Self::Valid,
        Self::Unverified,
    ];
}

/// The status at a moment; the first that fits in the order of [`Status::ALL`].
pub fn status(
    health: Health,
    suspended: bool,
    deleted: bool,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Status {
    let ended = expires_at.is_some_and(|end| end <= now);
    let ending = expires_at.is_some_and(|end| end <= now.plus_days(EXPIRING_DAYS));
    match health {
        _ if deleted => Status::Deleted,
        _ if suspended => Status::Suspended,
        Health::Invalid => Status::Invalid,
        Health::Expired => Status::Expired,
        _ if ended => Status::Expired,
        _ if ending => Status::Expiring,
        Health::Valid => Status::Valid,
        Health::Unverified => Status::Unverified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_wins() {
        let now = Timestamp::from_micros(0);
        let soon = Some(now.plus_days(10));
        let past = Some(now);
        for (expected, health, suspended, deleted, end) in [
            (Status::Deleted, Health::Invalid, true, true, past),
            (Status::Suspended, Health::Invalid, true, false, past),
            (Status::Invalid, Health::Invalid, false, false, past),
            (Status::Expired, Health::Expired, false, false, None),
            (Status::Expired, Health::Valid, false, false, past),
            (Status::Expiring, Health::Valid, false, false, soon),
            (Status::Expiring, Health::Unverified, false, false, soon),
            (Status::Valid, Health::Valid, false, false, Some(now.plus_days(31))),
            (Status::Unverified, Health::Unverified, false, false, None),
        ] {
            assert_eq!(status(health, suspended, deleted, end, now), expected);
        }
    }

    #[test]
    fn an_inconclusive_verdict_changes_nothing() {
        for health in [Health::Unverified, Health::Valid, Health::Invalid, Health::Expired] {
            assert_eq!(health.after(Verdict::Inconclusive), health);
            assert_eq!(health.after(Verdict::Unsupported), health);
        }
    }
}
