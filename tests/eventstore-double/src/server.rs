//! Listening, and connections that can be cut.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    call::{Call, Line, State},
    routes,
};

/// A task that listens and holds every connection: when it ends, they end.
#[derive(Debug)]
pub(crate) struct Listening(JoinHandle<()>);

/// On any free port, for `0`.
pub(crate) async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

pub(crate) fn listen(listener: TcpListener, state: Arc<State>, tls: Option<TlsAcceptor>) -> Listening {
    Listening(tokio::spawn(accept(listener, state, tls)))
}

impl Listening {
    /// Returns when the port is free and every connection is closed.
    pub(crate) async fn stop(mut self) {
        self.0.abort();
        // It was told to end: how it ended says nothing.
        _ = (&mut self.0).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state), tls.clone()));
                }
                Err(_) => return,
            },
            Some(_) = connections.join_next() => (),
        }
    }
}

/// Whoever does not speak the protocol is not answered, as on the real server.
async fn connection(stream: TcpStream, state: Arc<State>, tls: Option<TlsAcceptor>) {
    _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, state).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, state).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let line = Line::default();
    let call = Call { state, line: line.clone() };
    let service = service_fn(move |request| {
        let call = call.clone();
        async move { Ok::<_, Infallible>(routes::route(call, request).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = served => (),
        () = line.was_cut() => (),
    }
}
