//! Numbers for a dashboard.

use std::collections::BTreeMap;

use keytrail_domain::alert::{AlertState, Cause, Severity};
use keytrail_ports::Scope;
use keytrail_ports::views::{AlertFilter, CredentialFilter, CredentialOrder, PageRequest, StatusCounts};

use crate::{App, AppError, Call, Stats, schedule::tally};

/// Longest daily series, in days.
const LONGEST_SERIES: u32 = 366;

impl App {
    /// Counts of what the caller may see, and the daily series of checks.
    ///
    /// # Errors
    /// Bad input for too many days.
    pub async fn stats(&self, call: &Call, days: u32) -> Result<Stats, AppError> {
        if !(1..=LONGEST_SERIES).contains(&days) {
            return Err(AppError::bad_input("days", format!("must be 1 to {LONGEST_SERIES}")));
        }
        let counts = self.counts(call).await?;
        let tenant = call.principal.tenant;
        let first = self.now().plus_days(1 - i64::from(days)).day();
        // The series is the tenant's: whoever does not see all of it sees none of it.
        let daily = match self.ports().authorizer.scope(&call.principal).await? {
            Scope::All => {
                let events = self.ports().views.daily(tenant, &first).await?;
                let now = self.now();
                let series = (0..i64::from(days)).rev().map(|ago| now.plus_days(-ago).day());
                tally::with_kept(&*self.ports().journal, tenant, events, series).await?
            }
            Scope::GrantedTo(_) => Vec::new(),
        };
        let open_alerts = self.open_alerts(call, AlertFilter::default()).await?;
        let (mut alerts_by_severity, mut alerts_by_cause) = (Vec::new(), Vec::new());
        if open_alerts > 0 {
            for severity in [Severity::Critical, Severity::Warning, Severity::Info] {
                let filter = AlertFilter { severities: vec![severity], ..AlertFilter::default() };
                alerts_by_severity.push((severity, self.open_alerts(call, filter).await?));
            }
            for cause in Cause::ALL {
                let filter = AlertFilter { causes: vec![cause], ..AlertFilter::default() };
                alerts_by_cause.push((cause, self.open_alerts(call, filter).await?));
            }
            alerts_by_severity.retain(|(_, count)| *count > 0);
            alerts_by_cause.retain(|(_, count)| *count > 0);
        }
        Ok(Stats { counts, daily, open_alerts, alerts_by_severity, alerts_by_cause })
    }

    async fn counts(&self, call: &Call) -> Result<StatusCounts, AppError> {
        let (filter, order) = (CredentialFilter::default(), CredentialOrder::default());
        let query = self.credential_query(call, filter, order, PageRequest::first(1)).await?;
        Ok(self.ports().views.status_counts(query).await?)
    }

    /// Credentials of each component that the caller may see.
    ///
    /// # Errors
    /// As every query.
    pub async fn counts_by_component(&self, call: &Call) -> Result<BTreeMap<String, u64>, AppError> {
        Ok(self.counts(call).await?.by_component.into_iter().collect())
    }

    async fn open_alerts(&self, call: &Call, filter: AlertFilter) -> Result<u64, AppError> {
        let states = vec![AlertState::Open, AlertState::Acknowledged];
        self.count_alerts(call, AlertFilter { states, ..filter }).await
    }
}
