//! How much goes on at once, in all and towards one host.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::GuardError;

/// Places for requests. Hosts are remembered only while something is on its way to them.
#[derive(Debug)]
pub(super) struct Limits {
    all: Arc<Semaphore>,
    per_host: usize,
    most_hosts: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to talk to one host, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Limits {
    pub(super) fn new(in_all: usize, per_host: usize, most_hosts: usize) -> Self {
        let all = Arc::new(Semaphore::new(in_all));
        Self { all, per_host, most_hosts, hosts: Mutex::default() }
    }

    /// Waits for a place. The host's comes first, so that those who wait for a slow host hold
    /// back nobody else.
    pub(super) async fn place(&self, host: &str) -> Result<Place, GuardError> {
        self.place_within(host, Duration::MAX).await
    }

    /// The same, but [`GuardError::Busy`] when all places are taken for that long. A host that takes all of
    /// its own has itself to blame, and is waited for.
    pub(super) async fn place_within(&self, host: &str, patience: Duration) -> Result<Place, GuardError> {
        let of_host = self.of_host(host)?;
        let host = of_host.acquire_owned().await.map_err(|_| GuardError::Busy)?;
        let all = timeout(patience, Arc::clone(&self.all).acquire_owned()).await;
        let all = all.ok().and_then(Result::ok).ok_or(GuardError::Busy)?;
        Ok(Place { _host: host, _all: all })
    }

    /// How many hosts are known.
    #[cfg(test)]
    pub(super) fn hosts(&self) -> usize {
        self.hosts.lock().len()
    }

    fn of_host(&self, host: &str) -> Result<Arc<Semaphore>, GuardError> {
        let mut hosts = self.hosts.lock();
        if let Some(known) = hosts.get(host) {
            return Ok(Arc::clone(known));
        }
        if hosts.len() >= self.most_hosts {
            // Whoever waits or works holds a second reference.
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        if hosts.len() >= self.most_hosts {
            return Err(GuardError::Busy);
        }
        let places = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(host.to_owned(), Arc::clone(&places));
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    /// Polls once: the place, or none when it has to be waited for.
    async fn at_once(limits: &Limits, host: &str) -> Option<Result<Place, GuardError>> {
        let mut waiting = pin!(limits.place(host));
        std::future::poll_fn(|context| match waiting.as_mut().poll(context) {
            Poll::Ready(found) => Poll::Ready(Some(found)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn a_host_has_its_own_places() {
        let limits = Limits::new(10, 2, 10);
        let first = limits.place("a").await.unwrap();
        let _second = limits.place("a").await.unwrap();
        assert!(at_once(&limits, "a").await.is_none(), "the third has to wait");
        assert!(at_once(&limits, "b").await.is_some(), "others are not held back");
        drop(first);
        assert!(at_once(&limits, "a").await.is_some());
    }

    #[tokio::test]
    async fn there_is_a_limit_in_all() {
        let limits = Limits::new(1, 2, 10);
        let _first = limits.place("a").await.unwrap();
        assert!(at_once(&limits, "b").await.is_none());
    }

    #[tokio::test]
    async fn idle_hosts_are_forgotten_and_busy_ones_bound_the_map() {
        let limits = Limits::new(10, 1, 2);
        for n in 0..100 {
            limits.place(&n.to_string()).await.unwrap();
        }
        assert!(limits.hosts.lock().len() <= 2);
        let _busy = (limits.place("a").await.unwrap(), limits.place("b").await.unwrap());
        assert_eq!(limits.place("c").await.unwrap_err(), GuardError::Busy);
    }
}
