//! The use cases over a log and a vault in memory that can be made to fail, real views and the
//! real policy.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail loudly")]

mod after;
mod alerts;
mod authority;
mod break_glass;
mod components;
mod faults;
mod feed;
mod fingerprints;
mod idempotency;
mod lag;
mod names;
mod nodes;
mod oauth2;
mod oauth_clients;
mod other_components;
mod policy;
mod receivers;
mod retirement;
mod retries;
mod schedule;
mod silence;
mod token_provider;
mod usage;
mod webhook_endpoints;
mod webhook_lanes;
mod webhooks;
mod world;
mod write_path;
