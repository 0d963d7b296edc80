//! Starts the real binary and speaks to it as callers do.

mod client;
mod mutation;
mod process;
mod socket;
mod world;

pub(crate) use client::Client;
pub(crate) use mutation::{history, mutation, text};
pub(crate) use process::{Keytrail, Settings};
pub(crate) use socket::Socket;
pub(crate) use world::{World, bearer, create_bearer};
