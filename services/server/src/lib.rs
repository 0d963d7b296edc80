//! The server: settings, start and stop, the data directory, the command line, the admin socket,
//! HTTP and tokens.
//!
//! It owns everything between the world and the application: which settings there are
//! ([`config`]), who may use a data directory ([`data_dir`]), how a process starts and ends
//! ([`lifecycle`]), what the commands do ([`cli`]) and how they reach a running server ([`admin`]),
//! who calls ([`auth`]) and how GraphQL travels ([`http`]). It must not know a rule of the domain;
//! only [`wire`] names adapters and builds the application.
//!
//! To add a setting: a commented line in `keytrail.default.toml` and a field in [`config::Config`].
//! To add a command: a file in `cli/`, and when it needs the application a request in `admin/`.

pub mod admin;
pub mod auth;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod hardening;
pub mod http;
pub mod launch;
pub mod lifecycle;
pub mod log;
pub mod process_metrics;
pub mod wire;
