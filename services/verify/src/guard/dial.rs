//! TCP and TLS through the guard, for protocols that are not HTTP.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{self, AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Host;

use super::{
    AllowedHosts, Guard, GuardError, GuardedHttp, Lookup, Transport, hosts,
    limit::{Limits, Place},
    resolve,
    trust::{Proof, Roots, Trust, showing},
};

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// A name or an address, as the credential has it.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The port that an entry of the allowed hosts means when it names none.
    pub usual_port: u16,
    /// Whether all that is said will be encrypted in the end.
    pub transport: Transport,
}

/// Opens connections.
///
/// Promises: the target is one of the allowed hosts; it connects only to addresses that the
/// [`Guard`] admits for the transport, and to exactly the address that was judged; TLS is checked for the
/// name of the target; connecting and the handshake end within the time limit; connections count
/// towards the limits of the HTTP client, per host and in all, until they are dropped.
pub struct Dialer {
    guard: Arc<Guard>,
    lookup: Arc<dyn Lookup>,
    limits: Arc<Limits>,
    roots: Roots,
    time_limit: Duration,
}

/// A connection on which nothing secret can be said yet.
pub struct Dialled<'a> {
    dialer: &'a Dialer,
    stream: TcpStream,
    name: ServerName<'static>,
    transport: Transport,
    place: Place,
}

/// A connection on which secrets may be said. Dropping it closes it and frees its place.
pub struct Wire {
    stream: Box<dyn Stream>,
    /// Bytes that may still come: a client that buffers what a server announces must not be filled.
    budget: usize,
    _place: Place,
}

/// What a login and a farewell may take, in bytes.
const MOST_READ: usize = 256 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Dialer {
    /// Longest wait for one of several addresses.
    const PER_ADDRESS: Duration = Duration::from_secs(4);

    /// A dialer with the rules, the name service, the limits and the authorities of an HTTP client.
    pub fn beside(http: &GuardedHttp) -> Self {
        Self {
            guard: Arc::clone(&http.guard),
            lookup: Arc::clone(&http.lookup),
            limits: Arc::clone(&http.limits),
            roots: Roots::with(http.extra_roots.clone()),
            time_limit: http.time_limit(),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// [`GuardError`]; its text is ours and tells nothing of the target.
    pub async fn dial(&self, to: Target<'_>, hosts: &AllowedHosts) -> Result<Dialled<'_>, GuardError> {
        timeout(self.time_limit, self.connect(to, hosts)).await.unwrap_or(Err(GuardError::Timeout))
    }

    async fn connect(&self, to: Target<'_>, hosts: &AllowedHosts) -> Result<Dialled<'_>, GuardError> {
        let host = host_of(to.host).ok_or(GuardError::HostNotAllowed)?;
        if !hosts.admit_host(&host, to.port, to.usual_port) {
            return Err(GuardError::HostNotAllowed);
        }
        let place = self.limits.place(&format!("{host}:{}", to.port)).await?;
        let addresses = self.addresses(&host, to.transport).await?;
        let stream = connect_to(&addresses, to.port).await?;
        // A check says little, and each piece at once.
        stream.set_nodelay(true).map_err(|_| GuardError::Unreachable)?;
        let name = server_name(&host).ok_or(GuardError::HostNotAllowed)?;
        Ok(Dialled { dialer: self, stream, name, transport: to.transport, place })
    }

    /// Addresses that were judged; of a host that is an address, that one.
    async fn addresses(&self, host: &Host<String>, transport: Transport) -> Result<Vec<IpAddr>, GuardError> {
        let address = match host {
            Host::Domain(name) => {
                return resolve(&self.guard, self.lookup.as_ref(), name, transport).await;
            }
            Host::Ipv4(address) => IpAddr::from(*address),
            Host::Ipv6(address) => IpAddr::from(*address),
        };
        self.guard.admit_address(address, transport).map(|()| vec![address])
    }
}

impl Dialled<'_> {
    /// The bare connection, for what a protocol says before TLS.
    pub const fn greeting(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The connection as it is.
    ///
    /// # Errors
    /// [`GuardError::AddressNotAllowed`] when it was dialled for encryption.
    pub fn in_the_clear(self) -> Result<Wire, GuardError> {
        match self.transport {
            Transport::Plain => {
                Ok(Wire { stream: Box::new(self.stream), budget: MOST_READ, _place: self.place })
            }
            Transport::Encrypted => Err(GuardError::AddressNotAllowed),
        }
    }

    /// The connection inside TLS, once the other side has proven who it is.
    ///
    /// # Errors
    /// [`GuardError::NotTrusted`], [`GuardError::NoTls`], or what else ends a handshake.
    pub async fn secured(self, trust: Trust<'_>) -> Result<Wire, GuardError> {
        self.secured_as(trust, None).await
    }

    /// The same, with a certificate of ours to show.
    ///
    /// # Errors
    /// As [`Dialled::secured`]; [`GuardError::NoProof`] when key and certificate do not fit.
    pub async fn secured_as(self, trust: Trust<'_>, proof: Option<Proof>) -> Result<Wire, GuardError> {
        let config = self.dialer.roots.config(trust).await?;
        let config = match proof {
            Some(proof) => showing(&config, proof)?,
            None => config,
        };
        let handshake = TlsConnector::from(config).connect(self.name, self.stream);
        let stream = timeout(self.dialer.time_limit, handshake).await.map_err(|_| GuardError::Timeout)?;
        let stream = stream.map_err(|error| why_no_tls(&error))?;
        Ok(Wire { stream: Box::new(stream), budget: MOST_READ, _place: self.place })
    }
}

fn why_no_tls(error: &io::Error) -> GuardError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => GuardError::NotTrusted,
        Some(_) => GuardError::NoTls,
        None => GuardError::Unreachable,
    }
}

/// A host as credentials write it: a name, an address, IPv6 also without brackets. What URL
/// parsers take as an address is one here too, so that it is judged and not looked up.
fn host_of(text: &str) -> Option<Host<String>> {
    match text.parse::<Ipv6Addr>() {
        Ok(address) => Some(Host::Ipv6(address)),
        Err(_) => hosts::plain(Host::parse(text).ok()?),
    }
}

fn server_name(host: &Host<String>) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).ok(),
        Host::Ipv4(address) => Some(IpAddr::from(*address).into()),
        Host::Ipv6(address) => Some(IpAddr::from(*address).into()),
    }
}

/// The first of these that answers.
async fn connect_to(addresses: &[IpAddr], port: u16) -> Result<TcpStream, GuardError> {
    let mut last = GuardError::Unreachable;
    for address in addresses {
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        last = match timeout(Dialer::PER_ADDRESS, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => GuardError::Unreachable,
            Err(_) => GuardError::Timeout,
        };
    }
    Err(last)
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let taken = into.filled().len() - before;
        match self.budget.checked_sub(taken) {
            Some(left) => self.budget = left,
            None => return Poll::Ready(Err(io::Error::other("the server says more than a login needs"))),
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
