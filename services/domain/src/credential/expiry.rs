//! The expiry ladder: at which moments before an end people are told, and what was told already.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Days before the end at which people are told, when a tenant does not say otherwise.
pub const EXPIRY_LADDER: [u32; 4] = [30, 14, 7, 1];

/// Ends that lie closer together are one end: a token that is renewed again and again for an hour
/// is not told of each time.
const SAME_END_SECONDS: i64 = 86_400;

/// A step that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedExpiry {
    /// Of which end.
    pub end: Timestamp,
    /// Days before it; 0: the end itself.
    pub days: u32,
}

impl NotedExpiry {
    /// The days of the last step that was told of this end. The end itself is told of exactly one end: a later one
    /// has not come.
    fn of(noted: Option<Self>, end: Timestamp) -> Option<u32> {
        let noted = noted?;
        let apart = (noted.end.as_seconds() - end.as_seconds()).abs();
        let same = if noted.days == 0 { noted.end >= end } else { apart < SAME_END_SECONDS };
        same.then_some(noted.days)
    }
}

/// Steps that were not told yet, the next one first.
fn open_steps(end: Timestamp, noted: Option<NotedExpiry>, ladder: &[u32]) -> impl Iterator<Item = u32> {
    let told = NotedExpiry::of(noted, end);
    let mut steps: Vec<u32> = ladder.iter().copied().chain([0]).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    steps.into_iter().filter(move |days| told.is_none_or(|told| *days < told))
}

fn moment(end: Timestamp, days: u32) -> Timestamp {
    end.plus_days(-i64::from(days))
}

/// The step to tell of at a moment: the last one that was reached, unless it was told. 0: the end.
pub fn step_reached(
    end: Timestamp,
    noted: Option<NotedExpiry>,
    ladder: &[u32],
    now: Timestamp,
) -> Option<u32> {
    open_steps(end, noted, ladder).take_while(|days| moment(end, *days) <= now).last()
}

/// When the next step is to be told; in the past when it is due already.
pub fn next_step(end: Timestamp, noted: Option<NotedExpiry>, ladder: &[u32]) -> Option<Timestamp> {
    open_steps(end, noted, ladder).next().map(|days| moment(end, days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: i64) -> Timestamp {
        Timestamp::EPOCH.plus_days(days)
    }

    fn noted(end: i64, days: u32) -> Option<NotedExpiry> {
        Some(NotedExpiry { end: day(end), days })
    }

    #[test]
    fn a_late_look_tells_the_last_step_only() {
        assert_eq!(step_reached(day(40), None, &EXPIRY_LADDER, day(9)), None);
        assert_eq!(step_reached(day(40), None, &EXPIRY_LADDER, day(35)), Some(7));
        assert_eq!(step_reached(day(40), noted(40, 7), &EXPIRY_LADDER, day(35)), None);
        assert_eq!(step_reached(day(40), noted(40, 7), &EXPIRY_LADDER, day(41)), Some(0));
        assert_eq!(step_reached(day(40), noted(40, 0), &EXPIRY_LADDER, day(90)), None);
    }

    #[test]
    fn a_new_end_begins_anew_and_one_that_moved_by_hours_does_not() {
        assert_eq!(step_reached(day(70), noted(40, 1), &EXPIRY_LADDER, day(41)), Some(30));
        let hours_later = day(40).plus_seconds(7_200);
        assert_eq!(step_reached(hours_later, noted(40, 1), &EXPIRY_LADDER, day(39)), None);
        assert_eq!(step_reached(hours_later, noted(40, 0), &EXPIRY_LADDER, hours_later), Some(0));
    }

    #[test]
    fn the_next_step_is_the_first_that_was_not_told() {
        assert_eq!(next_step(day(40), None, &EXPIRY_LADDER), Some(day(10)));
        assert_eq!(next_step(day(40), noted(40, 7), &EXPIRY_LADDER), Some(day(39)));
        assert_eq!(next_step(day(40), noted(40, 1), &EXPIRY_LADDER), Some(day(40)));
        assert_eq!(next_step(day(40), noted(40, 0), &EXPIRY_LADDER), None);
        assert_eq!(next_step(day(40), None, &[]), Some(day(40)));
    }
}
