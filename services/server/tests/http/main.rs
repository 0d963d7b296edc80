//! The transport through a real bound server, with real clients and a small real schema.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod after;
mod anonymous;
mod client;
mod event_stream;
mod get;
mod identity;
mod limits;
mod logs;
mod post;
mod published_keys;
mod routes;
mod schema;
mod stop;
mod world;
mod ws_hello;
mod ws_limits;
mod ws_operations;
