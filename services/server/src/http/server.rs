//! Listening, and stopping in order.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web,
};
use socket2::SockRef;
use tokio::{task::JoinHandle, time::timeout};

use super::{HttpState, observe::observe, routes};

/// More routes beside ours: the dashboard, the OAuth2 callback, the unwrap protocol.
pub type ExtraRoutes = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// Sockets that heard 1001 have this long to go.
const SOCKETS_GO: Duration = Duration::from_secs(2);
/// Requests that run have this long to end.
const REQUESTS_END_SECONDS: u64 = 5;
/// Mutations whose caller hung up have this long to end.
const TASKS_END: Duration = Duration::from_secs(2);

/// How a server listens.
#[derive(Clone)]
pub struct ServerOptions {
    /// Threads that serve.
    pub workers: usize,
    /// Connections at once on each of them.
    pub connections_per_worker: usize,
    /// A client that takes nothing of its answer for so long loses its connection (Linux).
    pub unread_time: Duration,
    /// With it, TLS only.
    pub tls: Option<rustls::ServerConfig>,
    /// More routes.
    pub extra: Option<ExtraRoutes>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            connections_per_worker: 8_192,
            unread_time: Duration::from_secs(30),
            tls: None,
            extra: None,
        }
    }
}

/// A server at work.
pub struct RunningServer {
    address: SocketAddr,
    handle: ServerHandle,
    served: JoinHandle<io::Result<()>>,
    state: Arc<HttpState>,
}

/// Starts to serve on a bound listener. Needs a running Tokio runtime.
///
/// # Errors
/// The listener cannot be used.
pub fn start(
    listener: TcpListener,
    state: Arc<HttpState>,
    options: ServerOptions,
) -> io::Result<RunningServer> {
    let (allowed, extra) = (state.options.clone(), options.extra.clone());
    let routes: ExtraRoutes = Arc::new(move |config| {
        routes::configure(config, &allowed);
        if let Some(extra) = &extra {
            extra(config);
        }
    });
    run(listener, state, options, routes)
}

/// Starts to serve `/metrics` alone, at an address of its own.
///
/// # Errors
/// The listener cannot be used.
pub fn start_metrics(listener: TcpListener, state: Arc<HttpState>) -> io::Result<RunningServer> {
    let options = ServerOptions { workers: 1, connections_per_worker: 64, ..ServerOptions::default() };
    run(listener, state, options, Arc::new(routes::configure_metrics))
}

fn run(
    listener: TcpListener,
    state: Arc<HttpState>,
    options: ServerOptions,
    routes: ExtraRoutes,
) -> io::Result<RunningServer> {
    let address = listener.local_addr()?;
    limit_unread_time(&listener, options.unread_time)?;
    let shared = web::Data::from(Arc::clone(&state));
    let server = HttpServer::new(move || {
        let routes = Arc::clone(&routes);
        App::new()
            .app_data(shared.clone())
            .wrap(from_fn(observe))
            .configure(move |config| routes(config))
            .default_service(web::to(routes::not_found))
    })
    .workers(options.workers)
    .max_connections(options.connections_per_worker)
    // A client that has left is noticed at once, also while nothing is sent to it.
    .h1_allow_half_closed(false)
    .shutdown_timeout(REQUESTS_END_SECONDS)
    .disable_signals();
    let server: Server = match options.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?.run(),
        None => server.listen(listener)?.run(),
    };
    let handle = server.handle();
    Ok(RunningServer { address, handle, served: tokio::spawn(server), state })
}

/// A connection whose client reads nothing holds its buffers until the system gives it up; accepted
/// connections inherit the setting.
fn limit_unread_time(listener: &TcpListener, time: Duration) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    SockRef::from(listener).set_tcp_user_timeout(Some(time))?;
    Ok(())
}

impl RunningServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it ends without having been asked to.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.served).await.map_err(io::Error::other)?
    }

    /// Stops in order, in less than ten seconds: sockets close with 1001, requests that run are
    /// answered, nothing new is taken, mutations without a caller end.
    ///
    /// # Errors
    /// Serving had failed before.
    pub async fn stop(self) -> io::Result<()> {
        self.state.shutdown.cancel();
        self.sockets_gone().await;
        self.handle.stop(true).await;
        self.state.tasks.close();
        if timeout(TASKS_END, self.state.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.state.tasks.len(), "stopped before these mutations ended");
        }
        self.served.await.map_err(io::Error::other)?
    }

    async fn sockets_gone(&self) {
        let all = u32::try_from(self.state.options.sockets.sockets).unwrap_or(u32::MAX);
        if timeout(SOCKETS_GO, self.state.sockets.acquire_many(all)).await.is_err() {
            tracing::warn!("some sockets do not close");
        }
    }
}
