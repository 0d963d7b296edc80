//! Attempts to get out through the dialer, which must be as closed as HTTP.

use std::sync::Arc;

use keytrail_test_support::Authority;
use keytrail_verify::guard::{
    AllowedHosts, Dialer, GuardError, HttpConfig, Lookup, SystemLookup, Target, Transport, Trust,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{Names, PATIENT, SHORT, client, config};

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

fn dialer(allowed: &[&str], names: &Arc<Names>) -> Dialer {
    let lookup: Arc<dyn Lookup> = names.clone();
    Dialer::beside(&client(config(allowed, PATIENT), &lookup))
}

fn to(host: &str, port: u16, transport: Transport) -> Target<'_> {
    Target { host, port, usual_port: 5432, transport }
}

/// Dials with the very host allowed, so that only the address can be what is refused.
async fn refusal(dialer: &Dialer, host: &str, port: u16, transport: Transport) -> Option<GuardError> {
    let bracketed = if host.matches(':').count() > 1 && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    dialer.dial(to(host, port, transport), &AllowedHosts::new(&[bracketed])).await.err()
}

#[tokio::test]
async fn no_way_of_writing_an_inner_address_gets_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = Names::answering(&[&["8.8.8.8"]]);
    let closed = dialer(&[], &names);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "168.63.129.16",
        "::",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        for transport in [Transport::Encrypted, Transport::Plain] {
            let refused = refusal(&closed, host, port, transport).await;
            assert_eq!(refused, Some(GuardError::AddressNotAllowed), "{host}");
        }
    }
    assert_eq!(names.asked(), 0, "an address is judged, and not looked up");
}

#[tokio::test]
async fn what_is_no_host_is_no_allowed_host() {
    let names = Names::answering(&[&["127.0.0.1"]]);
    let open = dialer(LOOPBACK, &names);
    for host in [
        "fe80::1%eth0",
        "[fe80::1%25eth0]",
        "user@db.example",
        "user:pass@db.example",
        "db.example:5432",
        "db.example/",
        "db.example..",
        "*",
        "*.example",
        "",
        " ",
        "db example",
        "db.example\r\n",
    ] {
        let refused = refusal(&open, host, 5432, Transport::Encrypted).await;
        assert_eq!(refused, Some(GuardError::HostNotAllowed), "{host:?}");
    }
    assert_eq!(names.asked(), 0);
}

#[tokio::test]
async fn only_the_hosts_of_the_credential_are_reached_on_their_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = dialer(LOOPBACK, &Names::answering(&[&["127.0.0.1"]]));
    let dial = async |entry: &str, host: &str, usual_port: u16| {
        let hosts = AllowedHosts::new(&[entry]);
        let target = Target { host, port, usual_port, transport: Transport::Encrypted };
        open.dial(target, &hosts).await.err()
    };
    let with_port = format!("db.example:{port}");
    for (entry, host, usual_port) in [
        (with_port.as_str(), "db.example", 5432),
        (with_port.as_str(), "DB.Example.", 5432),
        ("DB.example.", "db.example", port),
    ] {
        assert_eq!(dial(entry, host, usual_port).await, None, "{entry} {host}");
    }
    for (entry, host) in [
        ("db.example", "db.example"),
        ("db.example:1", "db.example"),
        (with_port.as_str(), "example"),
        (with_port.as_str(), "db.example.evil.example"),
        (with_port.as_str(), "127.0.0.1"),
    ] {
        assert_eq!(dial(entry, host, 5432).await, Some(GuardError::HostNotAllowed), "{entry} {host}");
    }
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // A name that is good when it is judged, and another machine's when it is asked again.
    let names = Names::answering(&[&["127.0.0.1"], &["127.0.0.2"], &["169.254.169.254"]]);
    let dialer = dialer(&["127.0.0.1/32"], &names);
    assert_eq!(refusal(&dialer, "rebind.example", port, Transport::Encrypted).await, None);
    assert_eq!(names.asked(), 1);
    for _ in 0..2 {
        let refused = refusal(&dialer, "rebind.example", port, Transport::Encrypted).await;
        assert_eq!(refused, Some(GuardError::AddressNotAllowed));
    }
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_public_name_with_an_inner_address_is_refused() {
    for address in
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "64:ff9b::a00:1", "::ffff:10.0.0.1"]
    {
        let dialer = dialer(&[], &Names::answering(&[&[address]]));
        let refused = refusal(&dialer, "public.example", 5432, Transport::Encrypted).await;
        assert_eq!(refused, Some(GuardError::AddressNotAllowed), "{address}");
    }
}

#[tokio::test]
async fn in_the_clear_it_goes_only_to_networks_that_the_operator_named() {
    let public = dialer(LOOPBACK, &Names::answering(&[&["8.8.8.8"]]));
    let refused = refusal(&public, "public.example", 5432, Transport::Plain).await;
    assert_eq!(refused, Some(GuardError::AddressNotAllowed));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hosts = AllowedHosts::new(&[format!("127.0.0.1:{port}")]);
    let open = dialer(LOOPBACK, &Arc::default());
    let dialled = open.dial(to("127.0.0.1", port, Transport::Encrypted), &hosts).await.ok().unwrap();
    assert!(dialled.in_the_clear().is_err(), "what was dialled for TLS cannot be used without it");
    let dialled = open.dial(to("127.0.0.1", port, Transport::Plain), &hosts).await.ok().unwrap();
    assert!(dialled.in_the_clear().is_ok());
}

#[tokio::test]
async fn a_handshake_that_nobody_answers_ends_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let http = client(config(LOOPBACK, SHORT), &SystemLookup::shared());
    let dialer = Dialer::beside(&http);
    let hosts = AllowedHosts::new(&[format!("127.0.0.1:{port}")]);
    let dialled = dialer.dial(to("127.0.0.1", port, Transport::Encrypted), &hosts).await.ok().unwrap();
    let authority = Authority::new().pem();
    assert_eq!(dialled.secured(Trust::Only(&authority)).await.err(), Some(GuardError::Timeout));
    let (mut stream, _) = listener.accept().await.unwrap();
    assert!(stream.read(&mut [0; 1]).await.unwrap() > 0, "the handshake began");
}

#[tokio::test]
async fn connections_count_towards_the_limits_of_the_client_until_they_are_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = HttpConfig { per_host: 1, ..config(LOOPBACK, SHORT) };
    let dialer = Dialer::beside(&client(limits, &SystemLookup::shared()));
    let hosts = AllowedHosts::new(&[format!("127.0.0.1:{port}")]);
    let target = to("127.0.0.1", port, Transport::Plain);
    let first = dialer.dial(target, &hosts).await.ok().unwrap().in_the_clear().unwrap();
    assert_eq!(dialer.dial(target, &hosts).await.err(), Some(GuardError::Timeout), "no place is free");
    drop(first);
    assert!(dialer.dial(target, &hosts).await.is_ok());
}

#[tokio::test]
async fn a_server_that_sends_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sending = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Until the other side has gone.
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    });
    let hosts = AllowedHosts::new(&[format!("127.0.0.1:{port}")]);
    let open = dialer(LOOPBACK, &Arc::default());
    let dialled = open.dial(to("127.0.0.1", port, Transport::Plain), &hosts).await.ok().unwrap();
    let mut wire = dialled.in_the_clear().unwrap();
    let mut read = vec![0; 1 << 20];
    let refused = wire.read_exact(&mut read).await.unwrap_err();
    assert!(refused.to_string().contains("more than a login needs"), "{refused}");
    drop(wire);
    sending.await.unwrap();
}
