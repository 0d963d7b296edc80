//! Alerts.

pub mod mutation;
pub mod query;
pub mod subscription;
pub mod types;

pub use mutation::AlertMutation;
pub use query::{AlertFilterInput, AlertQuery};
pub use subscription::AlertSubscription;
pub use types::Alert;
