//! When something that did not arrive is tried again.

use keytrail_domain::Timestamp;
use uuid::Uuid;

/// Seconds after each failure; the last one stays.
const DELAYS: [i64; 7] = [5, 5 * 60, 30 * 60, 2 * HOUR, 5 * HOUR, LONGEST, LONGEST];
const HOUR: i64 = 3_600;
/// No wait is longer.
const LONGEST: i64 = 10 * HOUR;
/// How much later or earlier a try may be, in percent.
const JITTER: i64 = 20;
/// After so long with nothing but failures, an endpoint is disabled.
const GIVE_UP: i64 = 5 * 24 * HOUR;

/// When to try again after so many failures (at least one). The jitter derives from what is sent,
/// so that a restart changes nothing.
pub(super) fn next(now: Timestamp, failures: u32, retry_after: Option<u64>, what: Uuid) -> Timestamp {
    let place = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = DELAYS.get(place).copied().unwrap_or(LONGEST);
    let dice = Uuid::new_v5(&what, &failures.to_be_bytes()).as_u128() % 1_000;
    let percent_and_tenths = i64::try_from(dice).unwrap_or_default() * 2 * JITTER / 1_000 - JITTER;
    let jittered = delay + delay * percent_and_tenths / 100;
    let asked = retry_after.map_or(0, |seconds| i64::try_from(seconds).unwrap_or(LONGEST));
    now.plus_seconds(jittered.max(asked).clamp(1, LONGEST))
}

/// True when an endpoint that has failed since then is given up.
pub(super) fn is_hopeless(failing_since: Timestamp, now: Timestamp) -> bool {
    failing_since.plus_seconds(GIVE_UP) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn delay(failures: u32, retry_after: Option<u64>, what: u128) -> i64 {
        next(NOW, failures, retry_after, Uuid::from_u128(what)).as_seconds()
    }

    #[test]
    fn waits_grow_to_ten_hours_and_differ_a_little() {
        for (failures, seconds) in
            [(1, 5), (2, 300), (3, 1_800), (4, 7_200), (5, 18_000), (6, 36_000), (99, 36_000)]
        {
            let found: std::collections::BTreeSet<_> =
                (0..200).map(|what| delay(failures, None, what)).collect();
            let (least, most) = (found.first().copied().unwrap_or(0), found.last().copied().unwrap_or(0));
            assert!(least >= seconds * 8 / 10 && most <= (seconds * 12 / 10).min(36_000), "{found:?}");
            assert!(found.len() > 1, "no jitter after {failures}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_up_to_the_longest() {
        assert_eq!(delay(1, Some(60), 1), 60);
        assert_eq!(delay(1, Some(10_000_000), 1), 36_000);
        assert!(delay(2, Some(1), 1) >= 240, "asking for less changes nothing");
    }

    #[test]
    fn five_days_are_enough() {
        assert!(!is_hopeless(NOW, NOW.plus_days(5).plus_seconds(-1)));
        assert!(is_hopeless(NOW, NOW.plus_days(5)));
    }
}
