//! Attempts to get out.

use std::{process::Command, sync::Arc};

use keytrail_verify::guard::{
    Answer, Destinations, GuardError, GuardedHttp, HttpConfig, Lookup, Outgoing, SystemLookup,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Method, header::HeaderMap};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::{
    harness::{Names, PATIENT, SHORT, client, config},
    stub::{Play, Reply, Stub},
};

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

async fn get(http: &GuardedHttp, url: &str) -> Result<Answer, GuardError> {
    let request =
        Outgoing { method: Method::GET, url: url.parse().unwrap(), headers: HeaderMap::new(), body: None };
    http.send(request, Destinations::Any).await
}

fn system(allowed: &[&str]) -> GuardedHttp {
    client(config(allowed, PATIENT), &SystemLookup::shared())
}

fn named(allowed: &[&str], names: &Arc<Names>) -> GuardedHttp {
    let lookup: Arc<dyn Lookup> = names.clone();
    client(config(allowed, PATIENT), &lookup)
}

#[tokio::test]
async fn a_request_reaches_an_allowed_network() {
    let stub = Stub::reply(200, "hello").await;
    let answer = get(&system(LOOPBACK), &stub.url("/x?y")).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.cut), (200, b"hello".as_slice(), false));
    assert_eq!(stub.only_request().target, "/x?y");
}

#[tokio::test]
async fn loopback_is_out_of_reach_by_address_and_by_name() {
    let stub = Stub::reply(200, "").await;
    let port = stub.address.port();
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost", "localhost."]
    {
        for scheme in ["http", "https"] {
            let refused = get(&system(&[]), &format!("{scheme}://{host}:{port}/")).await.err();
            assert_eq!(refused, Some(GuardError::AddressNotAllowed), "{scheme} {host}");
        }
    }
    assert_eq!(stub.connections(), 0);
}

#[tokio::test]
async fn a_public_name_with_a_private_address_is_refused() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "fd00:ec2::254",
    ] {
        let names = Names::answering(&[&[address]]);
        let refused = get(&named(&[], &names), "https://public.example/").await.err();
        assert_eq!(refused, Some(GuardError::AddressNotAllowed), "{address}");
    }
}

#[tokio::test]
async fn only_the_allowed_ones_of_several_addresses_are_tried() {
    let forbidden = Stub::reply(200, "").await;
    let port = forbidden.address.port();
    let names = Names::answering(&[&["127.0.0.1", "10.0.0.1"]]);
    let refused = get(&named(&["127.0.0.2/32"], &names), &format!("http://a.example:{port}/")).await.err();
    assert_eq!(refused, Some(GuardError::AddressNotAllowed));
    let names = Names::answering(&[&["10.0.0.1", "127.0.0.1"]]);
    let answer = get(&named(&["127.0.0.1/32"], &names), &format!("http://a.example:{port}/")).await;
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_asked_once_and_judged_each_time() {
    let stub = Stub::reply(200, "").await;
    let url = format!("http://rebind.example:{}/", stub.address.port());
    let names = Names::answering(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let http = named(&["127.0.0.1/32"], &names);
    assert_eq!(get(&http, &url).await.unwrap().status, 200);
    assert_eq!(names.asked(), 1, "the address that was judged is the one that was used");
    assert_eq!(get(&http, &url).await.err(), Some(GuardError::AddressNotAllowed));
    assert_eq!((names.asked(), stub.connections()), (2, 1));
}

#[tokio::test]
async fn http_goes_only_to_networks_that_the_operator_named() {
    let names = Names::answering(&[&["8.8.8.8"]]);
    let refused = get(&named(LOOPBACK, &names), "http://public.example/").await.err();
    assert_eq!(refused, Some(GuardError::AddressNotAllowed));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let inner = Stub::reply(200, "metadata").await;
    for location in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        inner.url("/"),
    ] {
        let headers = vec![("location".to_owned(), location)];
        let stub = Stub::start(Play::Reply(Reply { status: 302, headers, body: String::new() })).await;
        assert_eq!(get(&system(LOOPBACK), &stub.url("/")).await.unwrap().status, 302);
    }
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn waiting_ends_at_the_limit_however_the_server_drags_on() {
    for play in [Play::Hang, Play::Drip] {
        let stub = Stub::start(play).await;
        let http = client(config(LOOPBACK, SHORT), &SystemLookup::shared());
        assert_eq!(get(&http, &stub.url("/")).await.err(), Some(GuardError::Timeout));
        assert_eq!(stub.connections(), 1);
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let stub = Stub::start(Play::Flood).await;
    let answer = get(&system(LOOPBACK), &stub.url("/")).await.unwrap();
    assert_eq!((answer.body.len(), answer.cut), (HttpConfig::default().body_limit, true));
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_whole() {
    let stub = Stub::reply(200, "x".repeat(10)).await;
    let config = HttpConfig { body_limit: 10, ..config(LOOPBACK, PATIENT) };
    let answer = get(&client(config, &SystemLookup::shared()), &stub.url("/")).await.unwrap();
    assert_eq!((answer.body.len(), answer.cut), (10, false));
}

#[tokio::test]
async fn no_connection_is_kept_for_later() {
    let stub = Stub::reply(204, "").await;
    let http = system(LOOPBACK);
    for _ in 0..2 {
        get(&http, &stub.url("/")).await.unwrap();
    }
    assert_eq!(stub.connections(), 2);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let gone = Stub::reply(200, "").await.url("/");
    assert_eq!(get(&system(LOOPBACK), &gone).await.err(), Some(GuardError::Unreachable));
    let unknown = named(LOOPBACK, &Arc::default());
    assert_eq!(get(&unknown, "https://nonesuch.example/").await.err(), Some(GuardError::Unreachable));
}

#[tokio::test]
async fn a_slow_host_does_not_hold_back_another() {
    let (slow, quick) = (Stub::start(Play::Hang).await, Stub::reply(200, "").await);
    let config = HttpConfig { per_host: 1, at_once: 2, ..config(LOOPBACK, PATIENT) };
    let http = Arc::new(client(config, &SystemLookup::shared()));
    let stuck: Vec<_> = (0..20)
        .map(|_| {
            let (http, url) = (http.clone(), slow.url("/"));
            tokio::spawn(async move { get(&http, &url).await.map(|answer| answer.status) })
        })
        .collect();
    while slow.connections() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&http, &quick.url("/")).await.unwrap().status, 200);
    assert_eq!(slow.connections(), 1, "one at a time");
    stuck.into_iter().for_each(|task| task.abort());
}

/// The test above, again in a process whose environment names a proxy that is not there.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "guard::a_request_reaches_an_allowed_network"])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// A server whose certificate is for `git.example`, and the authority that signed it.
async fn tls_stub() -> (Stub, Vec<u8>) {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server =
        CertificateParams::new(["git.example".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![server.der().clone()], key.serialize_der().try_into().unwrap());
    let reply = Play::Reply(Reply { status: 200, ..Reply::default() });
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    (Stub::serve(reply, "127.0.0.1", Some(acceptor)).await, authority.pem().into_bytes())
}

#[tokio::test]
async fn tls_is_checked_for_the_name_while_the_judged_address_is_dialled() {
    let (stub, roots) = tls_stub().await;
    let port = stub.address.port();
    let trusting = |extra_roots| {
        let config = HttpConfig { extra_roots, ..config(LOOPBACK, PATIENT) };
        let names: Arc<dyn Lookup> = Names::answering(&[&["127.0.0.1"]]);
        client(config, &names)
    };
    let http = trusting(roots);
    assert_eq!(get(&http, &format!("https://git.example:{port}/")).await.unwrap().status, 200);
    let other = get(&http, &format!("https://other.example:{port}/")).await.err();
    assert_eq!(other, Some(GuardError::NotTrusted));
    let stranger = get(&trusting(vec![]), &format!("https://git.example:{port}/")).await.err();
    assert_eq!(stranger, Some(GuardError::NotTrusted));
}
