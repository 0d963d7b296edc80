//! Adapters in memory, for tests above the ports.

mod secret_store;

pub use secret_store::{MemorySecretStore, SecretCalls, VaultTrouble};
