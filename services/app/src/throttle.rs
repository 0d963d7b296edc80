//! So many a minute per person, for things that a stranger could use to guess.

use keytrail_domain::Timestamp;
use quick_cache::sync::Cache;

use crate::AppError;

/// Persons that are remembered.
const PERSONS: usize = 10_000;
const MINUTE: i64 = 60_000_000;

/// A bucket per person that fills evenly and holds one minute's worth.
pub(crate) struct Throttle {
    per_minute: i64,
    /// The moment, in microseconds, at which a person's bucket is full again.
    full_at: Cache<String, i64>,
}

impl Throttle {
    pub(crate) fn per_minute(per_minute: u32) -> Self {
        Self { per_minute: i64::from(per_minute.max(1)), full_at: Cache::new(PERSONS) }
    }

    /// Takes one.
    pub(crate) fn take(&self, person: String, now: Timestamp) -> Result<(), AppError> {
        let now = now.as_micros();
        let full_at = self.full_at.get(&person).unwrap_or(now).max(now);
        let next = full_at + MINUTE / self.per_minute;
        let over = next - now - MINUTE;
        if over > 0 {
            let seconds = u64::try_from(over / 1_000_000).unwrap_or_default() + 1;
            return Err(AppError::RateLimited { retry_after_seconds: seconds });
        }
        self.full_at.insert(person, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_each_person_for_himself() {
        let throttle = Throttle::per_minute(10);
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let taken = (0..20).filter(|_| throttle.take("a".into(), at(0)).is_ok()).count();
        assert_eq!(taken, 10);
        assert!(throttle.take("b".into(), at(0)).is_ok());
        assert!(throttle.take("a".into(), at(5)).is_err());
        assert!(throttle.take("a".into(), at(6)).is_ok());
    }
}
