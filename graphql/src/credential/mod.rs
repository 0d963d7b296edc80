//! Credentials.

pub mod access;
pub mod compromise;
pub mod inputs;
pub mod lease;
pub mod mutation;
pub mod preview;
pub mod query;
pub mod repoint;
pub mod subscription;
pub mod transfer;
pub mod types;
pub mod verification;
pub mod versions;
pub mod warnings;

pub use access::{CredentialAccess, Grant, Owner};
pub use compromise::{Compromise, CompromiseMutation, CompromiseQuery};
pub(crate) use inputs::grantee_id;
pub use lease::{Lease, LeaseConsumer, LeaseMutation};
pub use mutation::CredentialMutation;
pub use preview::PreviewQuery;
pub use query::CredentialQuery;
pub(crate) use query::an_owner;
pub use repoint::RepointMutation;
pub use subscription::{AccessLost, CredentialSubscription};
pub use transfer::{TransferMutation, TransferOffer, TransferQuery};
pub use types::{Credential, Label};
pub use verification::{TestReport, Verification};
pub use versions::{CredentialVersion, VersionMutation};
