//! The load driver: kept-alive connections in a closed loop, one thread, no copies, so that it
//! is never what is measured. It counts a run only when every answer is a good one.

mod answer;
mod sample;
mod sockets;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fs,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use answer::Answer;
pub use sample::Sample;
pub use sockets::{Heard, Post, Subscribers};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    runtime::Builder,
    task::{JoinSet, LocalSet},
};

use crate::BenchError;

/// No run takes longer than this.
const LONGEST: Duration = Duration::from_secs(120);

/// Who is asked, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens; loopback.
    pub address: SocketAddr,
    /// Bearer token, if it wants one.
    pub token: Option<String>,
}

impl Target {
    /// The bytes of one HTTP request with this JSON body.
    fn request(&self, body: &str) -> Vec<u8> {
        self.request_as(self.token.as_deref(), body)
    }

    fn request_as(&self, token: Option<&str>, body: &str) -> Vec<u8> {
        let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
        self.post("/graphql", &token, body)
    }

    /// The bytes of one POST; `headers` are whole lines.
    pub(crate) fn post(&self, path: &str, headers: &str, body: &str) -> Vec<u8> {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{headers}accept: application/json\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .into_bytes()
    }
}

/// What to send.
pub enum Bodies {
    /// The same JSON each time.
    Same(String),
    /// A JSON of its own for each request, by number.
    Each(Rc<dyn Fn(u64) -> String>),
    /// The same, each with a token of its own.
    EachFrom(Rc<dyn Fn(u64) -> (Rc<str>, String)>),
    /// Whole HTTP requests to something that does not speak GraphQL: 200 and 204 are good answers.
    Http(Rc<dyn Fn(u64) -> Vec<u8>>),
}

impl Bodies {
    /// What is a good answer to them.
    fn check(&self) -> Check {
        match self {
            Self::Http(_) => |answer| answer.is_ok(),
            Self::Same(_) | Self::Each(_) | Self::EachFrom(_) => |answer| answer.check(),
        }
    }

    fn requests(&self, target: &Target) -> Requests {
        let target = target.clone();
        match self {
            Self::Same(body) => Requests::Same(target.request(body)),
            Self::Each(body) => {
                let body = Rc::clone(body);
                Requests::Each(Box::new(move |number| target.request(&body(number))))
            }
            Self::EachFrom(call) => {
                let call = Rc::clone(call);
                Requests::Each(Box::new(move |number| {
                    let (token, body) = call(number);
                    target.request_as(Some(&token), &body)
                }))
            }
            Self::Http(bytes) => {
                let bytes = Rc::clone(bytes);
                Requests::Each(Box::new(move |number| bytes(number)))
            }
        }
    }
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Requests in all.
    pub requests: u64,
    /// Connections that share them; each has one request in flight.
    pub connections: usize,
}

impl Amount {
    /// So many times less, but at least one request; no connection is opened for nothing.
    #[must_use]
    pub fn shorter(self, times: u64) -> Self {
        let requests = (self.requests / times.max(1)).max(1);
        let useful = usize::try_from(requests).unwrap_or(self.connections);
        Self { requests, connections: self.connections.min(useful) }
    }
}

/// Drives the load and answers how it went.
///
/// # Errors
/// [`BenchError`] at the first bad answer or broken connection, or after two minutes.
pub fn drive(target: &Target, bodies: &Bodies, amount: Amount) -> Result<Sample, BenchError> {
    in_one_thread(async {
        let shared = Rc::new(Shared::new(target, bodies, amount));
        let streams = connect(target, amount.connections).await?;
        let (cpu, start) = (thread_cpu(), Instant::now());
        spread(&shared, streams).await?;
        let elapsed = start.elapsed();
        let cpu = thread_cpu().zip(cpu).map(|(after, before)| after.saturating_sub(before));
        Ok(Sample::of(shared.nanos.take(), elapsed, cpu))
    })
}

/// One request, one answer: its `data`.
///
/// # Errors
/// As [`drive`].
pub fn ask(target: &Target, body: &str) -> Result<serde_json::Value, BenchError> {
    in_one_thread(async {
        let mut stream = connect(target, 1).await?.remove(0);
        let mut buffer = Vec::new();
        stream.write_all(&target.request(body)).await.map_err(BenchError::io("sending"))?;
        answer::read(&mut stream, &mut buffer).await?.data()
    })
}

/// Lets every connection take requests until none is left.
async fn spread(shared: &Rc<Shared>, streams: Vec<TcpStream>) -> Result<(), BenchError> {
    let mut connections = JoinSet::new();
    for stream in streams {
        connections.spawn_local(Rc::clone(shared).work(stream));
    }
    while let Some(ended) = connections.join_next().await {
        ended.map_err(|error| BenchError::BadAnswer(error.to_string()))??;
    }
    Ok(())
}

/// Bounded in time, whatever the server does.
fn in_one_thread<T>(work: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    let runtime =
        Builder::new_current_thread().enable_all().build().map_err(BenchError::io("starting the driver"))?;
    let local = LocalSet::new();
    let work = local.run_until(async { tokio::time::timeout(LONGEST, work).await });
    runtime.block_on(work).map_err(|_| BenchError::TooSlow("a run", LONGEST.as_secs()))?
}

async fn connect(target: &Target, count: usize) -> Result<Vec<TcpStream>, BenchError> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = TcpStream::connect(target.address).await.map_err(BenchError::io("connecting"))?;
        stream.set_nodelay(true).map_err(BenchError::io("connecting"))?;
        streams.push(stream);
    }
    Ok(streams)
}

/// What the connections of a run share; all of them live on one thread.
struct Shared {
    next: Cell<u64>,
    requests: u64,
    send: Requests,
    check: Check,
    nanos: RefCell<Vec<u64>>,
}

/// Requests as bytes.
enum Requests {
    Same(Vec<u8>),
    Each(Box<dyn Fn(u64) -> Vec<u8>>),
}

type Check = fn(&Answer<'_>) -> Result<(), BenchError>;

impl Shared {
    fn new(target: &Target, bodies: &Bodies, amount: Amount) -> Self {
        let (send, check) = (bodies.requests(target), bodies.check());
        let room = usize::try_from(amount.requests).unwrap_or_default();
        let nanos = RefCell::new(Vec::with_capacity(room));
        Self { next: Cell::new(0), requests: amount.requests, send, check, nanos }
    }

    /// The number of the next request; none when all are taken.
    fn take(&self) -> Option<u64> {
        let number = self.next.get();
        self.next.set(number + 1);
        (number < self.requests).then_some(number)
    }

    async fn work(self: Rc<Self>, mut stream: TcpStream) -> Result<(), BenchError> {
        let mut buffer = Vec::with_capacity(8 * 1024);
        while let Some(number) = self.take() {
            let request = match &self.send {
                Requests::Same(bytes) => Cow::Borrowed(bytes.as_slice()),
                Requests::Each(bytes) => Cow::Owned(bytes(number)),
            };
            let start = Instant::now();
            stream.write_all(&request).await.map_err(BenchError::io("sending"))?;
            (self.check)(&answer::read(&mut stream, &mut buffer).await?)?;
            let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.nanos.borrow_mut().push(nanos);
        }
        Ok(())
    }
}

/// How long this thread has run on a core, as Linux counts it.
fn thread_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
