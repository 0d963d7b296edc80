//! Questions about alerts.

use async_graphql::{Context, InputObject, Object, Result};
use keytrail_app::Counted;
use keytrail_ports::views::AlertFilter;

use super::Alert;
use crate::{
    context::{app, caller},
    enums::{AlertSeverity, AlertState},
    error::{OrFail, bad_id},
    page::{Paged, Window, connection, cost},
};

/// Which alerts; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct AlertFilterInput {
    /// In this state.
    pub state: Option<AlertState>,
    /// Of this severity.
    pub severity: Option<AlertSeverity>,
    /// Of this credential.
    pub credential_id: Option<async_graphql::ID>,
}

impl AlertFilterInput {
    pub(crate) fn into_port(self) -> Result<AlertFilter> {
        let credential = self.credential_id.map(|id| keytrail_domain::CredentialId::parse(&id));
        Ok(AlertFilter {
            states: self.state.into_iter().map(Into::into).collect(),
            severities: self.severity.into_iter().map(Into::into).collect(),
            credential: credential.transpose().map_err(|error| bad_id("filter.credentialId", &error))?,
            ..AlertFilter::default()
        })
    }
}

/// Alerts.
#[derive(Default)]
pub struct AlertQuery;

#[Object]
impl AlertQuery {
    /// Alerts of credentials that the viewer may see, newest first.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which alerts")] filter: Option<AlertFilterInput>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Alert>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.alerts(&call, filter.clone(), page).await.or_fail(ctx)?;
        Ok(connection(listed, Alert::now, Counted::Alerts(filter)))
    }
}
