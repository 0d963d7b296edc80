//! What the schedule tells about itself. Nothing names a tenant.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keytrail_domain::verification::Verdict;

/// All verdicts, in the order in which they are counted.
const VERDICTS: [Verdict; 7] = [
    Verdict::Valid,
    Verdict::Limited,
    Verdict::Invalid,
    Verdict::Expired,
    Verdict::Revoked,
    Verdict::Inconclusive,
    Verdict::Unsupported,
];

/// Numbers that the schedule sets and others read.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(super) scheduled: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) late_micros: AtomicI64,
    pub(super) latest_micros: AtomicI64,
    pub(super) failed: AtomicU64,
    results: [AtomicU64; VERDICTS.len()],
}

/// How the schedule does.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleNumbers {
    /// Credentials with something to be done.
    pub scheduled: u64,
    /// Checks that are due and wait for a place.
    pub waiting: u64,
    /// Checks that go on now.
    pub in_flight: u64,
    /// For how long the check that is due since longest has been waiting.
    pub late_seconds: f64,
    /// The longest time after its moment at which a check began, since the start.
    pub latest_seconds: f64,
    /// Checks that did not come about, for example because the vault was away.
    pub failed: u64,
    /// Routine checks since the start, by verdict.
    pub results: Vec<(Verdict, u64)>,
}

impl Numbers {
    pub(super) fn count(&self, verdict: Verdict) {
        if let Some(place) = VERDICTS.iter().position(|known| *known == verdict) {
            self.results[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn began(&self, late: i64) {
        self.latest_micros.fetch_max(late, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> ScheduleNumbers {
        #[expect(clippy::cast_precision_loss, reason = "seconds for a dashboard")]
        let seconds = |micros: &AtomicI64| micros.load(Ordering::Relaxed) as f64 / 1e6;
        let number = |it: &AtomicU64| it.load(Ordering::Relaxed);
        ScheduleNumbers {
            scheduled: number(&self.scheduled),
            waiting: number(&self.waiting),
            in_flight: number(&self.in_flight),
            late_seconds: seconds(&self.late_micros),
            latest_seconds: seconds(&self.latest_micros),
            failed: number(&self.failed),
            results: VERDICTS
                .iter()
                .zip(&self.results)
                .map(|(verdict, count)| (*verdict, number(count)))
                .collect(),
        }
    }
}
