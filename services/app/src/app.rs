//! The application: ports, wired together, and what is shared between requests.

use std::sync::{Arc, OnceLock};

use keytrail_domain::{CredentialId, MemberId, TenantId, Timestamp, TokenId, policy::PolicyText};
use keytrail_ports::{
    Authorizer, Clock, ComponentCatalog, EventStore, Ids, Journal, SecretStore, TokenServer, Verifier,
    WebhookSender,
    views::{ApiTokenRow, VerificationRow, Views},
};
use quick_cache::sync::Cache;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    AppError, KnownComponent, claims::Claims, credential_lease::Desk, key_ring::KeyRing, leases::Leases,
    progress::Progress, schedule::Numbers, steady_clock::SteadyClock, throttle::Throttle, webhook,
};

/// Credentials whose last unchanged check is remembered.
const LAST_KEPT: usize = 20_000;

/// Everything that the application asks of the world.
#[derive(Clone)]
pub struct Ports {
    /// The log of facts.
    pub log: Arc<dyn EventStore>,
    /// Facts in high volume, and marks.
    pub journal: Arc<dyn Journal>,
    /// The read models.
    pub views: Arc<dyn Views>,
    /// The vault.
    pub secrets: Arc<dyn SecretStore>,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// Asks real systems.
    pub verifier: Arc<dyn Verifier>,
    /// Sends webhooks.
    pub webhooks: Arc<dyn WebhookSender>,
    /// Asks authorisation servers.
    pub tokens: Arc<dyn TokenServer>,
    /// The kinds of system.
    pub components: Arc<dyn ComponentCatalog>,
    /// Time that never goes back; the authoriser must have the same.
    pub clock: Arc<SteadyClock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

/// What a deployment chooses.
#[derive(Clone, Debug)]
pub struct Options {
    /// The issuer that a member belongs to when nobody says otherwise.
    pub default_issuer: String,
    /// The text of the policy files that the authoriser decides by.
    pub policy: PolicyText,
}

/// The use cases. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) log_id: Uuid,
    pub(crate) keys: KeyRing,
    pub(crate) leases: Leases,
    pub(crate) claims: Claims,
    /// API tokens as they were made.
    pub(crate) api_tokens: Cache<TokenId, ApiTokenRow>,
    /// When the use of an API token was last noted, in microseconds.
    pub(crate) token_uses: Cache<TokenId, i64>,
    /// Tokens of credentials' leases that this process keeps.
    pub(crate) desk: Desk,
    /// Where callers reach this server, once it listens.
    pub(crate) public_url: OnceLock<String>,
    pub(crate) progress: Progress,
    pub(crate) tests: Throttle,
    pub(crate) checks: Throttle,
    /// Requests for access tokens that are under way, whoever waits for them.
    pub(crate) refreshes: TaskTracker,
    /// What providers gave that the log does not have yet.
    pub(crate) given: crate::oauth::Kept,
    /// Codes that somebody tries.
    pub(crate) codes: Throttle,
    /// Who is which member, by tenant, issuer and subject.
    pub(crate) members: Cache<(TenantId, String, String), MemberId>,
    /// The last check of a credential that told nothing new; none when there is none.
    pub(crate) last_kept: Cache<CredentialId, Option<Arc<VerificationRow>>>,
    pub(crate) numbers: Numbers,
    pub(crate) webhook_numbers: Arc<webhook::Numbers>,
    /// Versions of tenants' own components: none ever changes.
    pub(crate) own_components: Cache<(TenantId, String, u32), KnownComponent>,
}

impl App {
    /// The application over these ports. It answers; [`App::run_projections`], [`App::run_alerts`]
    /// and [`App::run_webhooks`] must run beside it, and [`App::run_schedule`] where checks are made.
    ///
    /// # Errors
    /// The log cannot be reached.
    pub async fn new(ports: Ports, options: Options) -> Result<Self, AppError> {
        let log_id = ports.log.log_id().await?;
        let checkpoint = ports.views.checkpoint().await?;
        // A clock that was set back while nothing ran must revive no grant.
        if let Some(moment) = ports.views.last_recorded_at().await? {
            ports.clock.observe(moment);
        }
        Ok(Self(Arc::new(Inner {
            log_id,
            keys: KeyRing::new(Arc::clone(&ports.secrets), Arc::clone(&ports.journal)),
            leases: Leases::new(Arc::clone(&ports.journal), ports.ids.fresh(ports.clock.now())),
            claims: Claims::default(),
            api_tokens: Cache::new(crate::api_token::REMEMBERED),
            token_uses: Cache::new(crate::api_token::REMEMBERED),
            desk: Desk::default(),
            public_url: OnceLock::new(),
            progress: Progress::new(checkpoint),
            tests: Throttle::per_minute(crate::commands::TESTS_PER_MINUTE),
            checks: Throttle::per_minute(crate::commands::CHECKS_PER_MINUTE),
            refreshes: TaskTracker::new(),
            given: crate::oauth::Kept::default(),
            codes: Throttle::per_minute(crate::oauth::CODES_PER_MINUTE),
            members: Cache::new(crate::sign_in::REMEMBERED),
            last_kept: Cache::new(LAST_KEPT),
            numbers: Numbers::default(),
            webhook_numbers: Arc::default(),
            own_components: Cache::new(crate::queries::OWN_COMPONENTS_REMEMBERED),
            options,
            ports,
        })))
    }

    /// Now, by a clock that never goes back.
    pub fn now(&self) -> Timestamp {
        self.0.ports.clock.now()
    }

    /// Tells where callers reach this server: the first word counts.
    pub fn is_reached_at(&self, url: String) {
        // A second address of the same process is not one for answers.
        let _ = self.0.public_url.set(url);
    }

    /// Where callers reach this server; a path alone before it listens.
    pub(crate) fn public_url(&self) -> &str {
        self.0.public_url.get().map_or("", String::as_str)
    }

    /// Which log this is.
    pub fn log_id(&self) -> Uuid {
        self.0.log_id
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn fresh_id(&self) -> Uuid {
        self.ports().ids.fresh(self.now())
    }
}
