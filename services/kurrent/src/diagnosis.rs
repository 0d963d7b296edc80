//! Why nobody answers as expected: the client says only that it could not connect. Asked when a log cannot be
//! opened; each host is called once more, step by step, and nothing is sent to it but the start of TLS.

use std::{io, path::Path, sync::Arc, time::Duration};

use eventstore::ClientSettings;
use futures_util::future::join_all;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// For each step of each host.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is wrong with each host; nothing when all of them can be spoken to.
pub(crate) async fn of(settings: &ClientSettings) -> Option<String> {
    let calls = settings.hosts().iter().map(|host| {
        let port = u16::try_from(host.port).unwrap_or_default();
        call(settings, &host.host, port)
    });
    let found: Vec<_> = join_all(calls).await.into_iter().filter_map(Result::err).collect();
    (!found.is_empty()).then(|| found.join("; "))
}

async fn call(settings: &ClientSettings, host: &str, port: u16) -> Result<(), String> {
    let stream = connect(host, port).await?;
    let spoken = match timeout(PATIENCE, handshake(settings, host, stream)).await {
        Ok(spoken) => spoken,
        Err(_) => Spoken::Nothing,
    };
    let verifies = settings.is_tls_certificate_verification_enabled();
    match (settings.is_secure_mode_enabled(), spoken) {
        (false, Spoken::Tls | Spoken::Certificate(_) | Spoken::Trouble(_)) => {
            Err(format!("{host}:{port} speaks TLS: write `tls=true`"))
        }
        (false, _) | (true, Spoken::Tls) => Ok(()),
        (true, Spoken::Certificate(_)) if !verifies => Ok(()),
        (true, Spoken::Certificate(why)) => Err(format!(
            "the certificate of {host}:{port} is not accepted ({why}): it must be for this host, and from an \
             authority that this machine, or the file in `tlsCaFile`, names"
        )),
        (true, Spoken::Trouble(why)) => Err(format!("TLS with {host}:{port} does not come about: {why}")),
        (true, Spoken::Clear) => {
            Err(format!("{host}:{port} takes the connection but does not speak TLS: is it `tls=false`?"))
        }
        (true, Spoken::Nothing) => Err(format!("{host}:{port} takes the connection and says nothing")),
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    // As in an address, an IPv6 host has brackets.
    let name = host.trim_matches(['[', ']']).to_owned();
    let found = timeout(PATIENCE, tokio::net::lookup_host((name, port))).await;
    let found: Vec<_> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if found.is_empty() {
        return Err(format!("the name of the host {host} is not known here"));
    }
    match timeout(PATIENCE, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(format!("nothing listens at {host}:{port}"))
        }
        Ok(Err(error)) => Err(format!("{host}:{port} cannot be reached: {error}")),
        Err(_) => Err(format!("{host}:{port} does not answer: a firewall, or another address?")),
    }
}

/// What was heard after the start of TLS.
enum Spoken {
    Tls,
    /// TLS, with a certificate that is not accepted.
    Certificate(String),
    /// TLS, and an end to it for another reason; or it could not be tried.
    Trouble(String),
    /// Something else, or an end.
    Clear,
    Nothing,
}

async fn handshake(settings: &ClientSettings, host: &str, stream: TcpStream) -> Spoken {
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let (Ok(name), Some(config)) = (name, config(settings.tls_ca_file().map(Path::new))) else {
        // Nobody can be asked without them; in the clear nobody needs them.
        let secure = settings.is_secure_mode_enabled();
        let why = "the host's name or the file in `tlsCaFile` cannot be used".to_owned();
        return if secure { Spoken::Trouble(why) } else { Spoken::Nothing };
    };
    let Err(error) = TlsConnector::from(config).connect(name, stream).await else { return Spoken::Tls };
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        None | Some(rustls::Error::InvalidMessage(_)) => Spoken::Clear,
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(why))) => {
            Spoken::Certificate(format!("{:?}", why.0))
        }
        Some(rustls::Error::InvalidCertificate(why)) => Spoken::Certificate(why.to_string()),
        Some(other) => Spoken::Trouble(other.to_string()),
    }
}

/// The authorities that the client asks, too.
fn config(file: Option<&Path>) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let chain = CertificateDer::pem_file_iter(file).ok()?;
            roots.add_parsable_certificates(chain.flatten());
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
