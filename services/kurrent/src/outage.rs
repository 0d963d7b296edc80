//! Whether the server is away: said once when it begins, and once when it is over. Everybody who asks meanwhile
//! is refused for the same reason.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// What is known from the calls so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet: whoever opens the log says why.
    Unmet,
    Well,
    Away {
        since: Instant,
        /// Somebody was told.
        said: bool,
    },
}

/// One server, as its calls find it.
#[derive(Clone, Debug)]
pub(crate) struct Outage(Arc<Mutex<State>>);

impl Outage {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State::Unmet)))
    }

    /// Nobody answered: this outage, when it is a new one.
    pub(crate) fn begins(&self) -> Option<Self> {
        let mut state = self.0.lock();
        if *state != State::Well {
            return None;
        }
        *state = State::Away { since: Instant::now(), said: false };
        Some(self.clone())
    }

    /// True while it goes on and nobody was told; from now on it counts as told of.
    pub(crate) fn is_to_be_said(&self) -> bool {
        match &mut *self.0.lock() {
            State::Away { said, .. } => !std::mem::replace(said, true),
            State::Unmet | State::Well => false,
        }
    }

    /// Somebody answered; for how long nobody had, when that was told of.
    pub(crate) fn ends(&self) -> Option<Duration> {
        match std::mem::replace(&mut *self.0.lock(), State::Well) {
            State::Away { since, said: true } => Some(since.elapsed()),
            State::Away { said: false, .. } | State::Unmet | State::Well => None,
        }
    }

    /// True from the first call that nobody answered to the next one that somebody does.
    pub(crate) fn is_on(&self) -> bool {
        matches!(*self.0.lock(), State::Away { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_of_while_it_goes_on_and_then_its_end_too() {
        let outage = Outage::new();
        assert!(outage.begins().is_none() && !outage.is_on(), "whoever opens it says so");
        assert_eq!(outage.ends(), None);
        assert!(outage.begins().is_some() && outage.is_on());
        assert!(outage.begins().is_none(), "one at a time");
        assert_eq!(outage.ends(), None, "nobody was told");
        assert!(!outage.is_to_be_said(), "it is over");
        let told = outage.begins().expect("another one");
        assert!(told.is_to_be_said() && !told.is_to_be_said(), "once");
        assert!(outage.ends().is_some() && !outage.is_on());
    }
}
