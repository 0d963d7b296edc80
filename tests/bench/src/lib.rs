//! Speed as a ratio: the limit programs, the load driver, and the runner that takes turns between
//! a limit and Keytrail.
//!
//! It owns what "fast" is measured against. It must not know Keytrail's crates: it starts the
//! binary and speaks HTTP, as a client does. A limit answers the same requests in the same shape with
//! nothing in it that a feature of Keytrail needs, so that the ratio shows what those cost.
//!
//! To add a measurement: one [`run::Measurement`] in `run/plan.rs`; when no limit fits, one more
//! resolver in `limit/`. What is no load of requests has a file of its own (`run/alerts.rs`,
//! `run/deliveries.rs`, `run/openbao.rs`). What needs very many credentials is a row of `run/scale/`; its targets are
//! absolute.

pub mod limit;
pub mod load;
pub mod run;

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file, process or connection.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server answered something that is no good answer; a rate over failures means nothing.
    #[error("the server's answer is no good: {0}")]
    BadAnswer(String),
    /// It was not over in time.
    #[error("{0} took longer than {1} s")]
    TooSlow(&'static str, u64),
    /// The limit program's own store.
    #[error("the limit's store failed: {0}")]
    Store(String),
}

impl BenchError {
    fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
