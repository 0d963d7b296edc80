//! Alerts of webhook endpoints: one that was disabled by its receiver's silence is a problem until
//! somebody enables or deletes it.

use keytrail_domain::{
    Principal, RecordedEvent, StreamId,
    alert::{Alert, AlertCommand, Cause, Severity},
    webhook::{DisabledReason, WebhookEndpointEvent as E},
};

use super::alerts::NAME;
use crate::{App, AppError, Call, execute::Execution};

impl App {
    /// True when it changed an alert.
    pub(super) async fn react_to_endpoint(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        let Some(endpoint) = event.stream.webhook_endpoint_id() else { return Ok(false) };
        let source = event.id;
        let command = match event.decode()? {
            E::Disabled { reason: DisabledReason::ByHand } => return Ok(false),
            E::Disabled { reason } => AlertCommand::Raise {
                about: endpoint.into(),
                cause: Cause::WebhookFailing,
                severity: Severity::Critical,
                message: message(reason).into(),
                source,
            },
            E::Enabled {} | E::Deleted {} => AlertCommand::Recover { source },
            _ => return Ok(false),
        };
        let (tenant, cause) = (event.stream.tenant_id(), Cause::WebhookFailing.as_str());
        let stream = StreamId::alert(tenant, endpoint, cause);
        if matches!(command, AlertCommand::Recover { .. }) && self.was_raised_later(event, &stream).await? {
            return Ok(false);
        }
        let call =
            Call { principal: Principal::internal(tenant, NAME), correlation: event.meta()?.correlation };
        let execution = Execution {
            call: &call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((source, cause)),
            fresh: false,
            from: 0,
        };
        self.execute::<Alert>(execution, |_| Ok(command.clone())).await?;
        Ok(true)
    }
}

fn message(reason: DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Gone => {
            "the receiver answered 410: nothing is delivered until the endpoint is enabled"
        }
        DisabledReason::Failing | DisabledReason::ByHand => {
            "nothing could be delivered for five days: nothing more is tried until the endpoint is enabled"
        }
    }
}
