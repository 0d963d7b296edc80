//! Keeps one courier for each endpoint.

use std::{collections::HashMap, sync::Arc, time::Duration};

use keytrail_domain::{StreamKind, TenantId, WebhookEndpointId};
use keytrail_ports::views::{EventRow, WebhookEndpointRow};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    courier::{Courier, Ended},
    numbers::WebhookNumbers,
};
use crate::{App, AppError, Tenure, Work, failing::Failing};

/// Deliveries under way at once, of all endpoints.
const AT_ONCE: usize = 768;
/// Of one tenant's: however slow his receivers are, they hold back nobody else's. More than one
/// endpoint can have, so that a quick one that begins to hang leaves places to his others.
const OF_A_TENANT: usize = 96;
/// How often old entries of the delivery log are dropped.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long to wait before the desk is set up again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where a delivery takes its place: one of its tenant, then one of all.
#[derive(Clone)]
pub(super) struct Places {
    tenant: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Places {
    fn of_a_tenant(all: &Arc<Semaphore>) -> Self {
        Self { tenant: Arc::new(Semaphore::new(OF_A_TENANT)), all: Arc::clone(all) }
    }

    /// Waits for both; given back when dropped. They are never closed.
    pub(super) async fn take(self) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let of_tenant = self.tenant.acquire_owned().await.ok()?;
        Some((of_tenant, self.all.acquire_owned().await.ok()?))
    }
}

/// The couriers that are engaged.
struct Desk {
    app: App,
    places: Arc<Semaphore>,
    tenants: HashMap<TenantId, Places>,
    couriers: HashMap<WebhookEndpointId, Engaged>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    tenure: Tenure,
}

struct Engaged {
    tenant: TenantId,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl App {
    /// Delivers webhooks until `stop`; comes back by itself after every failure.
    pub async fn run_webhooks(&self, stop: CancellationToken) {
        tokio::select! { () = stop.cancelled() => return, () = self.caught_up() => {} }
        let stop = &stop;
        self.while_leased(Work::Webhooks, stop, |tenure| self.deliver(tenure, stop)).await;
    }

    async fn deliver(&self, tenure: Tenure, stop: &CancellationToken) {
        let mut desk = Desk {
            app: self.clone(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tenants: HashMap::new(),
            couriers: HashMap::new(),
            tasks: JoinSet::new(),
            stop: stop.child_token(),
            tenure,
        };
        let mut failing = Failing::new("webhooks");
        while !stop.is_cancelled() {
            if let Err(error) = desk.mind(stop, &mut failing).await {
                failing.failed(&error);
            }
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(AGAIN) => {} }
        }
        while let Some(ended) = desk.tasks.join_next().await {
            told(ended);
        }
    }

    /// How deliveries do.
    pub fn webhook_numbers(&self) -> WebhookNumbers {
        self.0.webhook_numbers.read()
    }

    /// Delivers to one endpoint what is due right now, and nothing later.
    ///
    /// # Errors
    /// Something of ours is away; what was delivered is written down as far as it went.
    pub async fn webhook_round(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<(), AppError> {
        let row = self.ports().views.webhook_endpoint(tenant, id).await?.ok_or(AppError::NotFound)?;
        let places = Places::of_a_tenant(&Arc::new(Semaphore::new(AT_ONCE)));
        Courier::engage(self, &row, &places, &Tenure::alone()).await?.round().await
    }
}

impl Desk {
    async fn mind(&mut self, stop: &CancellationToken, failing: &mut Failing) -> Result<(), AppError> {
        // Listening begins before looking, so that nothing falls between the two.
        let mut live = self.app.0.progress.listen();
        self.look_at_all().await?;
        failing.works();
        let mut forgetting = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                heard = live.recv() => match heard {
                    Ok(event) => self.hear(&event).await?,
                    Err(RecvError::Lagged(_)) => self.look_at_all().await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = forgetting.tick() => self.app.forget_old_deliveries().await?,
                Some(ended) = self.tasks.join_next() => told(ended),
            }
        }
    }

    async fn hear(&mut self, event: &EventRow) -> Result<(), AppError> {
        if event.stream.kind() == StreamKind::Webhook
            && let Some(id) = event.stream.webhook_endpoint_id()
            && let Some(row) = self.app.ports().views.webhook_endpoint(event.tenant, id).await?
        {
            self.look_at(row);
        }
        for courier in self.couriers.values().filter(|courier| courier.tenant == event.tenant) {
            courier.wake.notify_one();
        }
        Ok(())
    }

    async fn look_at_all(&mut self) -> Result<(), AppError> {
        for tenant in self.app.ports().views.tenants().await? {
            for row in self.app.ports().views.webhook_endpoints(tenant).await? {
                self.look_at(row);
            }
        }
        for courier in self.couriers.values() {
            courier.wake.notify_one();
        }
        Ok(())
    }

    /// A disabled endpoint keeps its courier, who waits.
    fn look_at(&mut self, row: WebhookEndpointRow) {
        if row.deleted_at.is_some() {
            if let Some(courier) = self.couriers.remove(&row.id) {
                courier.stop.cancel();
            }
            return;
        }
        if self.couriers.contains_key(&row.id) {
            return;
        }
        let (wake, stop) = (Arc::new(Notify::new()), self.stop.child_token());
        self.couriers
            .insert(row.id, Engaged { tenant: row.tenant, wake: Arc::clone(&wake), stop: stop.clone() });
        let places = self.tenants.entry(row.tenant).or_insert_with(|| Places::of_a_tenant(&self.places));
        let post = Post { app: self.app.clone(), row, places: places.clone(), tenure: self.tenure.clone() };
        self.tasks.spawn(post.serve(wake, stop));
    }
}

/// What each courier of one endpoint needs.
struct Post {
    app: App,
    row: WebhookEndpointRow,
    places: Places,
    tenure: Tenure,
}

impl Post {
    /// One courier after the other. A place that cannot be read holds back its own endpoint and no other.
    async fn serve(self, wake: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match Courier::engage(&self.app, &self.row, &self.places, &self.tenure).await {
                Ok(courier) => match courier.run(&wake, &stop).await {
                    Ended::Over => return,
                    Ended::Superseded => {}
                },
                Err(error) => {
                    tracing::error!(webhook.id = %self.row.id, error = &error as &dyn std::error::Error,
                        "the place of a webhook endpoint cannot be read: trying again");
                }
            }
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(AGAIN) => {} }
        }
    }
}

/// A courier that panicked is a mistake of ours: the process must not go on without him.
fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
