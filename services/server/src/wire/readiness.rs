//! Whether log, vault and views answer; asked at most once a second.

use std::time::Duration;

use async_trait::async_trait;
use keytrail_app::{App, Ports};
use keytrail_domain::Timestamp;
use keytrail_ports::Clock;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::http::{Part, Readiness};

const LOG: &str = "log";
/// An answer counts for so long, in seconds.
const FRESH_SECONDS: i64 = 1;
/// A part that is silent for longer is in trouble: `/readyz` itself has three seconds.
const SILENCE: Duration = Duration::from_secs(2);
/// The same of a log that is known to be away: perhaps it is back.
const KNOWN_SILENCE: Duration = Duration::from_millis(250);

pub(crate) struct Readings {
    app: App,
    ports: Ports,
    last: Mutex<Option<(Timestamp, Vec<Part>)>>,
}

impl Readings {
    pub(super) fn new(app: App, ports: Ports) -> Self {
        Self { app, ports, last: Mutex::new(None) }
    }

    fn fresh(&self, now: Timestamp) -> Option<Vec<Part>> {
        let last = self.last.lock();
        last.as_ref().filter(|(at, _)| at.plus_seconds(FRESH_SECONDS) > now).map(|(_, parts)| parts.clone())
    }
}

#[async_trait]
impl Readiness for Readings {
    async fn parts(&self) -> Vec<Part> {
        let now = self.ports.clock.now();
        let is_away = self.ports.log.is_away();
        if let Some(parts) = self.fresh(now).filter(|parts| !is_away || says_away(parts)) {
            return parts;
        }
        let patience = if is_away { KNOWN_SILENCE } else { SILENCE };
        let (log, vault) = tokio::join!(
            trouble(patience, self.ports.log.head()),
            trouble(SILENCE, self.ports.secrets.health())
        );
        let behind = !self.app.views_caught_up() || !self.app.views_are_current();
        let lagging = behind.then(|| "catching up with the event log".to_owned());
        let parts = vec![
            Part { name: LOG, trouble: log },
            Part { name: "vault", trouble: vault },
            Part { name: "views", trouble: lagging },
        ];
        *self.last.lock() = Some((now, parts.clone()));
        parts
    }
}

/// Whether that is what was answered last.
fn says_away(parts: &[Part]) -> bool {
    parts.iter().any(|part| part.name == LOG && part.trouble.is_some())
}

/// What is wrong with a part that was asked.
async fn trouble<T, E: std::fmt::Display>(
    patience: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Option<String> {
    match timeout(patience, asked).await {
        Ok(answer) => answer.err().map(|error| error.to_string()),
        Err(_) => Some("does not answer".to_owned()),
    }
}
