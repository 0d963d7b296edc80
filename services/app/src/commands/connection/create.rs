//! Making a connection, with credentials that are there or with a new one.

use keytrail_domain::{
    ConnectionId, CredentialId, Owner, StreamId, TenantId,
    component::Component,
    connection::{self, Connection, ConnectionCommand},
};
use keytrail_ports::{Action, Object};
use uuid::Uuid;

use super::{Answer, replayed};
use crate::{
    App, AppError, Call, Mutation, NewConnection,
    execute::Execution,
    idempotency::{About, Admission},
    usage::{Consumer, Wanted},
};

impl App {
    /// Makes a connection, and reserves its credentials for it. A credential that is made for it stays
    /// when the connection itself is refused.
    ///
    /// # Errors
    /// `COMPONENT_MISMATCH`; `CONFLICT` for a taken name; what creating a credential can answer.
    pub async fn create_connection(&self, call: &Call, mutation: Mutation, new: NewConnection) -> Answer {
        let owner = self.consumer_owner(call, new.owner, Object::Connection).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.present_owner(call, owner).await?;
        let tenant = call.principal.tenant;
        let component = self.component_named(tenant, &new.component).await?;
        let id = ConnectionId::from_uuid(ticket.id(self));
        let consumer = Consumer::Connection(id);
        let _name = self.hold_consumer_name(tenant, owner, &new.name, consumer).await?;
        let wish = wish(tenant, id, owner, &component, &new);
        // Whatever is wrong with it is said before a credential is made.
        keytrail_domain::Aggregate::decide(
            &Connection::default(),
            &ConnectionCommand::Create(Box::new(wish.clone())),
        )?;
        let credentials = self.credentials_for(call, &mutation, owner, &new).await?;
        let wanted = Wanted::each(&credentials, &component.slug);
        self.reserve(call, consumer, &wanted).await?;
        let wish = connection::NewConnection { credentials, ..wish };
        let execution = Execution::of(call, StreamId::connection(tenant, id), &ticket).fresh();
        let done = self
            .execute::<Connection>(execution, |_| Ok(ConnectionCommand::Create(Box::new(wish.clone()))))
            .await;
        self.undone(call, consumer, &wish.credentials, done).await.map(|done| done.map(|()| id))
    }

    /// The chosen credentials, each once, and the one that is made for it.
    async fn credentials_for(
        &self,
        call: &Call,
        mutation: &Mutation,
        owner: Owner,
        new: &NewConnection,
    ) -> Result<Vec<CredentialId>, AppError> {
        let mut all: Vec<CredentialId> = Vec::new();
        for id in &new.credentials {
            self.authorize(call, Action::Attach, Object::Credential(*id)).await?;
            if !all.contains(id) {
                all.push(*id);
            }
        }
        if let Some(credential) = &new.new_credential {
            let credential = crate::NewCredential {
                component: new.component.clone(),
                owner: Some(owner),
                ..credential.clone()
            };
            let of_it = Mutation { name: "createConnection.createCredential", ..mutation.clone() };
            all.push(self.create_credential(call, of_it, credential).await?.value);
        }
        Ok(all)
    }
}

fn wish(
    tenant: TenantId,
    id: ConnectionId,
    owner: Owner,
    component: &Component,
    new: &NewConnection,
) -> connection::NewConnection {
    connection::NewConnection {
        tenant,
        id,
        name: new.name.clone(),
        description: new.description.clone(),
        url: new.url.clone(),
        component: component.slug.clone(),
        secret_fields: component.secret_fields(),
        owner,
        management: new.management,
        metadata: new.metadata.clone(),
        labels: new.labels.clone(),
        credentials: new.credentials.clone(),
        state: new.state,
    }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::connection(tenant, ConnectionId::from_uuid(id))
}
