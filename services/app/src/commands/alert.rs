//! Alerts, as far as people change them.

use keytrail_domain::{
    AlertId, StreamId,
    alert::{Alert, AlertCommand, Subject},
};
use keytrail_ports::{Action, Object};

use crate::{
    App, AppError, Call, Done, Mutation,
    execute::Execution,
    idempotency::{About, Admission},
};

type Answer = Result<Done<AlertId>, AppError>;

impl App {
    /// Somebody takes care of an alert.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` for a resolved one.
    pub async fn acknowledge_alert(
        &self,
        call: &Call,
        mutation: Mutation,
        id: AlertId,
        note: Option<String>,
        expected: Option<u64>,
    ) -> Answer {
        self.change_alert(call, mutation, (id, expected), AlertCommand::Acknowledge { note }).await
    }

    /// Somebody says that an alert is over.
    ///
    /// # Errors
    /// As every change.
    pub async fn resolve_alert(
        &self,
        call: &Call,
        mutation: Mutation,
        id: AlertId,
        note: Option<String>,
        expected: Option<u64>,
    ) -> Answer {
        self.change_alert(call, mutation, (id, expected), AlertCommand::Resolve { note }).await
    }

    async fn change_alert(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (AlertId, Option<u64>),
        command: AlertCommand,
    ) -> Answer {
        let tenant = call.principal.tenant;
        self.ports().authorizer.role(&call.principal).await?;
        let row = self.ports().views.alert(tenant, id).await?.ok_or(AppError::NotFound)?;
        match row.about {
            Subject::Credential(credential) => {
                self.authorize(call, Action::Acknowledge, Object::Credential(credential)).await?;
            }
            Subject::WebhookEndpoint(endpoint) => {
                let team = self.team_of_endpoint(tenant, endpoint).await?.ok_or(AppError::NotFound)?;
                self.authorize(call, Action::Update, Object::WebhookEndpoint(team)).await?;
            }
        }
        let stream = StreamId::alert(tenant, row.about, row.cause.as_str());
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| id)),
            Admission::Do(ticket) => ticket,
        };
        let execution = Execution::of(call, stream, &ticket).at(expected);
        let done = self.execute::<Alert>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| id))
    }
}
