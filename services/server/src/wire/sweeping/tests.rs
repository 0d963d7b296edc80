//! The daily sweep under a clock that is moved by hand.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use keytrail_app::{NewTenant, Options, Projections, SteadyClock};
use keytrail_domain::{Position, SecretPayload, SecretRef, policy::PolicyText};
use keytrail_policy::{CasbinAuthorizer, DEFAULT_ENTRIES, PolicyFiles};
use keytrail_ports::{
    DeploymentMark, SecretStore, SystemIds,
    memory::{MemoryEventStore, MemoryJournal, MemorySecretStore, VaultTrouble},
    views::Projector,
};
use keytrail_sqlite::SqliteViews;
use keytrail_verify::{
    Catalog, ComponentVerifier, GuardedTokenServer, GuardedWebhookSender, VerifyConfig, guard::SystemLookup,
};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::*;

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// What outlives a process.
#[derive(Clone)]
struct Kept {
    clock: Arc<HandClock>,
    log: Arc<MemoryEventStore>,
    journal: Arc<MemoryJournal>,
    vault: Arc<MemorySecretStore>,
}

/// A process.
struct Node {
    kept: Kept,
    app: App,
    ports: Ports,
    _projecting: DropGuard,
}

impl Node {
    /// A process with a tenant.
    async fn first() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_000_000)));
        let vault = Arc::new(MemorySecretStore::with_clock(clock.clone()));
        let node = Self::start(Kept { clock, log: Arc::default(), journal: Arc::default(), vault }).await;
        let new = NewTenant {
            slug: "acme".into(),
            name: "Acme".into(),
            owner_subject: "alice".into(),
            owner_issuer: None,
            owner_profile: None,
        };
        node.app.create_tenant(new).await.unwrap();
        node
    }

    /// The same log, journal and vault in another process.
    async fn again(&self) -> Self {
        Self::start(self.kept.clone()).await
    }

    async fn start(kept: Kept) -> Self {
        keytrail_test_support::install_crypto();
        let clock = Arc::new(SteadyClock::new(kept.clock.clone()));
        let views = Arc::new(SqliteViews::in_memory(Projections.version()).await.unwrap());
        let files = PolicyFiles::builtin();
        let authorizer =
            CasbinAuthorizer::load(&files, views.clone(), clock.clone(), DEFAULT_ENTRIES).await.unwrap();
        let ports = Ports {
            log: kept.log.clone(),
            journal: kept.journal.clone(),
            views,
            secrets: kept.vault.clone(),
            authorizer: Arc::new(authorizer),
            tokens: Arc::new(GuardedTokenServer::new(Vec::new(), &SystemLookup::shared()).unwrap()),
            webhooks: Arc::new(
                GuardedWebhookSender::new(Vec::new(), &SystemLookup::shared(), clock.clone()).unwrap(),
            ),
            verifier: Arc::new(ComponentVerifier::new(VerifyConfig::default(), clock.clone()).unwrap()),
            components: Arc::new(Catalog::load().unwrap()),
            clock,
            ids: Arc::new(SystemIds),
        };
        let policy = PolicyText { model: files.model.text, roles: files.roles.text };
        let app = App::new(ports.clone(), Options { default_issuer: "test".into(), policy }).await.unwrap();
        let stop = CancellationToken::new();
        let (projecting, until) = (app.clone(), stop.clone());
        tokio::spawn(async move { projecting.run_projections(until).await });
        app.caught_up().await;
        Self { kept, app, ports, _projecting: stop.drop_guard() }
    }

    fn forward(&self, seconds: i64) {
        self.kept.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// What the upkeep does every ten minutes.
    async fn round(&self) {
        upkeep::round(&self.app, &self.ports, &mut Refusal::default()).await;
    }

    /// A secret that no event names.
    async fn litter(&self) -> SecretRef {
        let id = self.ports.ids.fresh(self.ports.clock.now());
        let at = SecretRef { tenant: TenantId::of_slug("acme"), owner: id, secret: SecretId::from_uuid(id) };
        self.kept.vault.put(at, &SecretPayload::default()).await.unwrap();
        at
    }

    async fn has(&self, at: SecretRef) -> bool {
        self.kept.vault.get(at).await.is_ok()
    }
}

#[tokio::test]
async fn the_first_sweep_comes_a_day_after_the_first_start() {
    let node = Node::first().await;
    let litter = node.litter().await;
    node.forward(2 * DAY);
    node.round().await;
    node.forward(DAY - 1);
    node.round().await;
    assert!(node.has(litter).await, "no sweep at the start");
    node.forward(1);
    node.round().await;
    assert!(!node.has(litter).await);
    let root = node.ports.views.tenant(TenantId::of_slug("acme")).await.unwrap().unwrap().keys;
    assert!(node.has(root).await, "what an event names stays");
    let note = SecretRef { owner: Uuid::from_u128(1), ..root };
    node.kept.vault.put(note, &SecretPayload::default()).await.unwrap();
    node.forward(2 * DAY);
    node.round().await;
    assert!(node.has(note).await, "and so does the note that its fingerprint leaves");
}

#[tokio::test]
async fn starts_neither_postpone_a_sweep_nor_repeat_it() {
    let node = Node::first().await;
    let litter = node.litter().await;
    node.forward(1);
    node.round().await;
    for _ in 0..3 {
        node.forward(DAY / 2);
        node.again().await.round().await;
    }
    assert!(!node.has(litter).await, "starts twice a day do not put it off");
    let litter = node.litter().await;
    node.forward(DAY / 2 + 1);
    node.again().await.round().await;
    node.forward(DAY / 2 - 1);
    node.again().await.round().await;
    assert!(node.has(litter).await, "swept when it was young, and the next one is not due yet");
    node.forward(DAY / 2 + 1);
    node.again().await.round().await;
    assert!(!node.has(litter).await);
}

#[tokio::test]
async fn a_sweep_by_hand_counts() {
    let node = Node::first().await;
    node.round().await;
    node.forward(DAY - 1);
    sweep(&node.app, &node.ports, SweepMode::DryRun).await.unwrap();
    assert!(sweep_if_due(&node.app, &node.ports).await.unwrap().is_none());
    sweep(&node.app, &node.ports, SweepMode::Hide).await.unwrap();
    node.forward(1);
    assert!(sweep_if_due(&node.app, &node.ports).await.unwrap().is_none());
    node.forward(DAY - 1);
    assert!(sweep_if_due(&node.app, &node.ports).await.unwrap().is_some());
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_ends_as_soon_as_it_is_mended() {
    let node = Node::first().await;
    let litter = node.litter().await;
    node.round().await;
    let right = node.kept.vault.deployment().await.unwrap().unwrap();
    let other = DeploymentMark { log_id: Uuid::nil(), position: Position::nth(1), event: None };
    node.kept.vault.set_deployment(other).await.unwrap();
    node.forward(DAY + 1);
    for _ in 0..2 {
        let refused = sweep_if_due(&node.app, &node.ports).await;
        assert!(refused.is_err_and(|error| error.is_refusal()));
        assert!(node.has(litter).await);
        node.forward(600);
    }
    node.kept.vault.set_deployment(right).await.unwrap();
    node.round().await;
    assert!(!node.has(litter).await, "the next round sweeps");
}

#[test]
fn a_refusal_is_said_once_a_day() {
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    let mut refusal = Refusal::default();
    let said = [0, 600, DAY - 1, DAY, DAY + 600].map(|later| refusal.is_to_say(start.plus_seconds(later)));
    assert_eq!(said, [true, false, false, true, false]);
}

#[tokio::test]
async fn the_first_look_at_litter_is_no_part_of_a_start() {
    let node = Node::first().await;
    tokio::time::pause();
    let second = Duration::from_secs(1);
    let mut running = pin!(upkeep::run(node.app.clone(), node.ports.clone(), CancellationToken::new()));
    assert!(timeout(upkeep::MARK_EVERY - second, &mut running).await.is_err());
    assert_eq!(node.ports.journal.mark(LAST).await.unwrap(), None);
    assert!(timeout(2 * second, &mut running).await.is_err());
    assert!(node.ports.journal.mark(LAST).await.unwrap().is_some());
}

#[tokio::test]
async fn a_vault_that_is_away_is_swept_as_soon_as_it_is_back() {
    let node = Node::first().await;
    let litter = node.litter().await;
    node.round().await;
    node.forward(DAY + 1);
    node.kept.vault.set_trouble(Some(VaultTrouble::Sealed));
    node.round().await;
    node.kept.vault.set_trouble(None);
    assert!(node.has(litter).await);
    node.round().await;
    assert!(!node.has(litter).await);
}

#[tokio::test]
async fn a_mark_from_a_clock_that_was_wrong_does_not_put_the_sweep_off() {
    let node = Node::first().await;
    let litter = node.litter().await;
    let far = serde_json::to_vec(&node.ports.clock.now().plus_days(1_000)).unwrap();
    node.ports.journal.set_mark(LAST, far).await.unwrap();
    node.round().await;
    node.forward(DAY + 1);
    node.round().await;
    assert!(!node.has(litter).await);
}

#[tokio::test]
async fn an_empty_log_and_vault_have_nothing_to_sweep() {
    let kept = Node::first().await.kept;
    let node = Node::start(Kept { log: Arc::default(), vault: Arc::default(), ..kept }).await;
    node.round().await;
    node.forward(DAY);
    assert!(sweep_if_due(&node.app, &node.ports).await.unwrap().is_none());
}
