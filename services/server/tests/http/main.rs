//! The transport through a real bound server, with real clients and a small real schema.

mod anonymous;
mod client;
mod event_stream;
mod get;
mod identity;
mod limits;
mod post;
mod published_keys;
mod routes;
mod schema;
mod stop;
mod world;
mod ws_hello;
mod ws_limits;
mod ws_operations;
