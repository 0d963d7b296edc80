//! Real servers and small helpers for tests.
//!
//! It owns what several test suites need and no product code may use: [`OpenBao`] (a real server
//! process), [`StubServer`] (a scripted HTTP server), [`Verifier`] (official webhook libraries), [`LogBuffer`] (everything that was logged),
//! [`eventually`] (waiting for a fact). It knows none of Keytrail's own crates, so that every one
//! of them can use it in its tests.
//!
//! To add a server: one file with a type whose `Drop` ends the process, a `start` that waits until
//! the server answers, and a message that says what to install when its program is absent.

#![expect(clippy::expect_used, reason = "a helper that fails fails its test, with a sentence")]

mod bao;
mod guard;
mod logs;
mod net;
mod stub;
mod verifiers;
mod wait;

pub use bao::{Access, OpenBao};
pub use logs::LogBuffer;
pub use net::{BlackHole, free_port, install_crypto};
pub use stub::{Reply, Seen, StubServer};
pub use verifiers::Verifier;
pub use wait::eventually;
