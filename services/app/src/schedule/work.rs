//! Starting what is due, and what comes after it.

use keytrail_domain::verification::Verdict;

use super::{
    Schedule,
    agenda::{Due, Job},
    check::{Checked, Told},
    slots,
};
use crate::AppError;

/// How a task ended.
#[derive(Debug)]
pub(super) enum Finished {
    Checked(Checked),
    /// An end was told of, or there was none to tell of.
    Told,
    /// It did not come about; the reason was logged.
    Failed,
}

impl Schedule {
    pub(super) fn spawn(&mut self, due: Due, late: i64) {
        let (app, hosts, interval) = (self.app.clone(), self.hosts.clone(), self.interval);
        let tenure = self.tenure.clone();
        let ladder = self.ladders.get(&due.tenant).cloned();
        let task = self.running.spawn(async move {
            let whose = (due.tenant, due.id);
            let done = match due.job {
                Job::Check => {
                    app.routine_check(whose, (&hosts, interval), &tenure).await.map(Finished::Checked)
                }
                Job::Expiry => {
                    let told = match tenure.check() {
                        Ok(()) => app.note_dates(whose, ladder.as_deref().unwrap_or_default()).await,
                        Err(over) => Err(over),
                    };
                    told.map(|()| Finished::Told)
                }
            };
            if let Ok(Finished::Checked(Checked::Made(verdict, _))) = &done {
                app.0.numbers.count(*verdict);
                app.0.numbers.began(late);
            }
            done.unwrap_or_else(|error| failed(&app, &due, &error))
        });
        self.started.insert(task.id(), due);
    }

    pub(super) async fn finish(&mut self, due: Due, finished: Finished) -> Result<(), AppError> {
        match due.job {
            Job::Check => self.finish_check(due, finished).await,
            Job::Expiry => self.finish_expiry(due, &finished).await,
        }
    }

    async fn finish_check(&mut self, due: Due, finished: Finished) -> Result<(), AppError> {
        self.tenants.give_back(&due.tenant);
        if let Finished::Checked(Checked::HostBusy(host)) = finished {
            self.hosts.wait(&host, due);
            return Ok(());
        }
        if let Finished::Checked(Checked::Made(verdict, Told::NothingNew)) = finished {
            self.tally.add(due.tenant, self.app.now().day(), verdict.is_definite_no());
        }
        let now = self.app.now().as_micros();
        let again = match finished {
            Finished::Checked(Checked::Made(Verdict::Inconclusive, _)) => {
                let failures = self.agenda.failed(due.id);
                slots::backoff(due.id.as_uuid(), self.interval, failures).map(|wait| now + wait)
            }
            Finished::Checked(Checked::NotBefore(moment)) => Some(moment.as_micros()),
            Finished::Failed => slots::backoff(due.id.as_uuid(), self.interval, 1).map(|wait| now + wait),
            _ => None,
        };
        if matches!(finished, Finished::Checked(Checked::Made(verdict, _)) if verdict != Verdict::Inconclusive)
        {
            self.agenda.proved(due.id);
        }
        // The next slot at the latest, also when its row cannot be read now.
        let slot = slots::next(due.id.as_uuid(), self.interval, now);
        self.agenda.set(due.tenant, due.id, Job::Check, Some(again.unwrap_or(slot)));
        // Only now: what has nothing to be done is forgotten, and its failures with it.
        self.agenda.back(due.id);
        // The slot of its own component, which may have another interval.
        let slot = self.placed_again(due.tenant, due.id).await?;
        // What was put off on purpose is not brought forward to the next slot.
        if self.agenda.at(due.id, Job::Check).is_some()
            && let Some(next) = again.or(slot)
        {
            self.agenda.set(due.tenant, due.id, Job::Check, Some(next));
        }
        Ok(())
    }

    /// Starts who waited for a place that is free now.
    pub(super) fn go_on(&mut self) {
        let free = self.options.in_all.saturating_sub(self.running.len());
        for due in self.hosts.ready(free) {
            self.start(due);
        }
        let free = self.options.in_all.saturating_sub(self.running.len());
        for due in self.tenants.ready(free) {
            self.start(due);
        }
    }

    async fn finish_expiry(&mut self, due: Due, finished: &Finished) -> Result<(), AppError> {
        // Whatever kept it from being told, it is asked for again, and not without end.
        let now = self.app.now().as_micros();
        let later = Some(now + slots::MINUTE);
        self.agenda.set(due.tenant, due.id, Job::Expiry, later);
        self.place_again(due.tenant, due.id).await?;
        let still_due = self.agenda.at(due.id, Job::Expiry).is_some_and(|at| at <= now);
        if still_due || matches!(finished, Finished::Failed) {
            self.agenda.set(due.tenant, due.id, Job::Expiry, later);
        }
        Ok(())
    }
}

fn failed(app: &crate::App, due: &Due, error: &AppError) -> Finished {
    app.0.numbers.failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // Somebody changed it meanwhile, or something is away that others tell of loudly.
    tracing::debug!(credential.id = %due.id, job = ?due.job, error = error as &dyn std::error::Error, "put off");
    Finished::Failed
}
