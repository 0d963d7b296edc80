//! Whether log, vault and views answer; asked at most once a second.

use std::time::Duration;

use async_trait::async_trait;
use keytrail_app::{App, Ports};
use keytrail_domain::Timestamp;
use keytrail_ports::Clock;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::http::{Part, Readiness};

/// An answer counts for so long, in seconds.
const FRESH_SECONDS: i64 = 1;
/// A part that is silent for longer is in trouble: `/readyz` itself has three seconds.
const SILENCE: Duration = Duration::from_secs(2);

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
        if let Some(parts) = self.fresh(now) {
            return parts;
        }
        let (log, vault) = tokio::join!(trouble(self.ports.log.head()), trouble(self.ports.secrets.health()));
        let lagging = (!self.app.views_caught_up()).then(|| "catching up with the event log".to_owned());
        let parts = vec![
            Part { name: "log", trouble: log },
            Part { name: "vault", trouble: vault },
            Part { name: "views", trouble: lagging },
        ];
        *self.last.lock() = Some((now, parts.clone()));
        parts
    }
}

/// What is wrong with a part that was asked.
async fn trouble<T, E: std::fmt::Display>(asked: impl Future<Output = Result<T, E>>) -> Option<String> {
    match timeout(SILENCE, asked).await {
        Ok(answer) => answer.err().map(|error| error.to_string()),
        Err(_) => Some("does not answer".to_owned()),
    }
}
