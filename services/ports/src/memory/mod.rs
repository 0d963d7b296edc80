//! Adapters in memory, for tests above the ports. They keep the same promises as the real ones,
//! except that nothing survives the process.

mod event_store;
mod journal;
mod secret_store;

pub use event_store::MemoryEventStore;
pub use journal::MemoryJournal;
pub use secret_store::{MemorySecretStore, SecretCalls, VaultTrouble};
