//! The sender of webhooks: each promise of its port.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use keytrail_ports::{SystemClock, WebhookAnswer, WebhookBusy, WebhookReply, WebhookRequest, WebhookSender};
use keytrail_test_support::{Reply, StubServer};
use keytrail_verify::{
    GuardedWebhookSender,
    guard::{GuardError, Lookup, SystemLookup},
};

use crate::harness::Names;

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

fn sender(allowed: &[&str], lookup: &Arc<dyn Lookup>) -> GuardedWebhookSender {
    keytrail_test_support::install_crypto();
    let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
    GuardedWebhookSender::new(allowed, lookup, Arc::new(SystemClock)).unwrap()
}

fn local() -> GuardedWebhookSender {
    sender(LOOPBACK, &SystemLookup::shared())
}

async fn send(sender: &GuardedWebhookSender, url: &str) -> WebhookAnswer {
    let headers = vec![("webhook-id", "1".to_owned())];
    sender.send(WebhookRequest { url, headers, body: b"{}".to_vec() }).await.unwrap()
}

async fn status(sender: &GuardedWebhookSender, url: &str) -> Result<u16, String> {
    send(sender, url).await.outcome.map(|reply| reply.status).map_err(|failure| failure.0)
}

#[tokio::test]
async fn it_posts_headers_and_body_and_reads_the_status() {
    let stub = StubServer::start().await;
    stub.on("POST", "/in", Reply::text(429, "slow down").header("retry-after", "7"));
    let answer = send(&local(), &stub.url("/in")).await;
    // A private network's answer is not kept.
    let wanted = WebhookReply { status: 429, retry_after: Some(7), excerpt: None };
    assert_eq!(answer.outcome, Ok(wanted));
    let seen = &stub.requests()[0];
    assert_eq!((seen.header("webhook-id"), seen.body.as_slice()), (Some("1"), b"{}".as_slice()));
}

#[tokio::test]
async fn only_redirects_that_keep_the_method_are_followed_and_at_most_three() {
    let stub = StubServer::start().await;
    stub.on("POST", "/end", Reply::status(204));
    for (from, to) in [("/1", "/end"), ("/2", "/1"), ("/3", "/2"), ("/4", "/3")] {
        stub.on("POST", from, Reply::redirect(to));
    }
    assert_eq!(status(&local(), &stub.url("/3")).await, Ok(204));
    assert_eq!(stub.requests().pop().map(|seen| seen.body), Some(b"{}".to_vec()));
    let failure = status(&local(), &stub.url("/4")).await.unwrap_err();
    assert!(failure.contains("more than 3"), "{failure}");
    stub.on("POST", "/see", Reply::status(303).header("location", "/end"));
    let before = stub.requests().len();
    assert_eq!(status(&local(), &stub.url("/see")).await, Ok(303));
    assert_eq!(stub.requests().len(), before + 1);
}

#[tokio::test]
async fn no_way_leads_to_an_address_that_is_not_allowed() {
    let stub = StubServer::start().await;
    stub.on("POST", "/in", Reply::status(204));
    let closed = sender(&[], &SystemLookup::shared());
    for url in [
        stub.url("/in"),
        "https://169.254.169.254/x".into(),
        "https://u:p@example.com/".into(),
        "ftp://example.com/".into(),
        "http://example.com/".into(),
        "/in".into(),
        String::new(),
    ] {
        assert!(closed.judge(&url).is_err() && send(&closed, &url).await.outcome.is_err(), "{url}");
    }
    for url in [
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "https://u@127.0.0.1/",
        "file:///etc/passwd",
    ] {
        stub.on("POST", "/away", Reply::redirect(url));
        let before = stub.requests().len();
        assert!(status(&local(), &stub.url("/away")).await.is_err(), "{url}");
        assert_eq!(stub.requests().len(), before + 1);
    }
    let names: Arc<dyn Lookup> = Names::answering(&[&["127.0.0.1"]]);
    let refused = status(&sender(&[], &names), "https://hooks.example/").await;
    assert!(refused.unwrap_err().contains("does not allow"));
    assert!(closed.judge("https://hooks.example/").is_ok());
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up() {
    let stub = StubServer::start().await;
    stub.on("POST", "/in", Reply::never());
    let failure = status(&local().within(Duration::from_millis(50)), &stub.url("/in")).await.unwrap_err();
    assert!(failure.contains("in time"), "{failure}");
}

/// A name service that cannot be asked, or that says something else.
struct Failing(fn() -> io::Error);

#[async_trait]
impl Lookup for Failing {
    async fn lookup(&self, _name: &str) -> io::Result<Vec<std::net::IpAddr>> {
        Err((self.0)())
    }
}

#[tokio::test]
async fn that_we_are_busy_is_no_failure_of_the_receiver() {
    let url = "https://hooks.example/";
    let request = || WebhookRequest { url, headers: vec![], body: b"{}".to_vec() };
    let busy: Arc<dyn Lookup> = Arc::new(Failing(|| io::Error::other(GuardError::Busy)));
    assert_eq!(sender(&[], &busy).send(request()).await, Err(WebhookBusy));
    let silent: Arc<dyn Lookup> = Arc::new(Failing(|| io::ErrorKind::TimedOut.into()));
    assert!(status(&sender(&[], &silent), url).await.unwrap_err().contains("in time"));
    let unknown: Arc<dyn Lookup> = Arc::new(Failing(|| io::ErrorKind::NotFound.into()));
    assert!(status(&sender(&[], &unknown), url).await.unwrap_err().contains("could not be reached"));
}
