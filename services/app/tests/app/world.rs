//! The application over all of that, and the few things that most tests do with it.

use std::sync::Arc;

use futures_util::StreamExt;
use keytrail_app::{
    App, AppError, Call, CredentialUpdate, Done, Identity, Mutation, NewCredential, NewGrant, NewMember,
    NewTenant, Options, Ports, Projections, SteadyClock, TeamPlace,
};
use keytrail_domain::{
    CredentialId, Grantee, Labels, Level, MemberId, Owner, Principal, RecordedEvent, Role, StreamId, TeamId,
    TenantId, Timestamp, policy::PolicyText, verification::Verdict,
};
use keytrail_policy::{CasbinAuthorizer, DEFAULT_ENTRIES, PolicyFiles};
use keytrail_ports::{
    Clock, ComponentCatalog, EventStore, Filter, LogSignal, SystemIds, memory::MemoryJournal,
    views::Projector,
};
use keytrail_sqlite::SqliteViews;
use keytrail_verify::Catalog;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    faults::{FaultyLog, HandClock, SlowVault, Told},
    receivers::Receivers,
    silence::{FaultyViews, Silence},
    token_provider::Provider,
};

pub(crate) const ISSUER: &str = "test";

/// What outlives a process.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) vault: Arc<SlowVault>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) verdict: Arc<Told>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) components: Arc<dyn ComponentCatalog>,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) silence: Arc<Silence>,
    pub(crate) provider: Arc<Provider>,
}

/// A running application with tenant `acme`, whose owner is `alice`.
pub(crate) struct World {
    pub(crate) kept: Kept,
    pub(crate) app: App,
    pub(crate) ports: Ports,
    pub(crate) alice: Call,
    projecting: Option<(CancellationToken, JoinHandle<()>)>,
    frozen: bool,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with_components(|builtin| builtin).await
    }

    /// A world whose components are made from the built-in ones.
    pub(crate) async fn with_components(
        components: impl FnOnce(Arc<dyn ComponentCatalog>) -> Arc<dyn ComponentCatalog>,
    ) -> Self {
        let clock = HandClock::new();
        let kept = Kept {
            log: Arc::default(),
            vault: Arc::new(SlowVault::new(clock.clone())),
            verdict: Arc::new(Told::new(Verdict::Valid)),
            journal: Arc::default(),
            components: components(Arc::new(Catalog::load().unwrap())),
            receivers: Arc::default(),
            silence: Arc::default(),
            provider: Arc::default(),
            clock,
        };
        let (app, ports) = application(&kept).await;
        let nobody = Principal::internal(TenantId::of_slug("acme"), "nobody");
        let mut world = Self { kept, app, ports, alice: call(nobody), projecting: None, frozen: false };
        world.project().await;
        let new = NewTenant {
            slug: "acme".into(),
            name: "Acme".into(),
            owner_subject: "alice".into(),
            owner_issuer: None,
            owner_profile: None,
        };
        world.app.create_tenant(new).await.unwrap();
        world.alice = world.sign_in("alice").await.unwrap();
        world
    }

    /// The same log and vault in another process, with views made anew, that has lost its journal.
    pub(crate) async fn again(&self) -> Self {
        self.over(Kept { journal: Arc::default(), ..self.kept.clone() }).await
    }

    /// The same log, vault and journal in another process, with views made anew.
    pub(crate) async fn restarted(&self) -> Self {
        self.over(self.kept.clone()).await
    }

    /// Two processes over the same log and vault, and a journal that both of them have.
    pub(crate) async fn two_nodes(&self) -> [Self; 2] {
        let kept = Kept { journal: Arc::new(MemoryJournal::shared()), ..self.kept.clone() };
        [self.over(kept.clone()).await, self.over(kept).await]
    }

    /// What is kept in another process, with views made anew.
    pub(crate) async fn over(&self, kept: Kept) -> Self {
        let (app, ports) = application(&kept).await;
        let mut world = Self { kept, app, ports, alice: self.alice.clone(), projecting: None, frozen: false };
        world.project().await;
        world
    }

    /// Lets the views follow the log.
    pub(crate) async fn project(&mut self) {
        let (stop, app) = (CancellationToken::new(), self.app.clone());
        let until = stop.clone();
        let task = tokio::spawn(async move { app.run_projections(until).await });
        self.projecting = Some((stop, task));
        if std::mem::take(&mut self.frozen) {
            tokio::time::resume();
        }
        self.app.caught_up().await;
        self.shown().await;
        // The rows are there a moment before the application knows it.
        while !self.app.views_are_current() {
            tokio::task::yield_now().await;
        }
    }

    /// From now on the views stand still, and nobody has to wait in vain for them: time passes
    /// as soon as there is nothing else to do.
    pub(crate) async fn freeze(&mut self) {
        let (stop, task) = self.projecting.take().expect("projecting");
        stop.cancel();
        task.await.unwrap();
        tokio::time::pause();
        self.frozen = true;
    }

    /// Another process over everything that there is, also the views. They stand still.
    pub(crate) async fn again_with_views(&mut self) {
        self.freeze().await;
        self.app = App::new(self.ports.clone(), options(PolicyFiles::builtin())).await.unwrap();
    }

    /// Waits until the views show all of the log.
    pub(crate) async fn shown(&self) {
        let head = self.kept.log.head().await.unwrap();
        while self.ports.views.checkpoint().await.unwrap() < head {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn sign_in(&self, subject: &str) -> Result<Call, AppError> {
        self.sign_in_to("acme", subject).await
    }

    pub(crate) async fn sign_in_to(&self, tenant: &str, subject: &str) -> Result<Call, AppError> {
        let identity = Identity {
            tenant_slug: tenant.into(),
            issuer: ISSUER.into(),
            subject: subject.into(),
            token: None,
            expires_at: self.kept.clock.now().plus_days(1_000),
        };
        self.app.sign_in(&identity).await.map(call)
    }

    /// A new member, signed in.
    pub(crate) async fn member(&self, subject: &str, role: Role) -> Call {
        let input = NewMember { issuer: None, subject: subject.into(), role, profile: None };
        self.app.add_member(&self.alice, plain("addMember"), input).await.unwrap();
        self.sign_in(subject).await.unwrap()
    }

    pub(crate) async fn team(&self, name: &str) -> TeamId {
        self.app.create_team(&self.alice, plain("createTeam"), name.into()).await.unwrap().value
    }

    pub(crate) async fn create(&self, by: &Call, name: &str) -> Result<Done<CredentialId>, AppError> {
        self.app.create_credential(by, plain("createCredential"), bearer(name, None)).await
    }

    pub(crate) async fn rename(&self, by: &Call, id: CredentialId, name: &str) -> Result<Done<()>, AppError> {
        self.rename_at(by, id, name, None).await
    }

    pub(crate) async fn rename_at(
        &self,
        by: &Call,
        id: CredentialId,
        name: &str,
        expected_revision: Option<u64>,
    ) -> Result<Done<()>, AppError> {
        let update = CredentialUpdate {
            id,
            name: Some(name.into()),
            external_id: None,
            labels: None,
            expires_at: None,
            allowed_hosts: None,
            fields: None,
            verify: false,
            expected_revision,
        };
        let done = self.app.update_credential(by, plain("updateCredential"), update).await?;
        Ok(done.map(|_| ()))
    }

    pub(crate) async fn share(&self, id: CredentialId, grantee: Grantee, level: Level) {
        let grant = NewGrant { id, grantee, level, expires_at: None, reason: None, expected_revision: None };
        self.app.share_credential(&self.alice, plain("shareCredential"), grant).await.unwrap();
    }

    /// What is in a credential's stream.
    pub(crate) async fn stream(&self, id: CredentialId) -> Vec<RecordedEvent> {
        let stream = StreamId::credential(self.alice.principal.tenant, id);
        self.kept.log.read_stream(&stream, 0, 10_000).await.unwrap()
    }

    /// Everything in the log.
    pub(crate) async fn everything(&self) -> Vec<RecordedEvent> {
        let mut signals = self.kept.log.subscribe(None, Filter::default()).await.unwrap();
        let mut events = Vec::new();
        while let Some(LogSignal::Event(event)) = signals.next().await.transpose().unwrap() {
            events.push(event);
        }
        events
    }

    /// How many secrets the vault holds.
    pub(crate) async fn secrets(&self) -> usize {
        use keytrail_ports::SecretStore;
        self.kept.vault.inner.list(self.alice.principal.tenant).await.unwrap().len()
    }
}

async fn application(kept: &Kept) -> (App, Ports) {
    let inner = Arc::new(SqliteViews::in_memory(Projections.version()).await.unwrap());
    let views = Arc::new(FaultyViews { inner, silence: kept.silence.clone() });
    let clock = Arc::new(SteadyClock::new(kept.clock.clone()));
    let files = PolicyFiles::builtin();
    let authorizer =
        CasbinAuthorizer::load(&files, views.clone(), clock.clone(), DEFAULT_ENTRIES).await.unwrap();
    let ports = Ports {
        log: kept.log.clone(),
        journal: kept.journal.clone(),
        views,
        secrets: kept.vault.clone(),
        authorizer: Arc::new(authorizer),
        verifier: kept.verdict.clone(),
        webhooks: kept.receivers.clone(),
        tokens: kept.provider.clone(),
        components: kept.components.clone(),
        clock,
        ids: Arc::new(SystemIds),
    };
    (App::new(ports.clone(), options(files)).await.unwrap(), ports)
}

fn options(files: PolicyFiles) -> Options {
    let policy = PolicyText { model: files.model.text, roles: files.roles.text };
    Options { default_issuer: ISSUER.into(), policy }
}

pub(crate) fn call(principal: Principal) -> Call {
    Call { principal, correlation: Uuid::nil() }
}

pub(crate) fn member_of(call: &Call) -> MemberId {
    call.principal.actor.member().expect("a person")
}

/// Whatever the team's revision is.
pub(crate) fn place(team: TeamId, member: MemberId) -> TeamPlace {
    TeamPlace { team, member, expected_revision: None }
}

/// A mutation without a key.
pub(crate) fn plain(name: &'static str) -> Mutation {
    Mutation { name, idempotency_key: None, input: Value::Null }
}

/// A mutation with one.
pub(crate) fn keyed(name: &'static str, key: &str, input: Value) -> Mutation {
    Mutation { name, idempotency_key: Some(key.into()), input }
}

/// An unchecked credential.
pub(crate) fn bearer(name: &str, owner: Option<Owner>) -> NewCredential {
    let fields = json!({ "base_url": "https://api.example.com", "token": "t0k3n" });
    NewCredential {
        component: "http-bearer".into(),
        name: Some(name.into()),
        external_id: None,
        fields: fields.as_object().cloned().unwrap_or_default(),
        owner,
        labels: Labels::default(),
        expires_at: None::<Timestamp>,
        allowed_hosts: None,
        verify: false,
    }
}
