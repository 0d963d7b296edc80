//! Moments in time, UTC, to the microsecond.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in UTC, cut to whole microseconds so that text, hash and memory agree.
///
/// Its text is RFC 3339 with six digits and `Z`. *Format*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Start of 1970, for state before the first fact.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The moment that many microseconds after the start of 1970; beyond what a calendar holds,
    /// the nearest end.
    pub fn from_micros(micros: i64) -> Self {
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        }))
    }

    /// Microseconds since the start of 1970.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since the start of 1970.
    pub fn as_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This many microseconds later (earlier when negative), at most to the end of the calendar.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.as_micros().saturating_add(micros))
    }

    /// This many seconds later (earlier when negative), at most to the end of the calendar.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.0))
    }

    /// This many days of 24 hours later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }

    /// Reads an RFC 3339 moment with any offset.
    ///
    /// # Errors
    /// The text is not such a moment.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self::from_micros(moment.as_microsecond()))
    }

    /// The month in UTC, as `2026-11`.
    pub fn month(self) -> String {
        self.0.strftime("%Y-%m").to_string()
    }

    /// The day in UTC, as `2026-11-22`.
    pub fn day(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Self::from_micros(moment.as_microsecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whether an end comes after another one; none never comes.
pub fn ends_later(end: Option<Timestamp>, than: Option<Timestamp>) -> bool {
    than.is_some_and(|than| end.is_none_or(|end| than < end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_always_has_six_digits_and_z() {
        assert_eq!(Timestamp::from_micros(1_000_000).to_string(), "1970-01-01T00:00:01.000000Z");
        assert_eq!(Timestamp::from_micros(1).to_string(), "1970-01-01T00:00:00.000001Z");
    }

    #[test]
    fn any_offset_is_read_and_finer_digits_are_cut() {
        let moment = Timestamp::parse("2026-11-22T06:00:00.1234567+01:00").map(|it| it.to_string());
        assert_eq!(moment.ok().as_deref(), Some("2026-11-22T05:00:00.123456Z"));
    }

    #[test]
    fn no_end_is_later_than_any_and_none_is_later_than_no_end() {
        let [soon, late] = [1, 2].map(|micros| Some(Timestamp::from_micros(micros)));
        for (end, than, later) in
            [(late, soon, true), (None, late, true), (soon, soon, false), (soon, late, false)]
        {
            assert_eq!(ends_later(end, than), later, "{end:?} than {than:?}");
        }
        assert!(!ends_later(late, None) && !ends_later(None, None));
    }

    #[test]
    fn far_futures_stop_at_the_end_of_the_calendar() {
        assert!(Timestamp::from_micros(i64::MAX).plus_days(i64::MAX) >= Timestamp::EPOCH);
    }
}
