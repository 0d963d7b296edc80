use std::sync::Arc;

use keytrail_domain::{Timestamp, verification::Verdict};
use keytrail_test_support::{Authority, Identity};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    NameConstraints, date_time_ymd,
};
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
        (json!({"private_key": pem("PRIVATE KEY")}), INVALID, "private key cannot be read"),
        (json!({"private_key": pem("OPENSSH PRIVATE KEY")}), UNEXPECTED, "in a form that"),
        (json!({"private_key": pem("ENCRYPTED PRIVATE KEY")}), UNEXPECTED, "without its passphrase"),
        (
            json!({"private_key": pem("ENCRYPTED PRIVATE KEY"), "passphrase": "x"}),
            INVALID,
            "key cannot be read",
        ),
        (json!({"passphrase": "of a key that is not closed"}), VALID, "belong together"),
        (json!({"certificate": "none"}), INVALID, "no certificate"),
        (json!({"certificate": pem("CERTIFICATE")}), INVALID, "cannot be read"),
        (json!({"host": "hub.example"}), INVALID, "does not name the host"),
        // One of the same name with another key, and one of another name.
        (json!({"ca_chain": Authority::new().pem()}), INVALID, "signature in the chain is not good"),
        (json!({"ca_chain": exotic("usual.crt")}), INVALID, "does not lead"),
        (json!({"ca_chain": "none"}), INVALID, "chain cannot be read"),
        (json!({"ca_chain": pem("CERTIFICATE")}), INVALID, "certificate of the chain cannot be read"),
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

/// A file of `exotic`, made by the script there.
fn exotic(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify/drivers/exotic");
    std::fs::read_to_string(format!("{folder}/{name}")).unwrap()
}

fn exotic_given(name: &str) -> Given {
    let [certificate, key] = ["crt", "key"].map(|kind| exotic(&format!("{name}.{kind}")));
    given(&Identity { certificate, key })
}

#[tokio::test]
async fn a_chain_that_cannot_be_checked_here_is_no_bad_chain() {
    for (name, authority) in [("sha1", "rsa"), ("by-koblitz", "koblitz"), ("by-short", "short")] {
        let leaf = exotic_given(name);
        leaf.is(VALID, "belong together").await;
        let chain = |authority: &str| json!({"ca_chain": exotic(&format!("{authority}.crt"))});
        leaf.but(chain(authority)).is(UNEXPECTED, "cannot be checked here").await;
        // Whose name it bears can always be told.
        leaf.but(chain("usual")).is(INVALID, "does not lead").await;
        leaf.but(json!({"private_key": exotic("version1.key")})).is(INVALID, "does not belong").await;
    }
}

#[tokio::test]
async fn a_certificate_of_the_first_version_is_compared_with_its_key_and_no_more() {
    let old = exotic_given("version1");
    old.is(VALID, "belong together").await;
    old.but(json!({"private_key": exotic("sha1.key")})).is(INVALID, "does not belong").await;
    old.but(json!({"ca_chain": exotic("usual.crt")})).is(UNEXPECTED, "cannot be checked here").await;
    old.but(json!({"host": "git.example"})).is(UNEXPECTED, "names the host cannot be told").await;
}

#[tokio::test]
async fn a_key_that_cannot_be_used_here_is_no_bad_key() {
    for name in ["ed448", "rsa1024", "dsa"] {
        exotic_given(name).is(UNEXPECTED, "of a kind that cannot be used here").await;
    }
    let dsa = exotic_given("dsa").but(json!({"private_key": exotic("dsa-traditional.key")}));
    dsa.is(UNEXPECTED, "in a form that cannot be read here").await;
    let compressed = exotic_given("compressed");
    compressed.is(UNEXPECTED, "cannot be told").await;
    // A key that can be used shows that it is not the one of a certificate whose own could not.
    let other = Authority::new().identity(&["git.example"]).key;
    exotic_given("ed448").but(json!({"private_key": other})).is(INVALID, "does not belong").await;
}

#[tokio::test]
async fn what_an_authority_may_not_sign_is_proven_and_what_is_only_unknown_is_not() {
    let root = Authority::new();
    let chain = |authority: &Authority| json!({"ca_chain": authority.pem()});
    let changed = |change: fn(&mut CertificateParams)| given(&root.identity_with(&["git.example"], change));
    let unknown = changed(|leaf| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        leaf.custom_extensions.push(extension);
    });
    let own = changed(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let post = changed(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]);
    let client = changed(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    for (leaf, expected, message) in [
        (unknown, UNEXPECTED, "extensions that cannot be checked here"),
        (own, UNEXPECTED, "an authority's own"),
        (post, UNEXPECTED, "neither a server's nor a client's"),
        (client, VALID, "belong together"),
    ] {
        leaf.but(chain(&root)).is(expected, message).await;
    }
    let narrow = Authority::with(|authority| {
        authority.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("other.example".to_owned())],
            excluded_subtrees: vec![],
        });
    });
    let leaf = given(&narrow.identity(&["git.example"])).but(chain(&narrow));
    leaf.is(INVALID, "may not sign for these names").await;
}

#[tokio::test]
async fn each_certificate_of_a_chain_counts() {
    let root = Authority::new();
    let through = |between: &Authority| {
        let chain = format!("{}{}", between.pem(), root.pem());
        given(&between.identity(&["git.example"])).but(json!({"ca_chain": chain}))
    };
    through(&root.below(|_| ())).is(VALID, "belong together").await;
    let over = root.below(|between| between.not_after = date_time_ymd(2025, 1, 1));
    through(&over).is(EXPIRED, "certificate of the chain has expired").await;
    let early = root.below(|between| between.not_before = date_time_ymd(2027, 1, 1));
    through(&early).is(INVALID, "not in force yet").await;
    let no_authority = root.below(|between| between.is_ca = IsCa::ExplicitNoCa);
    through(&no_authority).is(INVALID, "may not sign others").await;
}

#[tokio::test]
async fn a_passphrase_opens_its_private_key() {
    let closed = |kind: &str| {
        let key = exotic(&format!("closed-{kind}.key"));
        exotic_given("closed").but(json!({"private_key": key, "passphrase": "only-for-tests"}))
    };
    for kind in ["aes128", "aes192", "aes256"] {
        closed(kind).is(VALID, "belong together").await;
        closed(kind).but(json!({"passphrase": "wrong"})).is(INVALID, "does not open").await;
        closed(kind).but(json!({"passphrase": null})).is(UNEXPECTED, "without its passphrase").await;
        let other = json!({"certificate": exotic("sha1.crt")});
        closed(kind).but(other).is(INVALID, "does not belong").await;
    }
    for kind in ["des3", "scrypt", "slow"] {
        closed(kind).is(UNEXPECTED, "cannot be opened here").await;
    }
    closed("traditional").is(UNEXPECTED, "in a form that cannot be read here").await;
}
