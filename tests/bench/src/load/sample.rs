//! What one run came to.

use std::time::Duration;

use serde::Serialize;

/// One run in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Good answers.
    pub requests: usize,
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers were faster, in microseconds.
    pub p50_us: f64,
    /// Ninety-nine of a hundred were faster, in microseconds.
    pub p99_us: f64,
    /// What the driver itself used of one core; none where the system does not tell.
    pub driver_core: Option<f64>,
}

impl Sample {
    pub(crate) fn of(mut nanos: Vec<u64>, elapsed: Duration, driver: Option<Duration>) -> Self {
        nanos.sort_unstable();
        let seconds = elapsed.as_secs_f64().max(f64::EPSILON);
        Self {
            requests: nanos.len(),
            per_second: nanos.len() as f64 / seconds,
            p50_us: percentile(&nanos, 50),
            p99_us: percentile(&nanos, 99),
            driver_core: driver.map(|used| used.as_secs_f64() / seconds),
        }
    }
}

/// The smallest value that so many per cent do not exceed, in microseconds; 0 when there is none.
fn percentile(sorted: &[u64], per_cent: usize) -> f64 {
    let rank = (sorted.len() * per_cent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |nanos| *nanos as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let nanos = (1..=200).rev().map(|n| n * 1_000).collect();
        let sample = Sample::of(nanos, Duration::from_secs(4), Some(Duration::from_secs(1)));
        assert_eq!((sample.p50_us, sample.p99_us), (100.0, 198.0));
        assert_eq!((sample.per_second, sample.driver_core), (50.0, Some(0.25)));
    }

    #[test]
    fn one_answer_is_every_percentile_and_none_is_nothing() {
        assert_eq!((percentile(&[7_000], 50), percentile(&[7_000], 99)), (7.0, 7.0));
        assert_eq!(percentile(&[], 99), 0.0);
    }
}
