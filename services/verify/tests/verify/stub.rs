//! A small HTTP/1.1 server that answers as it is told, well or badly, and remembers what it saw.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Play {
    /// Answers.
    Reply(Reply),
    /// Never answers.
    Hang,
    /// Announces a body and sends one byte of it every now and then, without end.
    Drip,
    /// Sends a body without end, as fast as it can.
    Flood,
}

#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

struct Part {
    play: Play,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    tls: Option<TlsAcceptor>,
}

impl Stub {
    pub(crate) async fn start(play: Play) -> Self {
        Self::serve(play, "127.0.0.1", None).await
    }

    pub(crate) async fn reply(status: u16, body: impl Into<String>) -> Self {
        Self::start(Play::Reply(Reply { status, headers: vec![], body: body.into() })).await
    }

    pub(crate) async fn serve(play: Play, ip: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, seen) = <(Arc<AtomicUsize>, Arc<Mutex<Vec<Seen>>>)>::default();
        let part = Arc::new(Part { play, connections: connections.clone(), seen: seen.clone(), tls });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                part.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connection(part.clone(), stream));
            }
        });
        Self { address, connections, seen, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The only request that came.
    pub(crate) fn only_request(&self) -> Seen {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(part: Arc<Part>, stream: TcpStream) {
    // A client that goes away in the middle is part of many tests.
    let _ended = match &part.tls {
        None => talk(&part, stream).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => talk(&part, stream).await,
            Err(refused) => Err(refused),
        },
    };
}

async fn talk(part: &Part, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    while let Some(seen) = read(&mut stream).await? {
        part.seen.lock().unwrap().push(seen);
        play(&part.play, &mut stream).await?;
    }
    Ok(())
}

async fn play(play: &Play, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    match play {
        Play::Reply(reply) => {
            let mut text =
                format!("HTTP/1.1 {} Stub\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
            for (name, value) in &reply.headers {
                text += &format!("{name}: {value}\r\n");
            }
            stream.write_all(format!("{text}\r\n{}", reply.body).as_bytes()).await
        }
        Play::Hang => std::future::pending().await,
        Play::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            loop {
                beat.tick().await;
                stream.write_all(b" ").await?;
            }
        }
        Play::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 8192]).await?;
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap();
    let headers: BTreeMap<_, _> = rest
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes.split_off(end + 4);
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length && stream.read_buf(&mut body).await? > 0 {}
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    Ok(Some(Seen { method, target, headers, body: String::from_utf8(body).unwrap() }))
}
