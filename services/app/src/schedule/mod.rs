//! The schedule: each credential is checked again and again, and people hear of ends before they
//! come.
//!
//! What is due when is in memory ([`agenda`]): it is filled from the views in pages after the start
//! and kept true by events. Nothing of it has to be stored, because the moments derive from ids and
//! the calendar ([`slots`]); what must not be forgotten, such as since when checks have come to
//! nothing, stands in rows and journal. A turn takes what is due and starts it as far as there are
//! places ([`bounds`]); a check ([`check`]) is a task of its own.

mod agenda;
mod bounds;
mod check;
mod expiry;
pub(crate) mod kept;
mod numbers;
pub(crate) mod plan;
mod seeding;
mod slots;
pub(crate) mod tally;
mod work;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use keytrail_domain::{CredentialId, StreamKind, TenantId};
use keytrail_ports::views::EventRow;
use tokio::{
    sync::broadcast::{Receiver, error::TryRecvError},
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use self::{
    agenda::{Agenda, Due, Job},
    bounds::{Hosts, Tenants},
    seeding::Seeding,
    tally::Tally,
    work::Finished,
};
pub(crate) use numbers::Numbers;
pub use numbers::ScheduleNumbers;

use crate::{App, AppError, Tenure, Work};

/// Who it is in events.
const NAME: &str = "schedule";
/// Longest time between two looks at the clock.
const NAP: Duration = Duration::from_millis(500);
/// Events that are taken up in one turn.
const EVENTS: usize = 512;
/// Things that are started in one turn.
const STARTS: usize = 256;
/// How often old results are forgotten, in microseconds.
const FORGET_EVERY: i64 = 24 * 60 * slots::MINUTE;
/// How long after the start they are forgotten first.
const FORGET_FIRST: i64 = slots::MINUTE;

/// What an operator chooses, and how much goes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleOptions {
    /// Between two checks of a credential, where its component does not say otherwise.
    pub interval: Duration,
    /// Checks at once.
    pub in_all: usize,
    /// Checks of one tenant at once.
    pub per_tenant: usize,
    /// Checks towards one host at once.
    pub per_host: usize,
}

impl Default for ScheduleOptions {
    fn default() -> Self {
        // Towards one host not more than the guarded client lets out: who waits there would hold a
        // place that somebody else could use.
        Self { interval: Duration::from_secs(3_600), in_all: 128, per_tenant: 64, per_host: 4 }
    }
}

/// The schedule of one process.
pub struct Schedule {
    app: App,
    options: ScheduleOptions,
    interval: i64,
    agenda: Agenda,
    seeding: Option<Seeding>,
    /// What could not be placed, and when it is tried again.
    unplaced: (Vec<(TenantId, CredentialId)>, i64),
    events: Receiver<Arc<EventRow>>,
    ladders: HashMap<TenantId, Arc<[u32]>>,
    tenants: Tenants,
    hosts: Hosts,
    running: JoinSet<Finished>,
    started: HashMap<Id, Due>,
    forget_at: i64,
    tally: Tally,
    flush_at: i64,
    tenure: Tenure,
}

impl App {
    /// A schedule at its beginning. [`App::run_schedule`] lets one go on; a test takes turns.
    pub fn schedule(&self, options: ScheduleOptions) -> Schedule {
        self.schedule_under(options, Tenure::alone())
    }

    fn schedule_under(&self, options: ScheduleOptions, tenure: Tenure) -> Schedule {
        let interval = i64::try_from(options.interval.as_micros()).unwrap_or(i64::MAX / 4).max(1_000_000);
        Schedule {
            events: self.0.progress.listen(),
            app: self.clone(),
            options,
            interval,
            agenda: Agenda::default(),
            seeding: Some(Seeding::default()),
            unplaced: (Vec::new(), 0),
            ladders: HashMap::new(),
            tenants: Tenants::new(options.per_tenant),
            hosts: Hosts::new(options.per_host),
            running: JoinSet::new(),
            started: HashMap::new(),
            forget_at: self.now().as_micros() + FORGET_FIRST,
            tally: Tally::default(),
            flush_at: 0,
            tenure,
        }
    }

    /// Checks what is due and tells of ends until `stop`. What is under way then is cut off: it
    /// leaves nothing half done.
    pub async fn run_schedule(&self, options: ScheduleOptions, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.caught_up() => {}
        }
        let stop = &stop;
        let check = |tenure| async move {
            let mut schedule = self.schedule_under(options, tenure);
            tokio::select! {
                () = stop.cancelled() => schedule.close().await,
                () = schedule.run() => {}
            }
        };
        self.while_leased(Work::Schedule, stop, check).await;
    }

    /// How the schedule does.
    pub fn schedule_numbers(&self) -> ScheduleNumbers {
        self.0.numbers.read()
    }
}

impl Schedule {
    async fn run(&mut self) {
        loop {
            match self.turn().await {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => self.wait().await,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the schedule stumbled: going on"
                    );
                    tokio::time::sleep(NAP).await;
                }
            }
        }
    }

    /// Cuts off what is under way and writes what was only counted.
    async fn close(&mut self) {
        self.running.shutdown().await;
        if let Err(error) = self.tally.flush(&*self.app.ports().journal).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last minute's checks are not counted"
            );
        }
    }

    /// Takes up what happened and starts what is due; true when there is more to do at once. What is
    /// not answered holds back nothing else.
    ///
    /// # Errors
    /// The views or the journal did not answer something: the next turn tries that again.
    pub async fn turn(&mut self) -> Result<bool, AppError> {
        let events = self.take_events().await;
        let rows = self.seed().await;
        self.place_the_rest().await;
        let ended = self.take_up_what_ended().await;
        self.go_on();
        let more_due = self.start_due();
        self.forget_old();
        let flushed = self.flush().await;
        self.count();
        let (more_events, more_rows) = (events?, rows?);
        ended.and(flushed)?;
        Ok(more_events || more_rows || more_due)
    }

    /// Waits until nothing is under way any more.
    ///
    /// # Errors
    /// As [`Schedule::turn`].
    pub async fn settle(&mut self) -> Result<(), AppError> {
        while let Some(ended) = self.running.join_next_with_id().await {
            self.take_up(ended).await?;
        }
        self.count();
        Ok(())
    }

    /// Until something ends, something is due, or it is time to look at the clock again.
    async fn wait(&mut self) {
        let now = self.app.now().as_micros();
        let until_due = self.agenda.first().filter(|_| self.has_room()).map_or(NAP, |at| {
            Duration::from_micros(u64::try_from(at.saturating_sub(now)).unwrap_or_default())
        });
        let nap = tokio::time::sleep(until_due.clamp(Duration::from_millis(1), NAP));
        // What ended is left for the turn to take.
        if self.running.is_empty() {
            nap.await;
            return;
        }
        let ended = tokio::select! {
            () = nap => return,
            ended = self.running.join_next_with_id() => ended,
        };
        if let Some(ended) = ended
            && let Err(error) = self.take_up(ended).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a result was not taken up: going on");
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.options.in_all
    }

    async fn take_events(&mut self) -> Result<bool, AppError> {
        for _ in 0..EVENTS {
            let event = match self.events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(false),
                // Too many to be told one by one: all rows are read again.
                Err(TryRecvError::Lagged(_)) => {
                    self.seeding = Some(Seeding::default());
                    self.ladders.clear();
                    continue;
                }
            };
            match (event.stream.kind(), event.credential) {
                (StreamKind::Credential, Some(id)) => {
                    if let Err(error) = self.place_again(event.tenant, id).await {
                        self.seed_again(event.tenant);
                        return Err(error);
                    }
                }
                (StreamKind::Tenant, _) if event.event_type == "TenantSettingsChanged" => {
                    self.ladders.remove(&event.tenant);
                    self.seed_again(event.tenant);
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn start_due(&mut self) -> bool {
        let now = self.app.now().as_micros();
        for _ in 0..STARTS {
            if !self.has_room() {
                return false;
            }
            let Some(due) = self.agenda.take(now) else { return false };
            self.start(due);
        }
        true
    }

    /// Starts it, or lets it wait for a place of its tenant.
    fn start(&mut self, due: Due) {
        if due.job == Job::Check && !self.tenants.take(&due.tenant) {
            self.tenants.wait(&due.tenant, due);
            return;
        }
        let late = self.app.now().as_micros().saturating_sub(due.at);
        self.spawn(due, late);
    }

    /// All of it; answers the first error.
    async fn take_up_what_ended(&mut self) -> Result<(), AppError> {
        let mut first = Ok(());
        while let Some(ended) = self.running.try_join_next_with_id() {
            let taken_up = self.take_up(ended).await;
            first = first.and(taken_up);
        }
        first
    }

    async fn take_up(&mut self, ended: Result<(Id, Finished), JoinError>) -> Result<(), AppError> {
        let (task, finished) = match ended {
            Ok((task, finished)) => (task, finished),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a check ended in a panic");
                (error.id(), Finished::Failed)
            }
        };
        match self.started.remove(&task) {
            Some(due) => self.finish(due, finished).await,
            None => Ok(()),
        }
    }

    /// Results that are older than ninety days.
    fn forget_old(&mut self) {
        let now = self.app.now();
        if now.as_micros() < self.forget_at {
            return;
        }
        self.forget_at = now.as_micros() + FORGET_EVERY;
        let before = now.plus_days(-kept::KEPT_DAYS);
        let app = self.app.clone();
        // Not in the way of what is due.
        tokio::spawn(async move {
            if let Err(error) = app.ports().journal.forget(kept::TOPIC, before).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "old results are kept another day");
            }
        });
    }

    /// Writes the day's counts once a minute.
    async fn flush(&mut self) -> Result<(), AppError> {
        let now = self.app.now().as_micros();
        if now < self.flush_at {
            return Ok(());
        }
        self.flush_at = now + slots::MINUTE;
        Ok(self.tally.flush(&*self.app.ports().journal).await?)
    }

    fn count(&self) {
        let numbers = &self.app.0.numbers;
        let (of_tenants, of_hosts) = (self.tenants.waiting(), self.hosts.waiting());
        let now = self.app.now().as_micros();
        let first = [of_tenants.1, of_hosts.1, self.agenda.first()].into_iter().flatten().min();
        let late = first.map_or(0, |at| now.saturating_sub(at).max(0));
        let number = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        numbers.scheduled.store(number(self.agenda.len()), Ordering::Relaxed);
        numbers.waiting.store(number(of_tenants.0 + of_hosts.0), Ordering::Relaxed);
        numbers.in_flight.store(number(self.running.len()), Ordering::Relaxed);
        numbers.late_micros.store(late, Ordering::Relaxed);
    }

    /// When a credential is checked next, as far as that is known already.
    pub fn next_check(&self, id: CredentialId) -> Option<keytrail_domain::Timestamp> {
        self.agenda.at(id, Job::Check).map(keytrail_domain::Timestamp::from_micros)
    }
}

/// Another node may go on: here nothing waits any more.
impl Drop for Schedule {
    fn drop(&mut self) {
        let numbers = &self.app.0.numbers;
        for gauge in [&numbers.scheduled, &numbers.waiting, &numbers.in_flight] {
            gauge.store(0, Ordering::Relaxed);
        }
        numbers.late_micros.store(0, Ordering::Relaxed);
    }
}
