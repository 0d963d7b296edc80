//! The binary: configuration, wiring, HTTP, sockets, tokens.

pub mod auth;
pub mod http;
