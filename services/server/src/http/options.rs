//! What the transport allows.

use std::time::Duration;

use ipnet::IpNet;

/// Whether the schema may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// By everyone, also without a token.
    On,
    /// By nobody.
    Off,
}

/// Whether `/graphiql` is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphiqlPage {
    /// For development.
    Served,
    /// 404.
    Absent,
}

/// Where `/metrics` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsRoute {
    /// Beside the other routes.
    Here,
    /// At an address of its own (`start_metrics`).
    Elsewhere,
}

/// Limits for long-lived connections: websockets and event streams.
#[derive(Clone, Debug)]
pub struct SocketLimits {
    /// Connections at once.
    pub sockets: usize,
    /// Operations at once on one websocket.
    pub subscriptions: usize,
    /// Bytes of one message from a client.
    pub message_bytes: usize,
    /// Time to send `connection_init`.
    pub init_time: Duration,
    /// How often an event stream says something when nothing happens.
    pub keep_alive: Duration,
    /// How often a silent client is pinged; one that misses two is gone.
    pub ping_every: Duration,
    /// A client that takes longer to take a message is cut off.
    pub send_time: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            sockets: 4_096,
            subscriptions: 64,
            message_bytes: 256 * 1024,
            init_time: Duration::from_secs(5),
            keep_alive: Duration::from_secs(12),
            ping_every: Duration::from_secs(20),
            send_time: Duration::from_secs(10),
        }
    }
}

/// What the transport allows.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Bytes of one request body.
    pub body_bytes: usize,
    /// Time to send a body.
    pub body_time: Duration,
    /// Requests in one batch.
    pub batch: usize,
    /// Bytes of texts kept for persisted queries.
    pub persisted_bytes: u64,
    /// A query that takes longer is given up; a mutation goes on without its caller.
    pub execution_time: Duration,
    /// A request that takes longer is logged.
    pub slow_after: Duration,
    /// Whether the schema may be asked for.
    pub introspection: Introspection,
    /// Whether `/graphiql` is there.
    pub graphiql: GraphiqlPage,
    /// Where `/metrics` is.
    pub metrics: MetricsRoute,
    /// Origins (`https://host`) that may open websockets besides our own host.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits for long-lived connections.
    pub sockets: SocketLimits,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            body_time: Duration::from_secs(10),
            batch: 10,
            persisted_bytes: 8 * 1024 * 1024,
            execution_time: Duration::from_secs(60),
            slow_after: Duration::from_secs(1),
            introspection: Introspection::Off,
            graphiql: GraphiqlPage::Absent,
            metrics: MetricsRoute::Here,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            sockets: SocketLimits::default(),
        }
    }
}
