//! How often something may be done, per key.
//!
//! The generic cell rate algorithm: one number per key, the moment at which its bucket is empty
//! again. The number of keys is bounded; a key that was forgotten starts with a full bucket.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use keytrail_domain::Timestamp;
use keytrail_ports::Clock;
use quick_cache::sync::Cache;

/// A steady rate with room for bursts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How often in the long run.
    pub per_minute: u32,
    /// How often at once.
    pub burst: u32,
}

/// Buckets for keys of one kind.
pub struct RateLimiter<K> {
    buckets: Cache<K, Arc<AtomicI64>>,
    interval: i64,
    tolerance: i64,
    clock: Arc<dyn Clock>,
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// A limiter that remembers so many keys.
    pub fn new(rate: Rate, keys: usize, clock: Arc<dyn Clock>) -> Self {
        let interval = 60_000_000 / i64::from(rate.per_minute.max(1));
        Self {
            buckets: Cache::new(keys),
            interval,
            tolerance: interval * i64::from(rate.burst.max(1)),
            clock,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The bucket is empty: the seconds, at least one, until it is not.
    pub fn take(&self, key: &K) -> Result<(), u64> {
        let now = self.clock.now();
        let bucket = self.bucket(key, now);
        let taken = bucket
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |full_at| self.after_one(full_at, now).ok());
        taken.map(|_| ()).map_err(|full_at| self.wait(full_at, now))
    }

    fn bucket(&self, key: &K, now: Timestamp) -> Arc<AtomicI64> {
        let made = self.buckets.get_or_insert_with(key, || {
            Ok::<_, std::convert::Infallible>(Arc::new(AtomicI64::new(now.as_micros())))
        });
        match made {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        }
    }

    fn after_one(&self, full_at: i64, now: Timestamp) -> Result<i64, ()> {
        let next = full_at.max(now.as_micros()) + self.interval;
        if next - now.as_micros() > self.tolerance { Err(()) } else { Ok(next) }
    }

    fn wait(&self, full_at: i64, now: Timestamp) -> u64 {
        let micros = full_at + self.interval - self.tolerance - now.as_micros();
        u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Acquire))
        }
    }

    fn limiter(keys: usize) -> (RateLimiter<u32>, Arc<Hands>) {
        let hands = Arc::new(Hands::default());
        (RateLimiter::new(Rate { per_minute: 6, burst: 3 }, keys, hands.clone()), hands)
    }

    #[test]
    fn a_burst_passes_then_the_steady_rate_and_the_answer_says_how_long_to_wait() {
        let (limiter, hands) = limiter(8);
        for _ in 0..3 {
            assert_eq!(limiter.take(&1), Ok(()));
        }
        assert_eq!(limiter.take(&1), Err(10));
        hands.0.store(4_500_000, Ordering::Release);
        assert_eq!(limiter.take(&1), Err(6));
        hands.0.store(10_000_000, Ordering::Release);
        assert_eq!((limiter.take(&1), limiter.take(&1)), (Ok(()), Err(10)));
    }

    #[test]
    fn keys_do_not_share_a_bucket_and_their_number_is_bounded() {
        let (limiter, _) = limiter(8);
        for key in 0..1_000 {
            assert_eq!(limiter.take(&key), Ok(()));
        }
        assert!(limiter.buckets.len() <= 8);
    }
}
