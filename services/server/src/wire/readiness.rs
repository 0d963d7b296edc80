//! Whether log, vault and views answer; asked at most once a second.

use async_trait::async_trait;
use keytrail_app::{App, Ports};
use keytrail_domain::Timestamp;
use keytrail_ports::Clock;
use parking_lot::Mutex;

use crate::http::{Part, Readiness};

/// An answer counts for so long, in seconds.
const FRESH_SECONDS: i64 = 1;

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
        let (log, vault) = tokio::join!(self.ports.log.head(), self.ports.secrets.health());
        let lagging = (!self.app.views_caught_up()).then(|| "catching up with the event log".to_owned());
        let parts = vec![
            Part { name: "log", trouble: log.err().map(|error| error.to_string()) },
            Part { name: "vault", trouble: vault.err().map(|error| error.to_string()) },
            Part { name: "views", trouble: lagging },
        ];
        *self.last.lock() = Some((now, parts.clone()));
        parts
    }
}
