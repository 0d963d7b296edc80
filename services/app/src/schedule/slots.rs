//! When a credential's routine checks are due. A slot derives from the credential's id and the
//! calendar alone: whoever asks, whenever, after whatever restart, finds the same moments, spread
//! evenly over the interval.

use uuid::Uuid;

/// Part of the interval by which a slot moves from round to round.
const WOBBLE: i64 = 20;

/// The first moment after `after`, in microseconds. Two of them lie nine tenths of an interval to a
/// whole one apart: no credential waits longer.
pub(super) fn next(id: Uuid, interval: i64, after: i64) -> i64 {
    let wobble = interval / WOBBLE;
    let step = (interval - wobble).max(1);
    let (high, low) = id.as_u64_pair();
    let seed = mixed(high ^ low.rotate_left(32));
    let offset = part_of(seed, step);
    let slot = |round: i64| offset + round * step + part_of(mixed(seed ^ round.cast_unsigned()), wobble);
    let round = (after - offset).div_euclid(step);
    let this = slot(round);
    if this > after { this } else { slot(round + 1) }
}

/// How long to wait after so many answers in a row that proved nothing: 1, 2, 4 … minutes; none
/// from the interval on, when the slots are enough.
pub(super) fn backoff(id: Uuid, interval: i64, failures: u32) -> Option<i64> {
    let doublings = failures.saturating_sub(1);
    let wait = (doublings < 31).then(|| MINUTE << doublings).filter(|wait| *wait < interval)?;
    // Those that failed together do not come again together.
    let (high, low) = id.as_u64_pair();
    let spread = part_of(mixed(high ^ low ^ u64::from(failures)), wait / 4);
    Some(wait + spread).filter(|wait| *wait < interval)
}

pub(super) const MINUTE: i64 = 60_000_000;

/// The seed's share of a whole.
fn part_of(seed: u64, whole: i64) -> i64 {
    let whole = u128::from(whole.max(0).cast_unsigned());
    i64::try_from((u128::from(seed) * whole) >> 64).unwrap_or_default()
}

/// The finaliser of SplitMix64: ids that look alike end far apart.
fn mixed(mut it: u64) -> u64 {
    it = it.wrapping_add(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    proptest! {
        #[test]
        fn slots_lie_at_most_an_interval_apart_and_asking_in_between_changes_none(
            id: u128, interval in 1_000_000..100 * HOUR, now in 0..2_000_000_000_000_000_i64, ask in 0.0..1.0_f64,
        ) {
            let id = Uuid::from_u128(id);
            let first = next(id, interval, now);
            let second = next(id, interval, first);
            prop_assert!(first > now && first - now <= interval);
            prop_assert!(second - first <= interval && second - first >= interval / 10 * 8);
            let between = first + ((second - first) as f64 * ask) as i64;
            prop_assert_eq!(next(id, interval, between.min(second - 1)), second);
        }
    }

    #[test]
    fn ids_that_were_made_together_are_spread_evenly() {
        let mut per_minute = [0; 60];
        for number in 0..60_000_u128 {
            // As UUIDv7 within one millisecond that only count upwards.
            let id = Uuid::from_u128((0x0193_5ec8_4000_7000_8000_u128 << 48) | number);
            let at = next(id, HOUR, 0);
            per_minute[usize::try_from(at / MINUTE).unwrap()] += 1;
        }
        assert!(per_minute[..56].iter().all(|count| (850..1_200).contains(count)), "{per_minute:?}");
    }

    #[test]
    fn waiting_doubles_up_to_the_interval() {
        let id = Uuid::from_u128(7);
        let waits: Vec<_> = (1..=7).map(|failures| backoff(id, HOUR, failures)).collect();
        for (failures, wait) in waits[..6].iter().enumerate() {
            let (wait, plain) = (wait.unwrap(), MINUTE << failures);
            assert!((plain..plain + plain / 4).contains(&wait), "{failures}: {wait}");
        }
        // Over and over, for ever: never an overflow.
        assert!((1..200).all(|failures| backoff(id, i64::MAX, failures).is_none_or(|wait| wait >= MINUTE)));
        assert_eq!((waits[6], backoff(id, HOUR, 99), backoff(id, 1_000_000, 1)), (None, None, None));
    }
}
