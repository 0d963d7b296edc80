//! The tenant and the viewer.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::TenantMutation;
pub use query::TenantQuery;
pub use types::{Tenant, Viewer};
