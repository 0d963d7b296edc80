//! Numbers for a dashboard.

use async_graphql::{Context, Object, Result, SimpleObject};
use keytrail_app::Stats as AppStats;
use keytrail_domain::Grantee;

use crate::{
    context::{app, caller},
    enums::{AlertCause, AlertSeverity, CredentialStatus},
    error::OrFail,
    team::Team,
};

/// Counts of what the viewer may see.
pub struct Stats(AppStats);

/// Credentials of one status.
#[derive(SimpleObject)]
pub struct StatusCount {
    /// The status.
    status: CredentialStatus,
    /// How many.
    count: u64,
}

/// Open alerts of one severity.
#[derive(SimpleObject)]
pub struct SeverityCount {
    /// The severity.
    severity: AlertSeverity,
    /// How many.
    count: u64,
}

/// Open alerts of one cause.
#[derive(SimpleObject)]
pub struct CauseCount {
    /// The cause.
    cause: AlertCause,
    /// How many.
    count: u64,
}

/// Credentials of one component.
#[derive(SimpleObject)]
pub struct ComponentCount {
    /// The component's slug.
    component: String,
    /// How many.
    count: u64,
}

/// Credentials that one team owns or holds a grant for.
pub struct TeamCount {
    team: keytrail_domain::TeamId,
    count: u64,
}

/// Checks of one day.
#[derive(SimpleObject)]
pub struct DayOfChecks {
    /// The day in UTC, for example `2026-11-22`.
    day: String,
    /// How many checks.
    verifications: u64,
    /// How many of them were a definite no.
    failures: u64,
}

#[Object]
impl TeamCount {
    /// The team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        Team::load(ctx, self.team).await
    }

    /// How many.
    async fn count(&self) -> u64 {
        self.count
    }
}

#[Object]
impl Stats {
    /// Credentials by status; statuses without any are left out.
    async fn by_status(&self) -> Vec<StatusCount> {
        let counts = self.0.counts.by_status.iter();
        counts.map(|(status, count)| StatusCount { status: (*status).into(), count: *count }).collect()
    }

    /// Credentials by component.
    async fn by_component(&self) -> Vec<ComponentCount> {
        let counts = self.0.counts.by_component.iter();
        counts
            .map(|(component, count)| ComponentCount { component: component.clone(), count: *count })
            .collect()
    }

    /// Credentials by team.
    async fn by_team(&self) -> Vec<TeamCount> {
        let counts = self.0.counts.by_team.iter();
        counts
            .filter_map(|(grantee, count)| match grantee {
                Grantee::Team(team) => Some(TeamCount { team: *team, count: *count }),
                Grantee::Member(_) | Grantee::ServiceAccount(_) | Grantee::Environment(_) => None,
            })
            .collect()
    }

    /// Checks by day, oldest first; days without any are left out. For those who see the whole
    /// tenant; empty for others.
    async fn daily(&self) -> Vec<DayOfChecks> {
        let days = self.0.daily.iter();
        days.map(|row| DayOfChecks {
            day: row.day.clone(),
            verifications: row.verifications,
            failures: row.failures,
        })
        .collect()
    }

    /// Alerts that are not resolved.
    async fn open_alerts(&self) -> u64 {
        self.0.open_alerts
    }

    /// Alerts that are not resolved, by severity, worst first; severities without any are left out.
    async fn open_alerts_by_severity(&self) -> Vec<SeverityCount> {
        let counts = self.0.alerts_by_severity.iter();
        counts.map(|(it, count)| SeverityCount { severity: (*it).into(), count: *count }).collect()
    }

    /// Alerts that are not resolved, by cause; causes without any are left out.
    async fn open_alerts_by_cause(&self) -> Vec<CauseCount> {
        let counts = self.0.alerts_by_cause.iter();
        counts.map(|(it, count)| CauseCount { cause: (*it).into(), count: *count }).collect()
    }
}

/// Numbers.
#[derive(Default)]
pub struct StatsQuery;

#[Object]
impl StatsQuery {
    /// Numbers for a dashboard.
    #[graphql(complexity = "10 + child_complexity")]
    async fn stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Length of the daily series, 1 to 366", default = 30)] days: u32,
    ) -> Result<Stats> {
        let call = caller(ctx).await?;
        Ok(Stats(app(ctx)?.stats(&call, days).await.or_fail(ctx)?))
    }
}
