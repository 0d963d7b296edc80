//! The schedule, turn by turn, by a clock that is moved by hand.

mod failing;
mod ladder;
mod pace;
mod purging;
mod results;
mod rolled_back;
mod silent;

use std::time::Duration;

use keytrail_app::{App, Schedule, ScheduleOptions};
use keytrail_domain::{CredentialId, Timestamp, verification::Verdict};
use keytrail_ports::{Clock, views::CredentialRow};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{World, bearer, plain};

const HOUR: i64 = 3_600;

/// A world with a schedule and the reactor that opens and resolves alerts.
pub(crate) struct Watch {
    pub(crate) world: World,
    pub(crate) schedule: Schedule,
    alerting: (CancellationToken, JoinHandle<()>),
}

fn alerting(app: &App) -> (CancellationToken, JoinHandle<()>) {
    let (stop, app) = (CancellationToken::new(), app.clone());
    let until = stop.clone();
    (stop, tokio::spawn(async move { app.run_alerts(until).await }))
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.alerting.0.cancel();
        self.alerting.1.abort();
    }
}

impl Watch {
    pub(crate) async fn start() -> Self {
        Self::over(World::start().await, ScheduleOptions::default()).await
    }

    pub(crate) async fn over(world: World, options: ScheduleOptions) -> Self {
        let schedule = world.app.schedule(options);
        let alerting = alerting(&world.app);
        let mut watch = Self { world, schedule, alerting };
        watch.turns().await;
        watch
    }

    pub(crate) async fn with_interval(seconds: u64) -> Self {
        let options =
            ScheduleOptions { interval: Duration::from_secs(seconds), ..ScheduleOptions::default() };
        Self::over(World::start().await, options).await
    }

    /// Another process, with views made anew.
    pub(crate) async fn again(self) -> Self {
        Self::over(self.world.restarted().await, ScheduleOptions::default()).await
    }

    /// Does everything that is due now.
    pub(crate) async fn turns(&mut self) {
        self.world.shown().await;
        while self.schedule.turn().await.unwrap() {}
        self.schedule.settle().await.unwrap();
        // What waited for a place goes on.
        while self.world.app.schedule_numbers().waiting > 0 {
            self.schedule.turn().await.unwrap();
            self.schedule.settle().await.unwrap();
        }
        self.world.shown().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.kept.clock.now()
    }

    /// Lets this time pass, a step at a time.
    pub(crate) async fn pass(&mut self, seconds: i64, step: i64) {
        let end = self.now().plus_seconds(seconds);
        while self.now() < end {
            self.world.kept.clock.forward(step);
            self.turns().await;
        }
    }

    pub(crate) fn answer(&self, verdict: Verdict) {
        *self.world.kept.verdict.0.lock() = verdict;
    }

    pub(crate) fn checks(&self) -> usize {
        self.world.kept.verdict.asked()
    }

    pub(crate) async fn create(&mut self, name: &str) -> CredentialId {
        let id = self.world.create(&self.world.alice, name).await.unwrap().value;
        self.turns().await;
        id
    }

    /// One that ends at this moment by its maker's word.
    pub(crate) async fn ending(&mut self, name: &str, end: Timestamp) -> CredentialId {
        let mut new = bearer(name, None);
        new.expires_at = Some(end);
        let made = self.world.app.create_credential(&self.world.alice, plain("createCredential"), new).await;
        self.turns().await;
        made.unwrap().value
    }

    pub(crate) async fn row(&self, id: CredentialId) -> CredentialRow {
        self.world.shown().await;
        let tenant = self.world.alice.principal.tenant;
        let row = self.world.ports.views.credentials_by_id(tenant, &[id]).await.unwrap().pop().unwrap();
        row.as_ref().clone()
    }

    /// Names of a credential's events.
    pub(crate) async fn events(&self, id: CredentialId) -> Vec<String> {
        self.world.stream(id).await.into_iter().map(|event| event.event_type).collect()
    }

    /// What happened to alerts, once there are so many.
    pub(crate) async fn alerts(&self, many: usize) -> Vec<String> {
        loop {
            let all = self.world.everything().await;
            let alerts: Vec<_> = all
                .into_iter()
                .filter(|event| event.event_type.starts_with("Alert"))
                .map(|event| format!("{} {}", event.event_type, cause(&event.stream.to_string())))
                .collect();
            if alerts.len() >= many {
                return alerts;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn cause(stream: &str) -> String {
    stream.rsplit('.').next().unwrap_or_default().to_owned()
}
