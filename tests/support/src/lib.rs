//! Real servers and small helpers for tests.
//!
//! It owns what several test suites need and no product code may use: [`OpenBao`], [`Postgres`],
//! [`MariaDb`], [`Redis`] and [`RabbitMq`] (real server processes), [`StubServer`] (a scripted HTTP server), [`Verifier`] (official
//! webhook libraries), [`LogBuffer`] (everything that was logged),
//! [`eventually`] (waiting for a fact). It knows none of Keytrail's own crates, so that every one
//! of them can use it in its tests.
//!
//! To add a server: one file with a type whose `Drop` ends the process, a `start` that waits until
//! the server answers, and a message that says what to install when its program is absent.

#![expect(clippy::expect_used, reason = "a helper that fails fails its test, with a sentence")]

mod bao;
mod guard;
mod home;
mod logs;
mod mariadb;
mod moto;
mod net;
mod oidc;
mod postgres;
mod rabbitmq;
mod redis;
mod stub;
mod tls;
mod verifiers;
mod wait;

pub use bao::{Access, OpenBao};
pub use logs::LogBuffer;
pub use mariadb::MariaDb;
pub use moto::Moto;
pub use net::{BlackHole, free_port, install_crypto};
pub use oidc::OidcProvider;
pub use postgres::Postgres;
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use stub::{Reply, Seen, StubServer};
pub use tls::{Authority, Identity};
pub use verifiers::Verifier;
pub use wait::eventually;

/// Where `cargo xtask tools` has put something.
#[expect(clippy::disallowed_methods, reason = "only tests are told so, by what starts them")]
fn tool(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with `cargo xtask test`"))
}
