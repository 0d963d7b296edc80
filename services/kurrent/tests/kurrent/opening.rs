//! Opening: what is there, what is not, and what is somebody else's.

use eventstore::{AppendToStreamOptions, Client, EventData};
use keytrail_eventstore_double::{Double, Rights};
use keytrail_kurrent::{KurrentEventStore, OpenError, Settings};
use keytrail_ports::EventStore;
use keytrail_test_support::Authority;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{double, opened};

async fn refused(address: &str) -> OpenError {
    let settings = Settings::parse(address).expect("an address");
    KurrentEventStore::open(settings).await.err().unwrap_or_else(|| panic!("{address} opened"))
}

#[tokio::test]
async fn a_log_is_the_same_for_all_who_open_it() {
    let double = double().await;
    let address = double.url();
    let (one, other) = tokio::join!(opened(&address), opened(&address));
    let id = one.log_id().await.unwrap();
    assert_eq!(other.log_id().await.unwrap(), id);
    double.restart().await.unwrap();
    assert_eq!(opened(&double.url()).await.log_id().await.unwrap(), id);
    assert_eq!(double.events("keytrail-log").len(), 1);
}

#[tokio::test]
async fn where_nobody_is_the_place_is_named_and_no_password() {
    let double = double().await;
    double.stop().await;
    let error = refused(&double.url_of("keytrail", "s3cr3t")).await;
    let text = error.to_string();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains(&format!("nothing listens at 127.0.0.1:{}", double.port())), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
    let text = refused("esdb://keytrail:s3cr3t@nowhere.invalid?tls=false").await.to_string();
    assert!(text.contains("the host nowhere.invalid is not known"), "{text}");
}

#[tokio::test]
async fn whoever_may_not_is_told_what_he_needs() {
    let double = double().await;
    double.users(&[("writer", "right", Rights::Write), ("reader", "right", Rights::Read)]);
    for address in [double.url(), double.url_of("writer", "wrong"), double.url_of("reader", "right")] {
        let error = refused(&address).await;
        assert!(matches!(error, OpenError::Denied { .. }), "{address}: {error}");
    }
    opened(&double.url_of("writer", "right")).await;
    let error = refused(&double.url_of("reader", "right")).await;
    assert!(matches!(error, OpenError::Denied { .. }), "also when there is nothing to be made: {error}");
    assert_eq!(double.events("keytrail-log").len(), 1);
}

#[tokio::test]
async fn every_sign_of_a_password_that_is_taken_arrives() {
    let double = double().await;
    let password = "aZ0-._~!$*+&'()";
    double.users(&[("writer-1", password, Rights::Write)]);
    opened(&double.url_of("writer-1", password)).await;
}

#[tokio::test]
async fn a_log_of_somebody_else_is_refused() {
    let double = double().await;
    let client = Client::new(double.url().parse().unwrap()).unwrap();
    let event = EventData::json("Else", &json!({ "is": "theirs" })).unwrap();
    client.append_to_stream("keytrail-log", &AppendToStreamOptions::default(), event).await.unwrap();
    let error = refused(&double.url()).await;
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_file_that_was_named() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let identity = ours.identity(&["127.0.0.1"]);
    let double = Double::builder().tls(&identity.certificate, &identity.key).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        format!("{}&tlsCaFile={}", double.url(), path.display())
    };
    opened(&file("ours.pem", &ours)).await;
    let elsewhere = file("ours.pem", &ours).replace("127.0.0.1", "localhost");
    let plain = double.url().replace("tls=true", "tls=false");
    for (address, part) in [
        (file("theirs.pem", &theirs), "`tlsCaFile`"),
        (double.url(), "`tlsCaFile`"),
        (elsewhere, "for this host"),
        (plain, "speaks TLS: write `tls=true`"),
    ] {
        let error = refused(&address).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(part), "{address}: {error}");
    }
}

#[tokio::test]
async fn of_several_hosts_those_are_named_that_do_not_answer() {
    let (well, gone) = (double().await, double().await);
    gone.stop().await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", well.port(), gone.port());
    // A follower of nobody: the client finds no leader, though a host answers.
    well.follow("127.0.0.1", gone.port());
    let error = refused(&format!("esdb://{hosts}?tls=false&nodePreference=leader")).await.to_string();
    assert!(error.contains(&hosts), "{error}");
    assert!(error.contains(&format!("nothing listens at 127.0.0.1:{}", gone.port())), "{error}");
    assert!(!error.contains(&format!("nothing listens at 127.0.0.1:{}", well.port())), "{error}");
}

/// Whoever begins TLS is told that it cannot be agreed on: the alert `handshake_failure` of RFC 8446, 6.
async fn disagreeing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 5];
            let _begun = stream.read_exact(&mut hello).await;
            let _told = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
            let _closed = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_ends_tls_is_not_taken_for_one_in_the_clear() {
    let port = disagreeing().await;
    let error = refused(&format!("esdb://127.0.0.1:{port}?tls=true")).await.to_string();
    assert!(error.contains(&format!("TLS with 127.0.0.1:{port} does not come about")), "{error}");
    assert!(!error.contains("tls=false"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_nobody_checks_is_no_reason() {
    let identity = Authority::new().identity(&["elsewhere.example"]);
    let double = Double::builder().tls(&identity.certificate, &identity.key).start().await.unwrap();
    let address = format!("{}&tlsVerifyCert=false", double.url());
    opened(&address).await;
    double.users(&[("writer", "right", Rights::Write)]);
    let error = refused(&address).await;
    assert!(matches!(error, OpenError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_server_in_the_clear_is_told_from_one_with_tls() {
    let double = double().await;
    let error = refused(&double.url().replace("tls=false", "tls=true")).await;
    assert!(error.to_string().contains("does not speak TLS: is it `tls=false`?"), "{error}");
}
