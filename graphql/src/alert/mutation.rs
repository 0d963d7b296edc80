//! Changes of alerts by people.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_domain::AlertId;

use super::Alert;
use crate::{
    context::{app, caller},
    error::{OrFail, bad_id},
    input::{mutation, revision},
    payload::payload,
};

/// An alert that somebody takes care of.
#[derive(InputObject, Clone)]
pub struct AcknowledgeAlertInput {
    /// The alert.
    pub alert_id: ID,
    /// For the others.
    pub note: Option<String>,
    /// Only when the alert is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An alert that is over.
#[derive(InputObject, Clone)]
pub struct ResolveAlertInput {
    /// The alert.
    pub alert_id: ID,
    /// For the others.
    pub note: Option<String>,
    /// Only when the alert is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The alert that somebody takes care of.
    AcknowledgeAlertPayload {
        /// The alert.
        alert: Alert
    }
}
payload! {
    /// The alert that is over.
    ResolveAlertPayload {
        /// The alert.
        alert: Alert
    }
}

/// Changes of alerts.
#[derive(Default)]
pub struct AlertMutation;

#[Object]
impl AlertMutation {
    /// Say that you take care of an alert.
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        input: AcknowledgeAlertInput,
    ) -> Result<AcknowledgeAlertPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("acknowledgeAlert", input.idempotency_key.clone(), &input);
        let (id, expected) = (alert_id(&input.alert_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.acknowledge_alert(&call, mutation, id, input.note, expected).await.or_fail(ctx)?;
        let alert = app.alert(&call, id).await.or_fail(ctx)?.map(Alert::now);
        Ok(AcknowledgeAlertPayload::new(&done, alert))
    }

    /// Say that an alert is over. It opens again when its cause is seen again.
    async fn resolve_alert(
        &self,
        ctx: &Context<'_>,
        input: ResolveAlertInput,
    ) -> Result<ResolveAlertPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("resolveAlert", input.idempotency_key.clone(), &input);
        let (id, expected) = (alert_id(&input.alert_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.resolve_alert(&call, mutation, id, input.note, expected).await.or_fail(ctx)?;
        let alert = app.alert(&call, id).await.or_fail(ctx)?.map(Alert::now);
        Ok(ResolveAlertPayload::new(&done, alert))
    }
}

fn alert_id(id: &ID) -> Result<AlertId> {
    AlertId::parse(id).map_err(|error| bad_id("input.alertId", &error))
}
