//! Whether the server still has the log that this process began with. A server that comes back from a wrong backup, or
//! empty, answers as if nothing were wrong: what would be written there is lost to everybody else.
//!
//! A doubt has a number, so that an answer that was on its way when a newer doubt came does not end that one. Each
//! connection has to find out for itself: another one may have been answered by another server.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use uuid::Uuid;

/// What is known of it; shared by everything that speaks to one server.
#[derive(Debug, Default)]
pub(crate) struct SameLog {
    expected: OnceLock<Uuid>,
    doubts: AtomicU64,
    is_another: AtomicBool,
}

/// How many of the doubts one connection has cleared up.
#[derive(Debug, Default)]
pub(crate) struct Cleared(AtomicU64);

/// What is to be asked for before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) expected: Uuid,
    number: u64,
}

impl SameLog {
    /// From now on it must be this one.
    pub(crate) fn expect(&self, id: Uuid) {
        self.expected.get_or_init(|| id);
    }

    /// A connection broke off: who answers next may be somebody else.
    pub(crate) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
    }

    /// What a connection has to ask first, if it has to.
    pub(crate) fn to_be_asked(&self, cleared: &Cleared) -> Option<Doubt> {
        let (expected, number) = (*self.expected.get()?, self.doubts.load(Ordering::Acquire));
        (cleared.0.load(Ordering::Acquire) < number).then_some(Doubt { expected, number })
    }

    /// True from the moment that another log was found until the right one is back.
    pub(crate) fn is_another(&self) -> bool {
        self.is_another.load(Ordering::Acquire)
    }

    /// It is the one, by this connection. True when it was another one before.
    pub(crate) fn found(&self, cleared: &Cleared, doubt: Doubt) -> bool {
        cleared.0.fetch_max(doubt.number, Ordering::AcqRel);
        self.is_another.swap(false, Ordering::AcqRel)
    }

    /// It is not. True when that is news.
    pub(crate) fn missed(&self) -> bool {
        !self.is_another.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubted() -> (SameLog, Cleared) {
        let (log, cleared) = (SameLog::default(), Cleared::default());
        log.expect(Uuid::from_u128(1));
        log.doubt();
        (log, cleared)
    }

    #[test]
    fn it_is_asked_for_after_each_break_and_until_it_is_found() {
        let (log, cleared) = (SameLog::default(), Cleared::default());
        log.doubt();
        assert_eq!(log.to_be_asked(&cleared), None, "none is expected yet");
        log.expect(Uuid::from_u128(1));
        log.expect(Uuid::from_u128(2));
        let doubt = log.to_be_asked(&cleared).expect("a doubt");
        assert_eq!(doubt.expected, Uuid::from_u128(1), "the first one stays");
        assert!(log.missed() && !log.missed() && log.is_another());
        assert!(log.to_be_asked(&cleared).is_some());
        assert!(log.found(&cleared, doubt) && !log.found(&cleared, doubt) && !log.is_another());
        assert_eq!(log.to_be_asked(&cleared), None);
    }

    #[test]
    fn an_answer_that_was_on_its_way_does_not_end_a_newer_doubt() {
        let (log, cleared) = doubted();
        let old = log.to_be_asked(&cleared).expect("a doubt");
        log.doubt();
        log.found(&cleared, old);
        assert!(log.to_be_asked(&cleared).is_some());
    }

    #[test]
    fn each_connection_finds_out_for_itself() {
        let (log, one) = doubted();
        let other = Cleared::default();
        log.found(&one, log.to_be_asked(&one).expect("a doubt"));
        assert_eq!(log.to_be_asked(&one), None);
        assert!(log.to_be_asked(&other).is_some());
    }
}
