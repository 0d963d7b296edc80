//! How many checks go on at once: in all, for one tenant, and towards one host.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use keytrail_domain::TenantId;
use parking_lot::Mutex;

use super::agenda::Due;

/// Places of one kind, and who waits for one.
pub(super) struct Places<K> {
    most: usize,
    taken: HashMap<K, usize>,
    waiting: HashMap<K, VecDeque<Due>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: HashMap::new(), waiting: HashMap::new() }
    }

    pub(super) fn take(&mut self, key: &K) -> bool {
        let taken = self.taken.entry(key.clone()).or_default();
        let free = *taken < self.most;
        *taken += usize::from(free);
        free
    }

    pub(super) fn give_back(&mut self, key: &K) {
        if let Some(taken) = self.taken.get_mut(key) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                self.taken.remove(key);
            }
        }
    }

    /// Each credential waits at most once, so queues are bounded by their number.
    pub(super) fn wait(&mut self, key: &K, due: Due) {
        self.waiting.entry(key.clone()).or_default().push_back(due);
    }

    /// Who may go on with the places that are free, at most so many.
    pub(super) fn ready(&mut self, most: usize) -> Vec<Due> {
        let mut ready = Vec::new();
        for (key, queue) in &mut self.waiting {
            let taken = self.taken.get(key).copied().unwrap_or_default();
            let free = self.most.saturating_sub(taken).min(most - ready.len());
            ready.extend(queue.drain(..free.min(queue.len())));
        }
        self.waiting.retain(|_, queue| !queue.is_empty());
        ready
    }

    /// How many wait, and since when the first one does.
    pub(super) fn waiting(&self) -> (usize, Option<i64>) {
        let queues = self.waiting.values();
        let first = queues.clone().filter_map(|queue| queue.front()).map(|due| due.at).min();
        (queues.map(VecDeque::len).sum(), first)
    }
}

/// The places towards hosts, which a check takes when it knows where it goes.
#[derive(Clone)]
pub(super) struct Hosts(Arc<Mutex<Places<String>>>);

/// A place towards a host, until it is dropped.
pub(super) struct HostPlace {
    hosts: Hosts,
    host: String,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Places::new(most))))
    }

    pub(super) fn take(&self, host: &str) -> Option<HostPlace> {
        let taken = self.0.lock().take(&host.to_owned());
        taken.then(|| HostPlace { hosts: self.clone(), host: host.to_owned() })
    }

    pub(super) fn wait(&self, host: &str, due: Due) {
        self.0.lock().wait(&host.to_owned(), due);
    }

    pub(super) fn ready(&self, most: usize) -> Vec<Due> {
        self.0.lock().ready(most)
    }

    pub(super) fn waiting(&self) -> (usize, Option<i64>) {
        self.0.lock().waiting()
    }
}

impl Drop for HostPlace {
    fn drop(&mut self) {
        self.hosts.0.lock().give_back(&self.host);
    }
}

/// The places of tenants.
pub(super) type Tenants = Places<TenantId>;

#[cfg(test)]
mod tests {
    use keytrail_domain::CredentialId;
    use uuid::Uuid;

    use super::{super::agenda::Job, *};

    fn due(number: u128) -> Due {
        let id = CredentialId::from_uuid(Uuid::from_u128(number));
        Due { at: 0, job: Job::Check, tenant: TenantId::of_slug("acme"), id }
    }

    #[test]
    fn who_waits_goes_on_in_order_as_soon_as_a_place_is_free() {
        let hosts = Hosts::new(2);
        let first = hosts.take("a");
        let _second = hosts.take("a").unwrap();
        assert!(first.is_some() && hosts.take("a").is_none() && hosts.take("b").is_some());
        hosts.wait("a", due(1));
        hosts.wait("a", due(2));
        assert_eq!(hosts.ready(9), []);
        assert_eq!(hosts.waiting(), (2, Some(0)));
        drop(first);
        assert_eq!(hosts.ready(0), []);
        assert_eq!(hosts.ready(9), [due(1)]);
        assert_eq!(hosts.waiting().0, 1);
    }
}
