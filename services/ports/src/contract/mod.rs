//! The promises of the ports as tests: one function per promise, run on every adapter.

pub mod secret_store;
