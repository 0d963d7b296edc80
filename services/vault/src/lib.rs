//! Secret stores: one on Vault or OpenBao, one sealed into a local file, and the sweep.
//!
//! It owns how a payload is kept: [`SealedSecretStore`] encrypts into `secrets.db`,
//! [`VaultSecretStore`] speaks KV version 2, [`sweep`] hides what no event names. It must not know
//! what a credential is, which events exist or who is asking; and nothing of a payload may reach
//! an error, a `Debug` text or a log line.
//!
//! To add a store: a folder with an adapter of [`keytrail_ports::SecretStore`], its faults turned
//! into the port's few errors in one file, and `secret_store_contract!` in its tests.

mod remote;
mod sealed;
mod sweep;

pub use remote::{Login, NOISY_LOG_TARGETS, VaultConfig, VaultConfigError, VaultSecretStore};
pub use sealed::{KeySource, OpenError, SealedConfig, SealedSecretStore};
pub use sweep::{SweepError, SweepMode, SweepReport, SweepRequest, belongs, claim, remember, sweep};

use std::time::Duration;

/// What one call may take: a little under the port's promise, so that the answer is in time.
const CALL_LIMIT: Duration = Duration::from_millis(1_000 * PATIENCE_SECONDS - 500);
const PATIENCE_SECONDS: u64 = <dyn keytrail_ports::SecretStore>::PATIENCE_SECONDS;
