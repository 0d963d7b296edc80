//! Both ends of the socket, with an application that only counts.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use keytrail_domain::{MemberId, SecretValue, TenantId, Timestamp};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::Notify,
    time::timeout,
};

use super::*;
use crate::{
    config::Mode,
    data_dir::{DataDir, Wanted, admin_socket},
    lifecycle::{Lifecycle, Stage, Weight},
};

/// Answers from what it was asked; a sweep waits until it is let go.
#[derive(Default)]
struct Fake {
    sweeping: Notify,
    let_go: Notify,
}

#[async_trait]
impl Admin for Fake {
    async fn create_tenant(&self, wish: CreateTenant) -> Result<CreatedTenant, AdminError> {
        if wish.slug == "taken" {
            return Err(AdminError::new(
                AdminCode::AlreadyExists,
                "the tenant is there",
                "take another name",
            ));
        }
        let owner = MemberId::from_uuid(TenantId::of_slug(&wish.owner).as_uuid());
        Ok(CreatedTenant { tenant: TenantId::of_slug(&wish.slug), owner })
    }

    async fn mint_token(&self, wish: MintToken) -> Result<MintedToken, AdminError> {
        let token = SecretValue::new(format!("{}/{}", wish.tenant, wish.subject));
        Ok(MintedToken {
            token,
            expires_at: Timestamp::EPOCH.plus_seconds(wish.ttl_seconds.try_into().unwrap()),
        })
    }

    async fn rebuild_views(&self, _: &ProgressSender) -> Result<RebuiltViews, AdminError> {
        panic!("a rebuild that breaks");
    }

    async fn sweep(&self, mode: SweepMode, progress: &ProgressSender) -> Result<Swept, AdminError> {
        progress.report(Progress { done: 1, total: Some(2) });
        self.sweeping.notify_one();
        self.let_go.notified().await;
        Ok(Swept { seen: 2, litter: u64::from(mode == SweepMode::Delete) })
    }

    async fn status(&self) -> Result<Status, AdminError> {
        Ok(Status { release: "1".into(), ready: true })
    }
}

struct Server {
    dir: DataDir,
    fake: Arc<Fake>,
    life: Lifecycle,
    _place: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&place.path().join("data"), Wanted::For(Mode::Serve)).unwrap();
        let (fake, life) = (Arc::new(Fake::default()), Lifecycle::new());
        let socket = AdminSocket::bind(&dir).unwrap();
        let serving = socket.serve(fake.clone(), life.clone());
        life.spawn(Stage::Intake, Weight::Vital, "admin socket", serving);
        Self { dir, fake, life, _place: place }
    }

    fn client(&self) -> SocketAdmin {
        SocketAdmin::of(self.dir.path())
    }

    fn socket(&self) -> std::path::PathBuf {
        admin_socket(self.dir.path())
    }

    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        // The server may answer and close before it has read everything.
        let _cut = stream.write_all(bytes).await;
        let mut line = String::new();
        let _reset = BufReader::new(stream).read_line(&mut line).await;
        line
    }
}

fn mint() -> MintToken {
    MintToken { tenant: "acme".into(), subject: "alice".into(), ttl_seconds: 60 }
}

#[tokio::test]
async fn what_the_application_answers_arrives() {
    let server = Server::start();
    let client = server.client();
    let minted = client.mint_token(mint()).await.unwrap();
    assert_eq!(minted.token.expose(), "acme/alice");
    assert_eq!(minted.expires_at.as_seconds(), 60);
    let wish = CreateTenant { slug: "acme".into(), owner: "alice".into(), owner_issuer: None };
    assert_eq!(client.create_tenant(wish).await.unwrap().tenant, TenantId::of_slug("acme"));
    assert!(client.status().await.unwrap().ready);
}

#[tokio::test]
async fn a_failure_arrives_with_its_code_and_hint() {
    let server = Server::start();
    let wish = CreateTenant { slug: "taken".into(), owner: "alice".into(), owner_issuer: None };
    let error = server.client().create_tenant(wish).await.unwrap_err();
    assert_eq!((error.code, error.hint.as_str()), (AdminCode::AlreadyExists, "take another name"));
}

#[tokio::test]
async fn progress_arrives_while_a_long_request_runs() {
    let server = Server::start();
    let (sender, mut reader) = progress();
    let client = server.client();
    let asked = tokio::spawn(async move { client.sweep(SweepMode::Delete, &sender).await });
    reader.changed().await;
    assert_eq!(reader.latest(), Progress { done: 1, total: Some(2) });
    server.fake.let_go.notify_one();
    assert_eq!(asked.await.unwrap(), Ok(Swept { seen: 2, litter: 1 }));
}

#[tokio::test]
async fn a_stop_ends_a_long_request_with_an_answer_and_takes_the_socket_away() {
    let server = Server::start();
    let client = server.client();
    let asked = tokio::spawn(async move { client.sweep(SweepMode::DryRun, &progress().0).await });
    server.fake.sweeping.notified().await;
    server.life.stop();
    let answer = timeout(Duration::from_secs(10), asked).await.unwrap();
    assert_eq!(answer.unwrap().unwrap_err().code, AdminCode::Unavailable);
    assert_eq!(server.life.finished().await, Ok(()));
    assert!(!server.socket().exists());
    assert_eq!(server.client().status().await.unwrap_err().code, AdminCode::Unavailable);
}

#[tokio::test]
async fn a_request_that_panics_costs_only_its_own_connection() {
    let server = Server::start();
    let error = server.client().rebuild_views(&progress().0).await.unwrap_err();
    assert_eq!(error.code, AdminCode::Unavailable);
    assert!(server.client().status().await.unwrap().ready);
}

#[tokio::test]
async fn only_our_user_can_open_the_socket() {
    let server = Server::start();
    let mode = std::fs::metadata(server.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_that_a_killed_server_left_is_replaced() {
    let place = tempfile::tempdir().unwrap();
    let dir = DataDir::open(&place.path().join("data"), Wanted::For(Mode::Serve)).unwrap();
    std::os::unix::net::UnixListener::bind(admin_socket(dir.path())).unwrap();
    AdminSocket::bind(&dir).unwrap();
}

#[tokio::test]
async fn another_version_nonsense_and_a_line_too_long_are_answered_and_not_quoted() {
    let server = Server::start();
    let newer = server.raw(b"{\"version\":2,\"message\":{\"type\":\"s3cr3t\"}}\n").await;
    assert!(newer.contains("version 2") && newer.contains("same release"), "{newer}");
    let long = vec![b's'; 200 * 1024];
    for bad in [&b"s3cr3t\n"[..], b"{\"version\":1,\"message\":{\"type\":\"s3cr3t\"}}\n", b"\xff\n", &long] {
        let answer = server.raw(bad).await;
        assert!(!answer.contains("s3cr3t") && !answer.contains("sss"), "{answer}");
        assert!(bad == long || answer.contains("failed"), "{answer}");
    }
    assert!(server.client().status().await.is_ok());
}

#[tokio::test]
async fn more_conversations_than_seats_are_turned_away() {
    let server = Server::start();
    let mut held = Vec::new();
    let turned_away = loop {
        let mut stream = UnixStream::connect(server.socket()).await.unwrap();
        let line = format!("{}\n", r#"{"version":1,"message":{"type":"sweep","mode":"dryRun"}}"#);
        let _cut = stream.write_all(line.as_bytes()).await;
        let mut first = [0; 1];
        match stream.read(&mut first).await {
            Ok(1) => held.push(stream), // its first progress line: it has a seat
            _ => break held.len(),
        }
    };
    assert_eq!(turned_away, 8);
}

#[tokio::test]
async fn nobody_at_the_socket_is_said_with_its_path() {
    let error = SocketAdmin::of(Path::new("/nowhere")).status().await.unwrap_err();
    assert!(error.message.contains("/nowhere/"), "{error}");
}

#[test]
fn a_token_is_printed_in_no_debug_text() {
    let minted = MintedToken { token: SecretValue::new("s3cr3t".into()), expires_at: Timestamp::EPOCH };
    assert!(!format!("{:?}", AdminReply::Done(AdminAnswer::Token(minted))).contains("s3cr3t"));
}
