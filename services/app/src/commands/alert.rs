//! Alerts, as far as people change them.

use keytrail_domain::{
    AlertId, StreamId,
    alert::{Alert, AlertCommand, Cause, Subject},
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
    /// `SOMEBODY_ELSE` for who broke the glass that it is about.
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
        if matches!(command, AlertCommand::Resolve { .. }) && row.cause == Cause::BreakGlass {
            self.must_be_another(call, &stream).await?;
        }
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| id)),
            Admission::Do(ticket) => ticket,
        };
        let execution = Execution::of(call, stream, &ticket).at(expected);
        let done = self.execute::<Alert>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| id))
    }

    /// Who took the use of a credential by his role leaves it to somebody else to say that this is settled.
    async fn must_be_another(&self, call: &Call, alert: &StreamId) -> Result<(), AppError> {
        let Some(source) = self.load::<Alert>(alert).await?.source else { return Ok(()) };
        let raised_by = self.ports().views.event(call.principal.tenant, source).await?;
        let member = call.principal.actor.member();
        // What acts for him is not somebody else.
        if member.is_some() && raised_by.and_then(|event| event.actor.member()) != member {
            return Ok(());
        }
        Err(AppError::Refused {
            reason: "SOMEBODY_ELSE",
            message:
                "you took the use of this credential by your role: somebody else has to resolve the alert, \
                      such as its owner"
                    .into(),
            details: serde_json::Value::Null,
        })
    }
}
