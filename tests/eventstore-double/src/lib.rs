//! A double of KurrentDB's Streams protocol, for tests: in memory, with faults that are asked for.
//!
//! It is not the database. It speaks the part of the protocol that Keytrail's event log needs, over HTTP/2 on a
//! loopback port, with the real server's rules for expected revisions, repeated appends, deleted streams and
//! retention. That it speaks it truly is shown by its tests, in which two official clients use it: the one for
//! Rust and the one for Python.

#![expect(clippy::result_large_err, reason = "what the protocol's methods answer is tonic's Status")]

mod answers;
mod batch;
mod call;
mod cluster;
mod double;
mod faults;
mod filter;
mod log;
mod messages;
mod read;
mod retention;
mod routes;
mod server;
mod subscription;
mod users;
mod write;

pub use crate::{
    double::{Builder, Double, Problem},
    faults::{Fault, Faults, Method},
    log::Recorded,
    users::Rights,
};
pub use tonic::Code;
