//! What the application writes into the journal, and for how long it is of use.

use std::time::Duration;

use crate::{schedule::kept, webhook::log};

/// Each topic with the age at which its entries may be forgotten.
pub fn journal_topics() -> [(&'static str, Duration); 3] {
    let days = |days: i64| Duration::from_secs(days.unsigned_abs() * 86_400);
    [
        (kept::TOPIC, days(kept::KEPT_DAYS)),
        (log::DELIVERIES, days(log::DAYS)),
        (log::ATTEMPTS, days(log::DAYS)),
    ]
}
