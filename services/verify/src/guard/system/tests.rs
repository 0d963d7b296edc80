use std::{future::Future, pin::pin, task::Poll};

use parking_lot::Condvar;
use tokio::time::timeout;

use super::*;

const NEVER: Duration = Duration::from_secs(600);
const PATIENT: Duration = Duration::from_secs(20);

/// A system that answers no name with "hang" in it before it is released, and then that it failed.
#[derive(Clone, Default)]
struct Hanging {
    asked: Arc<Mutex<Vec<String>>>,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Hanging {
    fn lookup(&self, late: Duration, quiet: Duration) -> Arc<SystemLookup> {
        let system = self.clone();
        let ask = move |name: &str| {
            system.asked.lock().push(name.to_owned());
            if name.contains("hang") {
                let (open, opened) = &*system.open;
                opened.wait_while(&mut open.lock(), |open| !*open);
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(vec![[127, 0, 0, 1].into()])
        };
        Arc::new(SystemLookup::asking(ask, late, quiet))
    }

    fn release(&self) {
        *self.open.0.lock() = true;
        self.open.1.notify_all();
    }

    fn asked(&self, part: &str) -> usize {
        self.asked.lock().iter().filter(|name| name.contains(part)).count()
    }

    async fn is_asked(&self, times: usize) {
        let all = async {
            while self.asked.lock().len() < times {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENT, all).await.unwrap_or_else(|_| panic!("asked only {:?}", self.asked.lock()));
    }
}

/// Asks for all of these, each in a task of its own that gives up with the test.
fn ask_for(lookup: &Arc<SystemLookup>, names: impl IntoIterator<Item = String>) -> tokio::task::JoinSet<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for name in names {
        let lookup = Arc::clone(lookup);
        tasks.spawn(async move { drop(lookup.lookup(&name).await) });
    }
    tasks
}

/// Polls once: the answer, or none when it has to be waited for.
async fn at_once(lookup: &SystemLookup, name: &str) -> Option<io::ErrorKind> {
    let mut waiting = pin!(lookup.lookup(name));
    std::future::poll_fn(|context| match waiting.as_mut().poll(context) {
        Poll::Ready(found) => Poll::Ready(found.err().map(|error| error.kind())),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn is_found(lookup: &SystemLookup, name: &str) {
    let found = timeout(PATIENT, lookup.lookup(name)).await;
    assert_eq!(found.expect("others hold it back").unwrap(), [IpAddr::from([127, 0, 0, 1])], "{name}");
}

#[tokio::test]
async fn a_hundred_names_that_hang_hold_back_no_other() {
    let system = Hanging::default();
    let lookup = system.lookup(NEVER, NEVER);
    let _waiting = ask_for(&lookup, (0..100).map(|n| format!("www.hang{n}.example")));
    system.is_asked(100).await;
    is_found(&lookup, "good.example").await;
}

#[tokio::test]
async fn names_of_one_domain_have_few_of_the_places() {
    let system = Hanging::default();
    let lookup = system.lookup(NEVER, NEVER);
    let _waiting = ask_for(&lookup, (0..1000).map(|n| format!("hang{n}.bad.example.")));
    system.is_asked(SystemLookup::PER_DOMAIN).await;
    is_found(&lookup, "bad.example.org").await;
    assert_eq!(system.asked("hang"), SystemLookup::PER_DOMAIN);
}

#[tokio::test]
async fn whoever_wants_a_name_that_is_asked_for_gets_that_answer() {
    let system = Hanging::default();
    let lookup = system.lookup(NEVER, NEVER);
    let mut waiting = ask_for(&lookup, (0..50).map(|_| "hang.example".to_owned()));
    system.is_asked(1).await;
    assert_eq!(at_once(&lookup, "hang.example").await, None, "it waits with them");
    system.release();
    while waiting.join_next().await.is_some() {}
    assert_eq!(system.asked("hang"), 1);
    // It failed early, so it may be asked for again; and an answer is never kept.
    assert_eq!(lookup.lookup("hang.example").await.unwrap_err().kind(), io::ErrorKind::NotFound);
    is_found(&lookup, "good.example").await;
    is_found(&lookup, "good.example").await;
    assert_eq!((system.asked("hang"), system.asked("good")), (2, 2));
}

#[tokio::test]
async fn a_late_name_is_refused_until_its_quiet_time_is_over() {
    for (quiet, asked) in [(NEVER, 1), (Duration::ZERO, 2)] {
        let system = Hanging::default();
        let lookup = system.lookup(Duration::ZERO, quiet);
        let mut waiting = ask_for(&lookup, ["hang.example".to_owned()]);
        system.is_asked(1).await;
        assert_eq!(at_once(&lookup, "hang.example").await, Some(io::ErrorKind::TimedOut));
        system.release();
        waiting.join_next().await;
        drop(timeout(PATIENT, lookup.lookup("hang.example")).await.unwrap());
        assert_eq!(system.asked("hang"), asked, "quiet for {quiet:?}");
        // Only what failed is left alone.
        is_found(&lookup, "good.example").await;
        is_found(&lookup, "good.example").await;
    }
}

#[test]
fn a_domain_is_what_one_owner_has() {
    for (name, domain) in [
        ("a.b.Example.com.", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("vault.prod.svc.cluster.local", "cluster.local"),
        ("a.b.abc.io", "abc.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("", ""),
    ] {
        assert_eq!(domain_of(name), domain, "{name}");
    }
}

#[tokio::test]
async fn the_machine_knows_itself() {
    let found = SystemLookup::shared().lookup("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
}

/// What the guard makes of an answer.
async fn judged(lookup: &SystemLookup, name: &str) -> GuardError {
    let guard = crate::guard::Guard::default();
    crate::guard::resolve(&guard, lookup, name, crate::guard::Transport::Encrypted).await.unwrap_err()
}

#[tokio::test]
async fn too_many_domains_are_our_trouble_and_not_that_of_the_next_one() {
    let system = Hanging::default();
    let lookup = system.lookup(NEVER, NEVER);
    let names = (0..SystemLookup::MOST_DOMAINS).map(|n| format!("hang{n}.example"));
    let _waiting = ask_for(&lookup, names);
    system.is_asked(SystemLookup::AT_ONCE).await;
    while lookup.desk.places.hosts() < SystemLookup::MOST_DOMAINS {
        tokio::task::yield_now().await;
    }
    assert_eq!(judged(&lookup, "good.example.org").await, GuardError::Busy);
    system.release();
}

#[tokio::test]
async fn a_name_that_gets_no_thread_because_of_others_is_not_to_blame() {
    let system = Hanging::default();
    let lookup = system.lookup(Duration::ZERO, NEVER);
    let _waiting = ask_for(&lookup, (0..SystemLookup::AT_ONCE).map(|n| format!("hang{n}.example")));
    system.is_asked(SystemLookup::AT_ONCE).await;
    assert_eq!(judged(&lookup, "good.example.org").await, GuardError::Busy);
    // One that was asked and does not answer is.
    assert_eq!(judged(&lookup, "hang1.example").await, GuardError::Timeout);
    system.release();
}
