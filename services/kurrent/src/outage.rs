//! Whether the server is away: said once when it begins, and once when it is over. Everybody who asks meanwhile
//! is refused for the same reason.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// What is known from the calls so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet: whoever opens the log says why.
    Unmet,
    Well,
    Away(Instant),
}

/// One server, as its calls find it.
#[derive(Debug)]
pub(crate) struct Outage(Mutex<State>);

impl Outage {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Unmet))
    }

    /// Nobody answered; true when that is news.
    pub(crate) fn begins(&self) -> bool {
        let mut state = self.0.lock();
        if *state == State::Well {
            *state = State::Away(Instant::now());
            return true;
        }
        false
    }

    /// Somebody answered; for how long nobody had, when that is news.
    pub(crate) fn ends(&self) -> Option<Duration> {
        let mut state = self.0.lock();
        let before = std::mem::replace(&mut *state, State::Well);
        match before {
            State::Away(since) => Some(since.elapsed()),
            State::Unmet | State::Well => None,
        }
    }

    /// True from the first call that nobody answered to the next one that somebody does.
    pub(crate) fn is_on(&self) -> bool {
        matches!(*self.0.lock(), State::Away(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_news_when_it_begins_and_when_it_ends() {
        let outage = Outage::new();
        assert!(!outage.begins() && !outage.is_on(), "whoever opens it says so");
        assert_eq!(outage.ends(), None);
        assert!(outage.begins() && outage.is_on());
        assert!(!outage.begins());
        assert!(outage.ends().is_some() && !outage.is_on());
        assert_eq!(outage.ends(), None);
    }
}
