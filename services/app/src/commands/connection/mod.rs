//! Connections: made, changed, given credentials, and moved from state to state.

mod attach;
mod create;
mod state;

use keytrail_domain::{
    ConnectionId, StreamId,
    connection::{Connection, ConnectionCommand, ConnectionUpdate, State},
};
use keytrail_ports::{Action, Object, views::ConnectionRow};

use crate::{
    App, AppError, Call, ConnectionChange, Done, Mutation,
    claims::Claim,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    usage::Consumer,
};

pub(crate) type Answer = Result<Done<ConnectionId>, AppError>;

/// A change of a connection that is authorised and not done yet.
struct Target {
    id: ConnectionId,
    /// As the views have it.
    row: ConnectionRow,
    ticket: Ticket,
    expected: Option<u64>,
    _alone: Claim,
}

impl App {
    /// Changes what people wrote down about a connection.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name; bad input.
    pub async fn update_connection(
        &self,
        call: &Call,
        mutation: Mutation,
        change: ConnectionChange,
    ) -> Answer {
        let which = (change.id, change.expected_revision);
        let target = match self.connection_target(call, &mutation, Action::Update, which).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let row = &target.row;
        let consumer = Consumer::Connection(row.id);
        let _name = match &change.name {
            Some(name) => Some(self.hold_consumer_name(row.tenant, row.owner, name, consumer).await?),
            None => None,
        };
        let secret_fields = self.secret_fields_of(row.tenant, &row.component).await?;
        let update = ConnectionUpdate {
            name: change.name,
            description: change.description,
            url: change.url,
            metadata: change.metadata,
            labels: change.labels,
            secret_fields,
        };
        self.change_connection(call, &target, |_| Ok(ConnectionCommand::Update(Box::new(update.clone()))))
            .await
    }

    /// Authorises by the connection's owner, and answers a repeated mutation at once.
    async fn connection_target(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        (id, expected): (ConnectionId, Option<u64>),
    ) -> Result<Result<Target, Done<ConnectionId>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let tenant = call.principal.tenant;
        let row = self.ports().views.connections_by_id(tenant, &[id]).await?.pop();
        let row = row.ok_or(AppError::NotFound)?;
        self.authorize(call, action, Object::Connection(row.owner)).await?;
        Ok(match self.admit(call, mutation, About::Stream(StreamId::connection(tenant, id))).await? {
            Admission::Done(done) => Err(replayed(done)?),
            Admission::Do(ticket) => {
                let _alone = self.alone_with(Consumer::Connection(id)).await?;
                Ok(Target { id, row, ticket, expected, _alone })
            }
        })
    }

    /// The connection as the log has it.
    async fn loaded_connection(&self, call: &Call, id: ConnectionId) -> Result<Connection, AppError> {
        self.load(&StreamId::connection(call.principal.tenant, id)).await
    }

    async fn change_connection(
        &self,
        call: &Call,
        target: &Target,
        make: impl Fn(&Connection) -> Result<ConnectionCommand, AppError> + Send + Sync,
    ) -> Answer {
        let stream = StreamId::connection(call.principal.tenant, target.id);
        let execution = Execution::of(call, stream, &target.ticket).at(target.expected);
        let done = self.execute::<Connection>(execution, make).await?;
        Ok(done.map(|()| target.id))
    }
}

/// What was checked and reserved must still be what is there.
fn still(seen: &State, now: &Connection) -> Result<(), AppError> {
    let same = |now: &State| (now.state, &now.credentials) == (seen.state, &seen.credentials);
    if now.known().is_some_and(same) {
        return Ok(());
    }
    Err(AppError::conflict("the connection was changed at the same time: try again"))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let missing = || AppError::internal("the key is of another kind");
    let id = done.value.connection_id().ok_or_else(missing)?;
    Ok(done.map(|_| id))
}
