//! The transport: GraphQL over HTTP, Server-Sent Events and websockets, and a few plain routes.
//!
//! It owns media types, status codes, limits, sockets and metrics. It must not know the schema (it
//! takes any `async_graphql::Executor`), a rule of the domain, or which adapter is used. Every
//! answer that is an error is JSON with a code in `extensions.code`; no log line holds a variable,
//! a query text or a token.
//!
//! To add a route: a handler in its own file and a line in [`routes`].

mod accept;
mod body;
mod error;
mod executor;
mod graphql;
mod health;
mod metrics;
mod oauth2;
mod observe;
mod options;
mod origin;
mod pages;
mod peer;
pub mod routes;
mod server;
mod state;
mod unwrap;
mod ws;

pub use self::{
    executor::GraphqlExecutor,
    health::{Part, Readiness},
    metrics::HttpMetrics,
    oauth2::callback_route,
    options::{GraphiqlPage, HttpOptions, Introspection, MetricsRoute, SocketLimits},
    server::{ExtraRoutes, RunningServer, ServerOptions, start, start_metrics},
    state::{HttpParts, HttpState},
    unwrap::unwrap_route,
};
