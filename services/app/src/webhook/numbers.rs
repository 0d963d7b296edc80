//! What deliveries tell about themselves. Nothing names a tenant.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keytrail_domain::Timestamp;

/// Upper ends of the times to arrival, in seconds; the last one has none.
const BOUNDS: [f64; 11] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 36_000.0, f64::INFINITY];

/// What became of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The receiver took it.
    Delivered,
    /// It answered something else.
    Refused,
    /// It did not answer.
    Unanswered,
    /// It says that it will never be there again: the endpoint is disabled.
    Gone,
    /// It failed, and that was the end of five days of failures: the endpoint is disabled.
    GivenUp,
    /// Something of ours was away: nothing was sent.
    Hindered,
}

impl WebhookOutcome {
    /// All, in the order in which they are counted.
    const ALL: [Self; 6] =
        [Self::Delivered, Self::Refused, Self::Unanswered, Self::Gone, Self::GivenUp, Self::Hindered];

    /// As a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::Gone => "gone",
            Self::GivenUp => "given_up",
            Self::Hindered => "hindered",
        }
    }
}

/// Numbers that couriers set and others read.
#[derive(Default)]
pub(crate) struct Numbers {
    in_flight: AtomicU64,
    waiting: AtomicU64,
    away: AtomicU64,
    outcomes: [AtomicU64; WebhookOutcome::ALL.len()],
    arrivals: [AtomicU64; BOUNDS.len()],
    arrival_micros: AtomicU64,
}

/// How deliveries do.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookNumbers {
    /// Deliveries under way.
    pub in_flight: u64,
    /// Credentials (and requests) with something that has not arrived and is not under way, each
    /// counted once for each endpoint.
    pub waiting: u64,
    /// Endpoints that take nothing at present.
    pub away: u64,
    /// Tries since the start, by outcome.
    pub outcomes: Vec<(WebhookOutcome, u64)>,
    /// Events that arrived, by the time from their recording to their arrival: upper ends in
    /// seconds, and how many lie between that end and the one before.
    pub arrivals: Vec<(f64, u64)>,
    /// The sum of those times.
    pub arrival_seconds: f64,
}

impl Numbers {
    pub(super) fn count(&self, outcome: WebhookOutcome) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// An event of that moment has arrived.
    pub(super) fn arrived(&self, recorded_at: Timestamp, now: Timestamp) {
        let micros = u64::try_from(now.as_micros() - recorded_at.as_micros()).unwrap_or_default();
        let place = BOUNDS.iter().position(|bound| seconds(micros) <= *bound);
        self.arrivals[place.unwrap_or(BOUNDS.len() - 1)].fetch_add(1, Ordering::Relaxed);
        self.arrival_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> WebhookNumbers {
        let number = |it: &AtomicU64| it.load(Ordering::Relaxed);
        WebhookNumbers {
            in_flight: number(&self.in_flight),
            waiting: number(&self.waiting),
            away: number(&self.away),
            outcomes: WebhookOutcome::ALL.into_iter().zip(self.outcomes.iter().map(number)).collect(),
            arrivals: BOUNDS.into_iter().zip(self.arrivals.iter().map(number)).collect(),
            arrival_seconds: seconds(number(&self.arrival_micros)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds for a dashboard")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// One courier's part of the numbers that go up and down; taken back when he goes.
pub(super) struct Share {
    of: Arc<Numbers>,
    waiting: u64,
    away: u64,
}

impl Share {
    pub(super) fn of(numbers: &Arc<Numbers>) -> Self {
        Self { of: Arc::clone(numbers), waiting: 0, away: 0 }
    }

    pub(super) fn set(&mut self, waiting: usize, away: bool) {
        let (waiting, away) = (waiting as u64, u64::from(away));
        change(&self.of.waiting, &mut self.waiting, waiting);
        change(&self.of.away, &mut self.away, away);
    }
}

fn change(sum: &AtomicU64, mine: &mut u64, now: u64) {
    // Wraps around and back: what goes is what came.
    sum.fetch_add(now.wrapping_sub(*mine), Ordering::Relaxed);
    *mine = now;
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0, false);
    }
}

/// Counts one delivery under way while it lives.
pub(super) struct InFlight(Arc<Numbers>);

impl InFlight {
    pub(super) fn of(numbers: &Arc<Numbers>) -> Self {
        numbers.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(numbers))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_courier_counts_goes_with_him() {
        let numbers = Arc::new(Numbers::default());
        let (mut one, mut other) = (Share::of(&numbers), Share::of(&numbers));
        one.set(5, true);
        other.set(2, false);
        one.set(3, true);
        let flight = InFlight::of(&numbers);
        let now = numbers.read();
        assert_eq!((now.waiting, now.away, now.in_flight), (5, 1, 1));
        drop((one, flight));
        let now = numbers.read();
        assert_eq!((now.waiting, now.away, now.in_flight), (2, 0, 0));
    }

    #[test]
    fn times_fall_into_the_first_bound_that_holds_them() {
        let numbers = Numbers::default();
        let at = |seconds| Timestamp::EPOCH.plus_seconds(seconds);
        for after in [0, 1, 2, 1_000_000] {
            numbers.arrived(at(0), at(after));
        }
        // A clock that was set back.
        numbers.arrived(at(9), at(0));
        let read = numbers.read();
        let found: Vec<_> = read.arrivals.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, [(0.01, 2), (1.0, 1), (5.0, 1), (f64::INFINITY, 1)]);
        assert!((read.arrival_seconds - 1_000_003.0).abs() < 1e-6);
    }
}
