//! The guard, the verifier and every component's recipe against a real server on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod aws;
mod dialer;
mod drivers;
mod guard;
mod harness;
mod kubernetes;
mod oauth2;
mod stub;
mod token_server;
mod vendors;
mod verifier;
mod webhook;
