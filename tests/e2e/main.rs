//! The product as its users have it: the real binary, real files, a real OpenBao, real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail loudly")]

mod as_of;
mod break_glass;
mod component;
mod compromise;
mod connection_lists;
mod connections;
mod coverage;
mod crash;
mod damage;
mod databases;
mod disk_full;
mod environments;
mod flows;
mod harness;
mod idempotency;
mod input;
mod kurrent;
mod kurrent_away;
mod leaks;
mod leases;
mod lists;
mod log_copy;
mod main_job;
mod main_job_changes;
mod monitoring;
mod oauth2;
mod oauth_clients;
mod parity;
mod previews;
mod processes;
mod repoint;
mod rotation;
mod schedule;
mod sdl;
mod service_accounts;
mod stack;
mod subscriptions;
mod totals;
mod transfers;
mod tutorials;
mod vault_down;
mod webhooks;
