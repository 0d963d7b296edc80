//! Starts the real binary and speaks to it as callers do.

mod canary;
mod client;
mod event_stream;
mod mutation;
mod process;
mod proxy;
mod socket;
mod world;

pub(crate) use canary::{Canary, Search};
pub(crate) use client::Client;
pub(crate) use event_stream::EventStream;
pub(crate) use mutation::{history, mutation, text};
pub(crate) use process::{Keytrail, Settings};
pub(crate) use proxy::Proxy;
pub(crate) use socket::Socket;
pub(crate) use world::{World, bearer, create_bearer};
