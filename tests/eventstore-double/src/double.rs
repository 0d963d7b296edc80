//! The double as tests hold it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    call::State,
    faults::Faults,
    log::Recorded,
    server::{self, Listening},
    users::{Rights, Users},
};

/// Why there is no double.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The port is not free.
    #[error("the port cannot be listened on")]
    Listen(#[from] std::io::Error),
    /// The certificate or its key is no PEM.
    #[error("the certificate or its key cannot be read")]
    Pem(#[from] pem::Error),
    /// The certificate and the key do not fit.
    #[error("the certificate cannot be served")]
    Certificate(#[from] rustls::Error),
}

/// A double that is not listening yet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    port: u16,
    tls: Option<(String, String)>,
}

impl Builder {
    /// On this port and not on any.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With TLS: a certificate and its key, as PEM.
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// Listens.
    pub async fn start(self) -> Result<Double, Problem> {
        let tls = self.tls.map(|(certificate, key)| acceptor(&certificate, &key)).transpose()?;
        let listener = server::bind(self.port).await?;
        let state = Arc::new(State::new(listener.local_addr()?.port()));
        let listening = server::listen(listener, Arc::clone(&state), tls.clone());
        Ok(Double { state, tls, listening: Mutex::new(Some(listening)) })
    }
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, Problem> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A double that is listening until it is dropped.
pub struct Double {
    state: Arc<State>,
    tls: Option<TlsAcceptor>,
    listening: Mutex<Option<Listening>>,
}

impl Double {
    /// On any port, in the clear, with nobody known and everything allowed.
    pub async fn start() -> Result<Self, Problem> {
        Self::builder().start().await
    }

    /// One that is to be changed first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The connection string that leads to it. With TLS, `tlsCaFile` has to be added.
    pub fn url(&self) -> String {
        self.url_as("")
    }

    /// The same with a user.
    pub fn url_of(&self, name: &str, password: &str) -> String {
        self.url_as(&format!("{name}:{password}@"))
    }

    fn url_as(&self, user: &str) -> String {
        format!("esdb://{user}127.0.0.1:{}?tls={}", self.port(), self.tls.is_some())
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.state.port
    }

    /// Where faults are asked for.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// From now on only these are known, by name and password.
    pub fn users(&self, users: &[(&str, &str, Rights)]) {
        *self.state.users.lock() = Users::of(users);
    }

    /// From now on it is a follower of this leader.
    pub fn follow(&self, host: &str, port: u16) {
        *self.state.leader.lock() = Some((host.to_owned(), port));
    }

    /// From now on it leads, as it did at first.
    pub fn lead(&self) {
        *self.state.leader.lock() = None;
    }

    /// Its clock goes on by so much.
    pub fn pass(&self, time: Duration) {
        self.state.write(|log| log.pass(time));
    }

    /// Closes every connection and the port; the data stays.
    pub async fn stop(&self) {
        let listening = self.listening.lock().take();
        if let Some(listening) = listening {
            listening.stop().await;
        }
    }

    /// Listens again, on the same port.
    pub async fn resume(&self) -> Result<(), Problem> {
        let listener = server::bind(self.port()).await?;
        let listening = server::listen(listener, Arc::clone(&self.state), self.tls.clone());
        *self.listening.lock() = Some(listening);
        Ok(())
    }

    /// Both, one after the other.
    pub async fn restart(&self) -> Result<(), Problem> {
        self.stop().await;
        self.resume().await
    }

    /// It has only what it had when there were so many events in [`Self::all`], as when an older backup was restored.
    /// To be called while it is stopped: whoever listens does not hear of it.
    pub fn restore(&self, events: usize) {
        self.state.write(|log| log.restore(events));
    }

    /// What is in a stream, also what reads no longer show.
    pub fn events(&self, stream: &str) -> Vec<Recorded> {
        self.state.read(|log| log.stream(stream).iter().map(|event| (**event).clone()).collect())
    }

    /// Everything that was written, also by the system.
    pub fn all(&self) -> Vec<Recorded> {
        self.state.read(|log| log.all().iter().map(|event| (**event).clone()).collect())
    }
}
