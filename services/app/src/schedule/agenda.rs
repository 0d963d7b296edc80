//! What is due when, in memory: two numbers for each credential, in order of time.

use std::collections::{BTreeSet, HashMap};

use keytrail_domain::{CredentialId, TenantId};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Job {
    /// Ask the real system.
    Check,
    /// Tell of an end.
    Expiry,
}

/// One thing to be done with one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: i64,
    pub(super) job: Job,
    pub(super) tenant: TenantId,
    pub(super) id: CredentialId,
}

/// Moments in microseconds. Each credential stands here at most once for each job, so the agenda
/// is as long as there are credentials, whatever happens.
#[derive(Default)]
pub(super) struct Agenda {
    by_time: BTreeSet<(i64, CredentialId, Job)>,
    of: HashMap<CredentialId, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    tenant: TenantId,
    check: Option<i64>,
    expiry: Option<i64>,
    /// Taken out, and not back yet.
    busy: bool,
    /// Answers in a row that proved nothing.
    failures: u32,
}

impl Agenda {
    /// Sets, moves or takes away one moment.
    pub(super) fn set(&mut self, tenant: TenantId, id: CredentialId, job: Job, at: Option<i64>) {
        let fresh = Entry { tenant, check: None, expiry: None, busy: false, failures: 0 };
        let entry = self.of.entry(id).or_insert(fresh);
        let slot = match job {
            Job::Check => &mut entry.check,
            Job::Expiry => &mut entry.expiry,
        };
        if let Some(old) = std::mem::replace(slot, at) {
            self.by_time.remove(&(old, id, job));
        }
        if let Some(at) = at {
            self.by_time.insert((at, id, job));
        }
        self.tidy(id);
    }

    pub(super) fn at(&self, id: CredentialId, job: Job) -> Option<i64> {
        let entry = self.of.get(&id)?;
        match job {
            Job::Check => entry.check,
            Job::Expiry => entry.expiry,
        }
    }

    /// Takes out what was due first, if it is due. A check stays noted as being under way.
    pub(super) fn take(&mut self, now: i64) -> Option<Due> {
        let (at, id, job) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        let entry = self.of.get_mut(&id)?;
        match job {
            Job::Check => (entry.check, entry.busy) = (None, true),
            Job::Expiry => entry.expiry = None,
        }
        let tenant = entry.tenant;
        self.tidy(id);
        Some(Due { at, job, tenant, id })
    }

    /// A check is not under way any more.
    pub(super) fn back(&mut self, id: CredentialId) {
        if let Some(entry) = self.of.get_mut(&id) {
            entry.busy = false;
        }
        self.tidy(id);
    }

    pub(super) fn is_busy(&self, id: CredentialId) -> bool {
        self.of.get(&id).is_some_and(|entry| entry.busy)
    }

    /// One more answer that proved nothing; how many that are in a row.
    pub(super) fn failed(&mut self, id: CredentialId) -> u32 {
        self.of.get_mut(&id).map_or(1, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            entry.failures
        })
    }

    pub(super) fn proved(&mut self, id: CredentialId) {
        if let Some(entry) = self.of.get_mut(&id) {
            entry.failures = 0;
        }
    }

    /// When the first thing is due.
    pub(super) fn first(&self) -> Option<i64> {
        self.by_time.first().map(|(at, ..)| *at)
    }

    /// Credentials with something to be done.
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    fn tidy(&mut self, id: CredentialId) {
        let idle = |entry: &Entry| entry.check.is_none() && entry.expiry.is_none() && !entry.busy;
        if self.of.get(&id).is_some_and(idle) {
            self.of.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{super::slots, *};

    fn id(number: u128) -> CredentialId {
        CredentialId::from_uuid(Uuid::from_u128(number))
    }

    fn tenant() -> TenantId {
        TenantId::of_slug("acme")
    }

    #[test]
    fn what_is_due_comes_in_order_of_time_and_once() {
        let mut agenda = Agenda::default();
        agenda.set(tenant(), id(1), Job::Check, Some(30));
        agenda.set(tenant(), id(2), Job::Check, Some(10));
        agenda.set(tenant(), id(1), Job::Expiry, Some(20));
        agenda.set(tenant(), id(2), Job::Check, Some(15));
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take(25)).map(|due| (due.at, due.id)).collect();
        assert_eq!(taken, [(15, id(2)), (20, id(1))]);
        assert_eq!(agenda.first(), Some(30));
        assert!(agenda.is_busy(id(2)) && !agenda.is_busy(id(1)));
    }

    #[test]
    fn nothing_is_left_of_what_has_nothing_to_be_done() {
        let mut agenda = Agenda::default();
        agenda.set(tenant(), id(1), Job::Check, Some(1));
        agenda.set(tenant(), id(1), Job::Check, None);
        assert_eq!((agenda.len(), agenda.first()), (0, None));
        agenda.set(tenant(), id(1), Job::Check, Some(1));
        agenda.take(1).unwrap();
        assert_eq!(agenda.len(), 1, "under way");
        agenda.back(id(1));
        assert_eq!(agenda.len(), 0);
    }

    /// An hour of 100,000 credentials that are checked once an hour: what the agenda itself costs.
    #[test]
    fn an_hour_of_many_credentials_has_no_crowded_minute() {
        const MANY: u128 = 100_000;
        let (hour, minute) = (3_600_000_000_i64, 60_000_000);
        let mut agenda = Agenda::default();
        for number in 0..MANY {
            let at = slots::next(id(number).as_uuid(), hour, 0);
            agenda.set(tenant(), id(number), Job::Check, Some(at));
        }
        let mut most = 0;
        let mut all = 0;
        for now in (minute..=hour).step_by(60_000_000) {
            let mut this_minute = 0;
            while let Some(due) = agenda.take(now) {
                assert!(now - due.at < minute);
                let next = slots::next(due.id.as_uuid(), hour, due.at);
                agenda.set(due.tenant, due.id, Job::Check, Some(next));
                agenda.back(due.id);
                this_minute += 1;
            }
            (most, all) = (most.max(this_minute), all + this_minute);
        }
        assert!(all >= 100_000, "{all}: each of them");
        assert!(most < 2_100, "{most} in one minute, where 1,754 would be even");
    }
}
