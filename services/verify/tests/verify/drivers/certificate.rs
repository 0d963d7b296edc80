use std::sync::Arc;

use keytrail_domain::{Timestamp, verification::Verdict};
use keytrail_test_support::{Authority, Identity};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{Given, INVALID, LIMITED, Outcome, UNEXPECTED, UNREACHABLE, VALID, outcome};

const EXPIRED: Outcome = (Verdict::Expired, None);

fn given(identity: &Identity) -> Given {
    let fields = json!({"certificate": identity.certificate, "private_key": identity.key});
    Given { slug: "tls-certificate", fields }
}

fn chained(authority: &Authority, identity: &Identity) -> Given {
    given(identity).but(json!({"ca_chain": authority.pem()}))
}

/// A TLS server on loopback with this certificate; answers its port.
async fn server(identity: &Identity) -> u16 {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    keytrail_test_support::install_crypto();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(acceptor.accept(stream));
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_is_good_when_key_dates_names_and_chain_are() {
    let authority = Authority::new();
    let identity = authority.identity(&["git.example", "*.git.example"]);
    let good = chained(&authority, &identity).but(json!({"host": "a.git.example"}));
    let report = good.report().await;
    assert_eq!(outcome(&report), VALID, "{report:?}");
    assert_eq!(report.scopes, ["*.git.example", "git.example"]);
    assert_eq!(report.expires_at, Some(Timestamp::parse("2099-01-01T00:00:00Z").unwrap()));

    let other = authority.identity(&["git.example"]);
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
    for (change, expected, message) in [
        (json!({"host": null, "ca_chain": null}), VALID, "belong together"),
        (json!({"host": "GIT.example."}), VALID, "belong together"),
        (json!({"private_key": other.key}), INVALID, "does not belong"),
        (json!({"private_key": "none"}), INVALID, "private key cannot be read"),
        (json!({"private_key": pem("PRIVATE KEY")}), INVALID, "of no kind"),
        (json!({"private_key": pem("ENCRYPTED PRIVATE KEY")}), UNEXPECTED, "passphrase"),
        (json!({"certificate": "none"}), INVALID, "no certificate"),
        (json!({"certificate": pem("CERTIFICATE")}), INVALID, "cannot be read"),
        (json!({"host": "hub.example"}), INVALID, "does not name the host"),
        (json!({"ca_chain": Authority::new().pem()}), INVALID, "does not lead"),
        (json!({"ca_chain": "none"}), INVALID, "chain cannot be read"),
        (json!({"ca_chain": identity.certificate}), VALID, "belong together"),
    ] {
        good.but(change).is(expected, message).await;
    }
}

#[tokio::test]
async fn dates_are_compared_with_the_clock() {
    let authority = Authority::new();
    // The clock of these tests stands at the beginning of 2026.
    let over = chained(&authority, &authority.identity_for(&["git.example"], 2020, 2025));
    let report = over.report().await;
    assert_eq!(outcome(&report), EXPIRED);
    assert_eq!(report.expires_at, Some(Timestamp::parse("2025-01-01T00:00:00Z").unwrap()));
    let early = chained(&authority, &authority.identity_for(&["git.example"], 2027, 2028));
    early.is(INVALID, "not in force yet").await;
}

#[tokio::test]
async fn the_host_is_asked_which_certificate_it_shows_when_that_is_wanted() {
    let authority = Authority::new();
    let ours = authority.identity(&["localhost"]);
    let asking = |port: u16| {
        chained(&authority, &ours).but(json!({"host": "localhost", "port": port, "handshake": true}))
    };
    asking(server(&ours).await).is(VALID, "the host shows the certificate").await;
    for another in [authority.identity(&["localhost"]), Authority::new().identity(&["localhost"])] {
        asking(server(&another).await).is(LIMITED, "shows another one").await;
    }
    let gone = keytrail_test_support::free_port();
    asking(gone).is(UNREACHABLE, "could not be reached").await;
    asking(gone).but(json!({"handshake": false})).is(VALID, "belong together").await;
    asking(1).finds_silence_to_be_a_timeout().await;
    let nowhere = asking(gone).but(json!({"host": Value::Null}));
    nowhere.is(UNEXPECTED, "not set").await;
}
