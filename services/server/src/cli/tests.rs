//! Commands on an application that only remembers what it was asked.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use keytrail_domain::{MemberId, SecretValue, TenantId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::*;
use crate::{
    admin::{
        Admin, AdminCode, AdminError, CreateTenant, CreatedTenant, MintToken, MintedToken, ProgressSender,
        RebuiltViews, SocketAdmin, Status, SweepMode, Swept,
    },
    data_dir::{DataDir, Wanted},
    launch::{CopiedLog, CopyProgress, StartError, Wired},
    lifecycle::{Failed, Stage, Weight},
};

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    tenants: Vec<String>,
    opened: u32,
    closed: u32,
}

#[async_trait]
impl Admin for Fake {
    async fn create_tenant(&self, wish: CreateTenant) -> Result<CreatedTenant, AdminError> {
        let mut asked = self.0.lock();
        if asked.tenants.contains(&wish.slug) {
            return Err(AdminError::new(
                AdminCode::AlreadyExists,
                "there is such a tenant",
                "take another name",
            ));
        }
        let tenant = TenantId::of_slug(&wish.slug);
        asked.tenants.push(wish.slug);
        Ok(CreatedTenant { tenant, owner: MemberId::from_uuid(tenant.as_uuid()) })
    }

    async fn mint_token(&self, wish: MintToken) -> Result<MintedToken, AdminError> {
        let token =
            SecretValue::new(format!("token-of-{}-{}-{}", wish.tenant, wish.subject, wish.ttl_seconds));
        Ok(MintedToken { token, expires_at: Timestamp::EPOCH })
    }

    async fn rebuild_views(&self, _: &ProgressSender) -> Result<RebuiltViews, AdminError> {
        Ok(RebuiltViews { events: 7 })
    }

    async fn sweep(&self, mode: SweepMode, _: &ProgressSender) -> Result<Swept, AdminError> {
        Ok(Swept { seen: 5, litter: if mode == SweepMode::Delete { 2 } else { 3 } })
    }

    async fn status(&self) -> Result<Status, AdminError> {
        Ok(Status { release: "1".into(), ready: true })
    }
}

#[async_trait]
impl Wired for Fake {
    fn admin(&self) -> Arc<dyn Admin> {
        Arc::new(self.clone())
    }

    async fn listen(&self, life: &Lifecycle) -> Result<SocketAddr, StartError> {
        let stopping = life.stopping(Stage::Intake);
        life.spawn(Stage::Intake, Weight::Vital, "http", async move { stopping.cancelled().await });
        Ok((Ipv4Addr::LOCALHOST, 4711).into())
    }

    async fn close(&self) {
        self.0.lock().closed += 1;
    }
}

#[async_trait]
impl Launcher for Fake {
    async fn open(&self, _: Arc<Config>, _: &DataDir, _: &Lifecycle) -> Result<Box<dyn Wired>, StartError> {
        self.0.lock().opened += 1;
        Ok(Box::new(self.clone()))
    }

    async fn copy_log(
        &self,
        _: &Config,
        _: &DataDir,
        to: &SecretValue,
        told: &(dyn Fn(CopyProgress) + Sync),
    ) -> Result<CopiedLog, StartError> {
        told(CopyProgress { what: "events copied", done: 3, total: Some(3) });
        Ok(CopiedLog { events: 3, there_before: 1, entries: 2, place: to.expose().to_owned() })
    }

    async fn claim_vault(&self, _: &Config, _: &DataDir, _: uuid::Uuid) -> Result<uuid::Uuid, StartError> {
        Ok(uuid::Uuid::from_u128(7))
    }

    fn schema(&self) -> Result<String, StartError> {
        Ok("type Query".into())
    }
}

struct Place {
    _dir: tempfile::TempDir,
    data: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Place { _dir: dir, data }
}

fn config(data: &Path) -> Config {
    let pair = ("KEYTRAIL_DATA_DIR".into(), data.into());
    Config::load(None, &Environment::of([pair]).unwrap()).unwrap()
}

/// What the other end of a pipe would read.
struct Pipe(mpsc::UnboundedSender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Running {
    life: Lifecycle,
    printed: mpsc::UnboundedReceiver<Vec<u8>>,
    end: tokio::task::JoinHandle<Result<(), Failure>>,
}

/// A server in this process, as `keytrail serve` or `keytrail dev` would run it.
fn start(fake: &Fake, data: &Path, mode: Mode) -> Running {
    let (sender, printed) = mpsc::unbounded_channel();
    let (life, fake) = (Lifecycle::new(), fake.clone());
    let config = config(data).in_mode(mode).unwrap();
    let of_server = life.clone();
    let end =
        tokio::spawn(async move { serve::run(config, mode, &fake, &of_server, &mut Pipe(sender)).await });
    Running { life, printed, end }
}

impl Running {
    /// Everything printed up to a text.
    async fn printed_until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            let more = self.printed.recv().await.expect("the server ended before it printed that");
            seen.push_str(&String::from_utf8(more).unwrap());
        }
        seen
    }
}

async fn token(fake: &Fake, config: Config) -> Result<String, Failure> {
    let cli = Cli::try_parse_from(["keytrail", "token", "--tenant", "acme", "--user", "alice"]).unwrap();
    let Command::Token(args) = cli.command else { panic!("another command") };
    let mut out = Vec::new();
    token::run(args, config, fake, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

async fn create_tenant(fake: &Fake, config: Config) -> Result<String, Failure> {
    let command =
        tenant::TenantCommand::Create { name: "acme".into(), owner: "alice".into(), owner_issuer: None };
    let mut out = Vec::new();
    tenant::run(command, config, fake, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn serve_says_where_it_listens_answers_admins_and_closes_the_stores_last() {
    let (place, fake) = (place(), Fake::default());
    let mut server = start(&fake, &place.data, Mode::Serve);
    assert_eq!(server.printed_until("\n").await, "listening on http://127.0.0.1:4711\n");
    assert!(server.life.is_ready());
    assert!(SocketAdmin::of(&place.data).status().await.unwrap().ready);
    assert_eq!(fake.0.lock().closed, 0);
    server.life.stop();
    assert_eq!(server.end.await.unwrap(), Ok(()));
    assert_eq!(fake.0.lock().closed, 1);
}

#[tokio::test]
async fn a_server_whose_vital_task_ends_fails() {
    let (place, fake) = (place(), Fake::default());
    let mut server = start(&fake, &place.data, Mode::Serve);
    server.printed_until("\n").await;
    server.life.fail("the event log");
    assert_eq!(server.end.await.unwrap(), Err(Failed("the event log").into()));
}

#[tokio::test]
async fn dev_makes_the_demo_tenant_once_and_prints_link_token_and_curl() {
    let (place, fake) = (place(), Fake::default());
    for _ in 0..2 {
        let mut server = start(&fake, &place.data, Mode::Dev);
        let printed = server.printed_until("--user alice\n").await;
        assert!(printed.starts_with("listening on http://127.0.0.1:4711\n"), "{printed}");
        assert!(printed.contains("http://127.0.0.1:4711/graphiql\n"), "{printed}");
        assert!(printed.contains("\ntoken-of-acme-alice-43200\n"), "{printed}");
        assert!(printed.contains("\ncurl -s http://127.0.0.1:4711/graphql "), "{printed}");
        server.life.stop();
        assert_eq!(server.end.await.unwrap(), Ok(()));
    }
    assert_eq!(fake.0.lock().tenants, ["acme"]);
}

#[tokio::test]
async fn an_admin_command_asks_the_server_that_holds_the_directory() {
    let (place, fake) = (place(), Fake::default());
    let mut server = start(&fake, &place.data, Mode::Serve);
    server.printed_until("\n").await;
    let unused = Fake::default();
    assert_eq!(token(&unused, config(&place.data)).await.unwrap(), "token-of-acme-alice-3600\n");
    assert_eq!(unused.0.lock().opened, 0);
    server.life.stop();
    server.end.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_admin_command_opens_and_releases_the_directory_when_no_server_runs() {
    let (place, fake) = (place(), Fake::default());
    let made = create_tenant(&fake, config(&place.data)).await.unwrap();
    assert!(made.starts_with("tenant acme is ten_"), "{made}");
    assert_eq!(token(&fake, config(&place.data)).await.unwrap(), "token-of-acme-alice-3600\n");
    let times = {
        let asked = fake.0.lock();
        (asked.opened, asked.closed)
    };
    assert_eq!(times, (2, 2));
    assert_eq!(create_tenant(&fake, config(&place.data)).await.unwrap_err().hint, "take another name");
    DataDir::open(&place.data, Wanted::For(Mode::Serve)).unwrap();
}

#[tokio::test]
async fn a_token_without_a_data_directory_is_refused_and_makes_none() {
    let (place, fake) = (place(), Fake::default());
    let failure = token(&fake, config(&place.data)).await.unwrap_err();
    assert!(failure.message.contains(place.data.to_str().unwrap()), "{failure}");
    assert!(!place.data.exists());
}

#[tokio::test]
async fn a_holder_that_does_not_answer_is_said() {
    let (place, fake) = (place(), Fake::default());
    let _held = DataDir::open(&place.data, Wanted::For(Mode::Serve)).unwrap();
    let failure = token(&fake, config(&place.data)).await.unwrap_err();
    assert!(failure.message.contains("nobody answers"), "{failure}");
}

#[tokio::test]
async fn rebuild_and_sweep_say_what_they_did() {
    let (place, fake) = (place(), Fake::default());
    create_tenant(&fake, config(&place.data)).await.unwrap();
    let mut out = Vec::new();
    views::run(views::ViewsCommand::Rebuild, config(&place.data), &fake, &mut out).await.unwrap();
    for dry_run in [true, false] {
        let command = vault::VaultCommand::Sweep { dry_run };
        vault::run(command, config(&place.data), &fake, &mut out).await.unwrap();
    }
    let said = String::from_utf8(out).unwrap();
    assert_eq!(said, "rebuilt from 7 events\nwould delete 3 of 5 secrets\ndeleted 2 of 5 secrets\n");
}

#[test]
fn the_schema_is_printed_as_it_is() {
    let mut out = Vec::new();
    schema::run(&Fake::default(), &mut out).unwrap();
    assert_eq!(out, b"type Query");
}
