//! Time that never goes back: a clock set back must revive no grant.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use keytrail_domain::Timestamp;
use keytrail_ports::Clock;

/// `max(clock, latest event seen)`.
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    floor: AtomicI64,
}

impl SteadyClock {
    /// Over another clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, floor: AtomicI64::new(i64::MIN) }
    }

    /// An event with this time exists.
    pub fn observe(&self, moment: Timestamp) {
        self.floor.fetch_max(moment.as_micros(), Ordering::AcqRel);
    }
}

impl Clock for SteadyClock {
    /// Now; never before what was answered or observed earlier.
    fn now(&self) -> Timestamp {
        let now = self.clock.now().as_micros();
        Timestamp::from_micros(self.floor.fetch_max(now, Ordering::AcqRel).max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct SetBack;

    impl Clock for SetBack {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(5)
        }
    }

    #[test]
    fn a_clock_that_was_set_back_stands_still() {
        let clock = SteadyClock::new(Arc::new(SetBack));
        clock.observe(Timestamp::from_micros(100));
        assert_eq!(clock.now(), Timestamp::from_micros(100));
        clock.observe(Timestamp::from_micros(7));
        assert_eq!(clock.now(), Timestamp::from_micros(100));
    }
}
