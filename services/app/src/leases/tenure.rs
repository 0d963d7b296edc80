//! Whether a node may act for a lease that it took.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{HOLD, SILENT};
use crate::AppError;

/// Being the one who does a piece of work. Clones are one: when it is over, it is over for all.
#[derive(Clone, Debug)]
pub struct Tenure(Option<Arc<Mutex<Instant>>>);

impl Tenure {
    /// Of a node that has no other beside it.
    pub fn alone() -> Self {
        Self(None)
    }

    pub(super) fn until(moment: Instant) -> Self {
        Self(Some(Arc::new(Mutex::new(moment))))
    }

    /// Asks the clock, so that a process that was frozen knows before it is told.
    pub fn is_held(&self) -> bool {
        self.0.as_ref().is_none_or(|until| Instant::now() < *until.lock())
    }

    /// To be asked before each act that another node must not do too.
    ///
    /// # Errors
    /// It is over: nothing may be written or sent.
    pub fn check(&self) -> Result<(), AppError> {
        match self.is_held() {
            true => Ok(()),
            false => Err(AppError::internal("another node does this work by now")),
        }
    }

    /// To be asked before an act that takes up to so long: nobody takes over before it is done.
    ///
    /// # Errors
    /// It is over, or might be by then: a renewal may come.
    pub(crate) fn check_for(&self, longest: Duration) -> Result<(), AppError> {
        // Others wait so much longer than a holder works on.
        let needed = longest.saturating_sub(SILENT - HOLD);
        let held = self.0.as_ref().is_none_or(|until| Instant::now() + needed < *until.lock());
        if held { Ok(()) } else { Err(AppError::internal("another node may do this work soon")) }
    }

    /// What is over stays over.
    pub(super) fn extend(&self, to: Instant) -> bool {
        let held = self.is_held();
        if let Some(until) = self.0.as_ref().filter(|_| held) {
            *until.lock() = to;
        }
        held
    }

    pub(super) fn end(&self) {
        if let Some(until) = &self.0 {
            *until.lock() = Instant::now();
        }
    }
}
