//! Time and ids, injected so that rules can be tested.

use keytrail_domain::Timestamp;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// Makes ids.
pub trait Ids: Send + Sync + 'static {
    /// A new UUIDv7 for something made at this moment.
    fn fresh(&self, at: Timestamp) -> Uuid;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}

/// Ids from the machine's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn fresh(&self, at: Timestamp) -> Uuid {
        let seconds = u64::try_from(at.as_seconds()).unwrap_or_default();
        let nanos = u32::try_from(at.as_micros().rem_euclid(1_000_000) * 1_000).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
    }
}
