//! After a few silent calls in a row the vault is left alone for a moment, so that callers get
//! their answer at once instead of each waiting its time.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::fault::Fault;
use crate::CALL_LIMIT;

/// Silent calls in a row that open the circuit.
const PATIENCE: u32 = 3;
/// How long nobody is let through.
const REST: Duration = Duration::from_secs(1);

/// Counts silent calls.
#[derive(Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Default)]
struct State {
    silent: u32,
    /// When the next call may try, while the circuit is open.
    next_try: Option<Instant>,
}

impl Circuit {
    /// Lets a call through, or not. While open, one call at a time goes to see.
    pub(super) fn enter(&self, now: Instant) -> Result<(), Fault> {
        let mut state = self.0.lock();
        if state.silent < PATIENCE {
            return Ok(());
        }
        if state.next_try.is_some_and(|at| now < at) {
            return Err(Fault::Resting);
        }
        // Should this call never come back, another may try after its time.
        state.next_try = Some(now + CALL_LIMIT);
        Ok(())
    }

    /// Remembers how a call ended.
    pub(super) fn record<T>(&self, outcome: &Result<T, Fault>, now: Instant) {
        let mut state = self.0.lock();
        match outcome {
            Err(Fault::Silent) => {
                state.silent = state.silent.saturating_add(1);
                state.next_try = Some(now + REST);
            }
            _ => *state = State::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Result<(), Fault> = Err(Fault::Silent);

    #[test]
    fn three_silent_calls_open_it_and_one_answer_closes_it() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        for _ in 0..PATIENCE {
            assert_eq!(circuit.enter(now), Ok(()));
            circuit.record(&SILENT, now);
        }
        assert_eq!(circuit.enter(now), Err(Fault::Resting));
        let later = now + REST;
        assert_eq!(circuit.enter(later), Ok(()), "one goes to see");
        assert_eq!(circuit.enter(later), Err(Fault::Resting), "and only one");
        circuit.record(&Ok(()), later);
        assert_eq!((circuit.enter(later), circuit.enter(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        for outcome in [SILENT, SILENT, Err(Fault::Sealed), SILENT, SILENT] {
            circuit.record(&outcome, now);
        }
        assert_eq!(circuit.enter(now), Ok(()));
    }

    #[test]
    fn a_call_that_never_comes_back_does_not_keep_it_open() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        (0..PATIENCE).for_each(|_| circuit.record(&SILENT, now));
        assert_eq!(circuit.enter(now + REST), Ok(()));
        assert_eq!(circuit.enter(now + REST + CALL_LIMIT), Ok(()));
    }
}
