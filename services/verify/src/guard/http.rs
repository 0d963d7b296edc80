//! HTTP through the guard.

use std::{error::Error, io, sync::Arc, time::Duration};

use ipnet::IpNet;
use reqwest::{
    Client, ClientBuilder, Method,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName},
};
use tokio::time::timeout;
use url::Url;

use super::{
    Destinations, Guard, GuardError, Lookup, Transport, address, hosts,
    limit::{Limits, Place},
    resolve::GuardedNames,
};

/// Limits of everything that leaves.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Networks that may be reached besides the public ones, and in the clear.
    pub allowed_networks: Vec<IpNet>,
    /// Certificate authorities to trust besides the system's, as PEM.
    pub extra_roots: Vec<u8>,
    /// Longest time for one request with everything: waiting for a place, name, connection, answer.
    pub time_limit: Duration,
    /// Most bytes of a body that are read.
    pub body_limit: usize,
    /// Most requests at once.
    pub at_once: usize,
    /// Most requests at once to one host and port.
    pub per_host: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            extra_roots: Vec::new(),
            // A little less than the longest check, so that its report is in time.
            time_limit: Duration::from_millis(9_500),
            body_limit: 256 * 1024,
            at_once: 256,
            per_host: 4,
        }
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the client for outgoing requests cannot be made; are there certificate authorities on this machine?"
)]
pub struct StartError(#[from] reqwest::Error);

/// One request. It cannot be printed: URL, headers and body may hold secrets.
#[derive(Clone)]
pub struct Outgoing {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers; those with secrets marked as sensitive.
    pub headers: HeaderMap,
    /// Body.
    pub body: Option<Vec<u8>>,
}

/// What came back. To be judged and dropped, not stored or shown.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body up to the limit.
    pub body: Vec<u8>,
    /// True when there was more of it.
    pub cut: bool,
    /// True when it came from a public address.
    pub public: bool,
}

impl Answer {
    /// A header's text, when there is one in plain characters.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The client for everything that leaves.
///
/// Promises: it connects only to addresses that the [`Guard`] admits, and to exactly the address
/// that was judged; follows no redirect; uses no proxy from the environment; keeps no connection
/// for a later request; ends within the time limit; reads no more than the body limit.
pub struct GuardedHttp {
    pub(super) guard: Arc<Guard>,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) extra_roots: Vec<u8>,
    encrypted: Client,
    plain: Client,
    pub(super) limits: Arc<Limits>,
    time_limit: Duration,
    body_limit: usize,
}

impl GuardedHttp {
    /// Hosts that can be talked to at once.
    const MOST_HOSTS: usize = 1024;

    /// A client with these limits. A crypto provider of rustls must be installed.
    ///
    /// # Errors
    /// A certificate authority cannot be read, or there is none.
    pub fn new(config: HttpConfig, lookup: &Arc<dyn Lookup>) -> Result<Self, StartError> {
        let guard = Arc::new(Guard::new(config.allowed_networks));
        let names =
            |transport| GuardedNames { guard: Arc::clone(&guard), lookup: Arc::clone(lookup), transport };
        let roots = reqwest::Certificate::from_pem_bundle(&config.extra_roots)?;
        let encrypted = careful().https_only(true).tls_certs_merge(roots);
        // Never speaks TLS, so it needs no authorities; loading the system's takes time.
        let plain = careful().tls_certs_only([]);
        Ok(Self {
            encrypted: encrypted.dns_resolver(names(Transport::Encrypted)).build()?,
            plain: plain.dns_resolver(names(Transport::Plain)).build()?,
            guard: Arc::clone(&guard),
            lookup: Arc::clone(lookup),
            extra_roots: config.extra_roots,
            limits: Arc::new(Limits::new(config.at_once, config.per_host, Self::MOST_HOSTS)),
            time_limit: config.time_limit,
            body_limit: config.body_limit,
        })
    }

    /// Judges a URL as far as that can be done before its name is looked up.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn judge(&self, url: &mut Url, to: Destinations<'_>) -> Result<(), GuardError> {
        match self.guard.admit_url(url, to)? {
            Transport::Plain if !self.guard.has_networks() => Err(GuardError::SchemeNotAllowed),
            Transport::Plain | Transport::Encrypted => Ok(()),
        }
    }

    /// Longest time for one request.
    pub const fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Sends, and reads the answer.
    ///
    /// # Errors
    /// [`GuardError`]; its text is ours and tells nothing of the request.
    pub async fn send(&self, request: Outgoing, to: Destinations<'_>) -> Result<Answer, GuardError> {
        timeout(self.time_limit, self.exchange(request, to)).await.unwrap_or(Err(GuardError::Timeout))
    }

    /// As [`GuardedHttp::send`], but what is sent has two thirds of the time for itself: who waits longer than the first
    /// third for a place sends nothing. For requests that change what is at the other side.
    ///
    /// # Errors
    /// [`GuardError`]; after [`GuardError::Busy`] nothing was sent.
    pub async fn send_or_not(
        &self,
        mut request: Outgoing,
        to: Destinations<'_>,
    ) -> Result<Answer, GuardError> {
        let transport = self.guard.admit_url(&mut request.url, to)?;
        let place = timeout(self.time_limit / 3, self.place(&request.url)).await;
        let _place = place.unwrap_or(Err(GuardError::Busy))?;
        let answer = timeout(self.time_limit / 3 * 2, self.ask(request, transport)).await;
        answer.unwrap_or(Err(GuardError::Timeout))
    }

    async fn exchange(&self, mut request: Outgoing, to: Destinations<'_>) -> Result<Answer, GuardError> {
        let transport = self.guard.admit_url(&mut request.url, to)?;
        let _place = self.place(&request.url).await?;
        self.ask(request, transport).await
    }

    async fn ask(&self, request: Outgoing, transport: Transport) -> Result<Answer, GuardError> {
        let client = match transport {
            Transport::Encrypted => &self.encrypted,
            Transport::Plain => &self.plain,
        };
        let mut call = client.request(request.method.clone(), request.url).headers(request.headers);
        match request.body {
            Some(body) => call = call.body(body),
            // Some servers refuse a POST that does not say how long it is (RFC 9110, 8.6).
            None if request.method == Method::POST => call = call.header(CONTENT_LENGTH, 0),
            None => {}
        }
        let response = call.send().await.map_err(|error| what_happened(&error))?;
        self.read(response).await
    }

    async fn place(&self, url: &Url) -> Result<Place, GuardError> {
        self.limits.place(&hosts::entry_for(url).ok_or(GuardError::Unreachable)?).await
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Answer, GuardError> {
        let public = response.remote_addr().is_some_and(|from| address::is_public(from.ip()));
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let (mut body, mut cut) = (Vec::new(), false);
        while !cut && let Some(chunk) = response.chunk().await.map_err(|error| what_happened(&error))? {
            let room = self.body_limit - body.len();
            cut = chunk.len() > room;
            body.extend_from_slice(&chunk[..room.min(chunk.len())]);
        }
        Ok(Answer { status, headers, body, cut, public })
    }
}

fn careful() -> ClientBuilder {
    Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(0)
        // A compressed body would not be bounded by the bytes read.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(concat!("keytrail/", env!("CARGO_PKG_VERSION")))
}

/// Reads our own reason out of the client's error. The error itself goes no further: its text
/// holds the URL.
fn what_happened(error: &reqwest::Error) -> GuardError {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<GuardError>() {
            return *ours;
        }
        if cause.is::<rustls::Error>() {
            return GuardError::NotTrusted;
        }
        // An I/O error leaves out what it directly wraps when it is asked for its source.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
    }
    GuardError::Unreachable
}
