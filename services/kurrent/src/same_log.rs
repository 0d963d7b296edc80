//! Whether the server still has the log that this process began with. A server that comes back from a wrong backup, or
//! empty, answers as if nothing were wrong: what would be written there is lost to everybody else.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use uuid::Uuid;

/// What is known of it; shared by everything that speaks to one server.
#[derive(Debug, Default)]
pub(crate) struct SameLog {
    expected: OnceLock<Uuid>,
    in_doubt: AtomicBool,
    is_another: AtomicBool,
}

impl SameLog {
    /// From now on it must be this one.
    pub(crate) fn expect(&self, id: Uuid) {
        self.expected.get_or_init(|| id);
    }

    /// A connection broke off: who answers next may be somebody else.
    pub(crate) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }

    /// The id to be asked for before anything else, if that is needed.
    pub(crate) fn to_be_asked(&self) -> Option<Uuid> {
        self.expected.get().copied().filter(|_| self.in_doubt.load(Ordering::Acquire))
    }

    /// True from the moment that another log was found until the right one is back.
    pub(crate) fn is_another(&self) -> bool {
        self.is_another.load(Ordering::Acquire)
    }

    /// It is the one. True when it was another one before.
    pub(crate) fn found(&self) -> bool {
        self.in_doubt.store(false, Ordering::Release);
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

    #[test]
    fn it_is_asked_for_after_each_break_and_until_it_is_found() {
        let log = SameLog::default();
        log.doubt();
        assert_eq!(log.to_be_asked(), None, "none is expected yet");
        log.expect(Uuid::from_u128(1));
        log.expect(Uuid::from_u128(2));
        assert_eq!(log.to_be_asked(), Some(Uuid::from_u128(1)), "the first one stays");
        assert!(log.missed() && !log.missed() && log.is_another());
        assert!(log.to_be_asked().is_some());
        assert!(log.found() && !log.found() && !log.is_another());
        assert_eq!(log.to_be_asked(), None);
    }
}
