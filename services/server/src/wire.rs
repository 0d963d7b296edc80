//! Builds adapters, application and schema, in reading order: the only place that knows which
//! adapter is used.

mod identity;
mod lease_metrics;
mod log_copy;
mod moved;
mod operator;
mod readiness;
mod schedule_metrics;
mod serving;
mod stores;
mod sweeping;
mod upkeep;
mod webhook_metrics;

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use keytrail_app::{App, Options, Ports, ScheduleOptions, SteadyClock, Work};
use keytrail_domain::{SecretValue, policy::PolicyText};
use keytrail_policy::{CasbinAuthorizer, PolicyFiles};
use keytrail_ports::{SecretError, SystemClock, SystemIds};
use keytrail_verify::{
    Catalog, ComponentVerifier, GuardedTokenServer, GuardedWebhookSender, VerifyConfig, guard::SystemLookup,
};

use self::{identity::Identities, operator::Operator, readiness::Readings};
use crate::{
    admin::Admin,
    config::{Config, Mode},
    data_dir::DataDir,
    launch::{CopiedLog, CopyProgress, Launcher, StartError, Wired},
    lifecycle::{Lifecycle, Stage, Weight},
};

/// Roles, memberships, credentials and grants that the authoriser keeps in memory.
const AUTHORITY_ENTRIES: usize = 1_000_000;
/// What `keytrail dev` may reach besides public addresses: this machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// What `main` hands to the command line.
pub fn launcher() -> impl Launcher {
    Keytrail
}

struct Keytrail;

/// The application with everything around it.
pub(crate) struct Built {
    pub(crate) app: App,
    pub(crate) ports: Ports,
    pub(crate) identities: Identities,
    pub(crate) config: Arc<Config>,
    pub(crate) mode: Mode,
    pub(crate) operator: Arc<Operator>,
    pub(crate) readings: Arc<Readings>,
}

#[async_trait]
impl Launcher for Keytrail {
    async fn open(
        &self,
        config: Arc<Config>,
        dir: &DataDir,
        life: &Lifecycle,
    ) -> Result<Box<dyn Wired>, StartError> {
        let stores = stores::open(&config, dir).await?;
        let clock = Arc::new(SteadyClock::new(Arc::new(SystemClock)));
        let source = stores.authority;
        let policy = PolicyFiles::builtin();
        let authorizer = CasbinAuthorizer::load(&policy, source, clock.clone(), AUTHORITY_ENTRIES)
            .await
            .map_err(|error| failed(&error, "mend the policy files"))?;
        let ports = Ports {
            log: stores.log,
            journal: stores.journal,
            views: stores.views,
            secrets: stores.secrets,
            authorizer: Arc::new(authorizer),
            verifier: Arc::new(verifier(&config, dir.mode(), clock.clone())?),
            webhooks: Arc::new(webhooks(&config, dir.mode(), clock.clone())?),
            tokens: Arc::new(tokens(&config, dir.mode())?),
            components: Arc::new(Catalog::load().map_err(|error| failed(&error, "use a released build"))?),
            clock,
            ids: Arc::new(SystemIds),
        };
        let identities = Identities::open(&config, dir)?;
        let policy = PolicyText { model: policy.model.text, roles: policy.roles.text };
        let options = Options { default_issuer: identities.issuer_name().to_owned(), policy };
        let app = App::new(ports.clone(), options)
            .await
            .map_err(|error| failed(&error, "see the log lines above"))?;
        run_projections(&app, life);
        tokio::select! {
            () = app.caught_up() => {}
            () = app.astray() => return Err(stores::log_is_older(dir)),
        }
        vault_fits(&ports).await?;
        let readings = Arc::new(Readings::new(app.clone(), ports.clone()));
        let operator =
            Arc::new(Operator::new(app.clone(), ports.clone(), identities.builtin(), dir, readings.clone()));
        let mode = dir.mode();
        Ok(Box::new(Built { app, ports, identities, config, mode, operator, readings }))
    }

    async fn copy_log(
        &self,
        config: &Config,
        dir: &DataDir,
        to: &SecretValue,
        told: &(dyn Fn(CopyProgress) + Sync),
    ) -> Result<CopiedLog, StartError> {
        log_copy::run(config, dir, to, told).await
    }

    async fn claim_vault(
        &self,
        config: &Config,
        dir: &DataDir,
        instead_of: uuid::Uuid,
    ) -> Result<uuid::Uuid, StartError> {
        stores::claim_vault(config, dir, instead_of).await
    }

    fn schema(&self) -> Result<String, StartError> {
        Ok(keytrail_graphql::sdl())
    }
}

#[async_trait]
impl Wired for Built {
    fn admin(&self) -> Arc<dyn Admin> {
        self.operator.clone()
    }

    async fn listen(&self, life: &Lifecycle) -> Result<SocketAddr, StartError> {
        run_behind(&self.app, &self.ports, &self.config, life);
        serving::listen(self, life).await
    }

    async fn close(&self) {
        upkeep::remember_soon(&self.app, &self.ports).await;
        stores::settle(self.operator.dir()).await;
    }
}

/// A vault that lacks the keys of a tenant is not the one that this log was written with: a node on it would store
/// secrets where no other node looks. One that does not answer is no reason not to start.
async fn vault_fits(ports: &Ports) -> Result<(), StartError> {
    let unreadable = |error| failed(&error, "run `keytrail views rebuild`");
    let tenants = ports.views.tenants().await.map_err(unreadable)?;
    let Some(first) = tenants.first() else { return Ok(()) };
    let Some(row) = ports.views.tenant(*first).await.map_err(unreadable)? else { return Ok(()) };
    match ports.secrets.get(row.keys).await {
        Err(SecretError::Missing) => Err(StartError::new(
            "the vault has nothing of the tenants that are in the event log",
            "it is another vault than the one that this log was written with: check KEYTRAIL_VAULT and \
             KEYTRAIL_VAULT_MOUNT, or, with the embedded vault, KEYTRAIL_DATA_DIR; several nodes need one HashiCorp \
             Vault or OpenBao",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Where requests may go besides public addresses.
fn networks(config: &Config, mode: Mode) -> Vec<ipnet::IpNet> {
    let mut allowed = config.allowed_networks.clone();
    if mode == Mode::Dev {
        allowed.extend(LOOPBACK.iter().filter_map(|network| network.parse::<ipnet::IpNet>().ok()));
    }
    allowed
}

fn webhooks(
    config: &Config,
    mode: Mode,
    clock: Arc<SteadyClock>,
) -> Result<GuardedWebhookSender, StartError> {
    let sender = GuardedWebhookSender::new(networks(config, mode), &SystemLookup::shared(), clock);
    sender.map_err(|error| failed(&error, "check the system's certificates"))
}

fn tokens(config: &Config, mode: Mode) -> Result<GuardedTokenServer, StartError> {
    let server = GuardedTokenServer::new(networks(config, mode), &SystemLookup::shared());
    server.map_err(|error| failed(&error, "check the system's certificates"))
}

fn verifier(config: &Config, mode: Mode, clock: Arc<SteadyClock>) -> Result<ComponentVerifier, StartError> {
    let allowed_networks = networks(config, mode);
    let config = VerifyConfig { allowed_networks, ..VerifyConfig::default() };
    ComponentVerifier::new(config, clock).map_err(|error| failed(&error, "check the system's certificates"))
}

/// Every command needs the views.
fn run_projections(app: &App, life: &Lifecycle) {
    let (projecting, until) = (app.clone(), life.stopping(Stage::Background));
    life.spawn(Stage::Background, Weight::Vital, "projections", async move {
        projecting.run_projections(until).await;
    });
}

/// What works behind the requests of a server. A command that lives for a moment takes no work upon itself:
/// others would wait until they may take it over.
fn run_behind(app: &App, ports: &Ports, config: &Config, life: &Lifecycle) {
    let stop = || life.stopping(Stage::Background);
    let (alerting, until) = (app.clone(), stop());
    life.spawn(Stage::Background, Weight::Vital, "alerts", async move { alerting.run_alerts(until).await });
    let (checking, until) = (app.clone(), stop());
    let schedule = ScheduleOptions { interval: config.check_interval, ..ScheduleOptions::default() };
    life.spawn(Stage::Background, Weight::Vital, "schedule", async move {
        checking.run_schedule(schedule, until).await;
    });
    let (delivering, until) = (app.clone(), stop());
    life.spawn(Stage::Background, Weight::Vital, "webhooks", async move {
        delivering.run_webhooks(until).await;
    });
    // What was asked for is waited for as long as what was begun for a caller.
    let (refreshing, until) = (app.clone(), life.stopping(Stage::Intake));
    life.spawn(Stage::Intake, Weight::Vital, "refresh", async move { refreshing.run_refresh(until).await });
    let (keeping, until) = (app.clone(), stop());
    life.spawn(Stage::Background, Weight::Vital, "usage", async move { keeping.run_usage(until).await });
    let (recording, until) = (app.clone(), stop());
    life.spawn(Stage::Background, Weight::Light, "policy", async move {
        upkeep::record_policy(recording, until).await;
    });
    let (asking, failing, until) = (ports.clone(), life.clone(), stop());
    life.spawn(Stage::Background, Weight::Light, "vault and log", async move {
        upkeep::agree_with_vault(asking, failing, until).await;
    });
    let (kept, behind, until) = (app.clone(), ports.clone(), stop());
    life.spawn(Stage::Background, Weight::Light, "upkeep", async move {
        let run = |_| upkeep::run(kept.clone(), behind.clone(), until.clone());
        kept.while_leased(Work::Upkeep, &until, run).await;
    });
}

/// A start that failed, with all of its causes.
fn failed(error: &dyn std::error::Error, hint: &str) -> StartError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    StartError::new(message, hint)
}
