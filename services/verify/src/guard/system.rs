//! The machine's own name service. It knows the hosts file, search lists and whatever else the machine is
//! set up with, but a question to it cannot be called back: one that is never answered holds a thread for
//! as long as the system is patient. So names that hang are kept from taking the threads of all others.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::{
    GuardError, Lookup,
    limit::{Limits, Place},
};

/// How the system is asked: blocks until there is an answer.
type Ask = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;
/// An answer for all who wait for it; none yet at first.
type Answer = Option<Result<Vec<IpAddr>, io::ErrorKind>>;

/// The machine's own name service.
///
/// Promises: a name is asked for once at a time, and all who want it then get that answer; answers are
/// not kept. One that is not answered in good time is refused to newcomers until it is, and for a short
/// while after it failed. Names of one domain have a few places of all, so that they hold back no others.
/// A name that is not asked for because of all the others is [`GuardError::Busy`] and no failure of its own.
pub struct SystemLookup {
    desk: Arc<Desk>,
}

struct Desk {
    ask: Box<Ask>,
    places: Limits,
    under_way: Mutex<HashMap<String, Asked>>,
    /// Names that took too long and failed, with the moment until which they are not asked for again.
    silent: Cache<String, Instant>,
    late: Duration,
    quiet: Duration,
}

struct Asked {
    since: Instant,
    answer: watch::Receiver<Answer>,
}

impl SystemLookup {
    /// Threads that can wait for answers at once. A tenant has 64 checks at once and each gives up after ten
    /// seconds, while the system may wait for half a minute: he alone cannot take all.
    const AT_ONCE: usize = 512;
    /// Much for what a look-up does, and little for hundreds of them.
    const STACK: usize = 512 * 1024;
    /// Those of them for names of one domain.
    const PER_DOMAIN: usize = 4;
    /// Domains that can be asked about, or waited for, at once.
    const MOST_DOMAINS: usize = 1024;
    /// Silent names that are remembered.
    const MOST_SILENT: usize = 1024;
    /// No answer is expected any more: the usual resolver gives its second server a chance after five seconds.
    const LATE: Duration = Duration::from_secs(7);
    /// How long a name that failed late is left alone.
    const QUIET: Duration = Duration::from_secs(10);

    /// A name service as the client takes it.
    pub fn shared() -> Arc<dyn Lookup> {
        Arc::new(Self::asking(ask_system, Self::LATE, Self::QUIET))
    }

    fn asking(
        ask: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
        late: Duration,
        quiet: Duration,
    ) -> Self {
        let desk = Desk {
            ask: Box::new(ask),
            places: Limits::new(Self::AT_ONCE, Self::PER_DOMAIN, Self::MOST_DOMAINS),
            under_way: Mutex::default(),
            silent: Cache::new(Self::MOST_SILENT),
            late,
            quiet,
        };
        Self { desk: Arc::new(desk) }
    }
}

fn ask_system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect())
}

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut answer = match self.desk.joined(name)? {
            Some(answer) => answer,
            None => {
                let place = self.desk.places.place_within(&domain_of(name), self.desk.late).await;
                self.desk.begun(name, place.map_err(io::Error::other)?)?
            }
        };
        let answered = answer.wait_for(Option::is_some).await.map_err(io::Error::other)?;
        match &*answered {
            Some(Ok(found)) => Ok(found.clone()),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(io::ErrorKind::Other.into()),
        }
    }
}

impl Desk {
    /// The answer that others already wait for.
    fn joined(&self, name: &str) -> io::Result<Option<watch::Receiver<Answer>>> {
        self.known(&self.under_way.lock(), name)
    }

    fn known(
        &self,
        under_way: &HashMap<String, Asked>,
        name: &str,
    ) -> io::Result<Option<watch::Receiver<Answer>>> {
        if self.silent.get(name).is_some_and(|until| Instant::now() < until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match under_way.get(name) {
            Some(asked) if asked.since.elapsed() >= self.late => Err(io::ErrorKind::TimedOut.into()),
            asked => Ok(asked.map(|asked| asked.answer.clone())),
        }
    }

    /// Asks on a thread of its own, which the runtime does not wait for when it ends.
    fn begun(self: &Arc<Self>, name: &str, place: Place) -> io::Result<watch::Receiver<Answer>> {
        let mut under_way = self.under_way.lock();
        // Others may have been here while this one waited for a place.
        if let Some(answer) = self.known(&under_way, name)? {
            return Ok(answer);
        }
        let (tell, answer) = watch::channel(None);
        let since = Instant::now();
        let (desk, asked) = (Arc::clone(self), name.to_owned());
        let thread = thread::Builder::new().name("name look-up".to_owned()).stack_size(SystemLookup::STACK);
        let work = move || {
            let found = (desk.ask)(&asked).map_err(|error| error.kind());
            desk.ended(asked, since, found.is_err());
            drop(place);
            tell.send_replace(Some(found));
        };
        // A machine without threads says nothing of the name.
        thread.spawn(work).map_err(|_| io::Error::other(GuardError::Busy))?;
        under_way.insert(name.to_owned(), Asked { since, answer: answer.clone() });
        Ok(answer)
    }

    fn ended(&self, name: String, since: Instant, failed: bool) {
        let mut under_way = self.under_way.lock();
        under_way.remove(&name);
        if failed && since.elapsed() >= self.late {
            self.silent.insert(name, Instant::now() + self.quiet);
        }
    }
}

/// Where a country's registry sells names one level further down, as in `co.uk`.
const SOLD_BELOW: [&str; 10] = ["ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"];

/// What names must share to be taken for one owner's. Too coarse is safe: a stranger among them only
/// waits longer. Too fine is not: one owner could take all places with names below his own.
fn domain_of(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut labels: Vec<_> = name.rsplitn(4, '.').take(3).collect();
    if !matches!(labels[..], [country, second, _] if country.len() == 2 && SOLD_BELOW.contains(&second)) {
        labels.truncate(2);
    }
    labels.reverse();
    labels.join(".")
}

#[cfg(test)]
mod tests;
