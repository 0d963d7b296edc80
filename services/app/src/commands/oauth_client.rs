//! OAuth clients.

use keytrail_domain::{
    Aggregate, FieldError, OAuthClientId, Refusal, SecretId, SecretRef, SecretValue, StreamId, TenantId,
    component::CredentialKind,
    oauth_client::{NewClientSecret, OAuthClient, OAuthClientCommand as C},
};
use keytrail_ports::{Action, Object};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation, NewOAuthClient, OAuthClientUpdate,
    claims::Claim,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
};

/// Components that are looked up; of more the client refuses.
const MOST_COMPONENTS: usize = 50;

type Answer = Result<Done<OAuthClientId>, AppError>;

impl App {
    /// Makes an OAuth client.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name; bad input for a component that takes no OAuth2.
    pub async fn create_oauth_client(&self, call: &Call, mutation: Mutation, new: NewOAuthClient) -> Answer {
        self.authorize(call, Action::Create, Object::OAuthClient).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let tenant = call.principal.tenant;
        let client = OAuthClientId::from_uuid(ticket.id(self));
        let secret = new.secret.map(|value| self.new_client_secret(tenant, client, value));
        let (client_id, settings, name) = (new.client_id, new.settings.clone(), new.settings.name);
        let create = C::Create { client, client_id, settings, secret };
        let mut wrong = self.components_without_oauth2(tenant, &new.components).await?;
        // All that is wrong is told at once.
        if let Err(Refusal::Invalid(more)) = OAuthClient::default().decide(&create) {
            wrong.extend(more);
        }
        none_wrong(wrong)?;
        let _name = self.hold_client_name(tenant, &name, None).await?;
        let execution = Execution::of(call, StreamId::oauth_client(tenant, client), &ticket).fresh();
        let done = self.execute::<OAuthClient>(execution, |_| Ok(create.clone())).await?;
        Ok(done.map(|()| client))
    }

    /// Changes an OAuth client.
    ///
    /// # Errors
    /// `SECRET_REQUIRED` for other addresses without the secret; `CONFLICT` for a taken name.
    pub async fn update_oauth_client(
        &self,
        call: &Call,
        mutation: Mutation,
        update: OAuthClientUpdate,
    ) -> Answer {
        let id = update.id;
        let ticket = match self.client_ticket(call, &mutation, Action::Update, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let tenant = call.principal.tenant;
        let components = update.components.as_deref().unwrap_or_default();
        none_wrong(self.components_without_oauth2(tenant, components).await?)?;
        let _name = match &update.name {
            Some(name) => Some(self.hold_client_name(tenant, name, Some(id)).await?),
            None => None,
        };
        let secret = update.secret.clone().map(|value| self.new_client_secret(tenant, id, value));
        let changed = self.change_client(call, &ticket, (id, update.expected_revision), |client| {
            let OAuthClient::Live(state) = client else { return Err(AppError::NotFound) };
            Ok(C::Change { settings: update.over(&state.settings), secret: secret.clone() })
        });
        match changed.await {
            Err(error) => Err(self.client_users_as_seen_by(call, error).await),
            done => done,
        }
    }

    /// Ends an OAuth client.
    ///
    /// # Errors
    /// `OAUTH_CLIENT_IN_USE` with the credentials that have their tokens by it.
    pub async fn delete_oauth_client(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (OAuthClientId, Option<u64>),
    ) -> Answer {
        let ticket = match self.client_ticket(call, &mutation, Action::Delete, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        match self.change_client(call, &ticket, (id, expected), |_| Ok(C::Delete)).await {
            Err(error) => Err(self.client_users_as_seen_by(call, error).await),
            done => done,
        }
    }

    async fn client_ticket(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        id: OAuthClientId,
    ) -> Result<Admission, AppError> {
        self.authorize(call, action, Object::OAuthClient).await?;
        let stream = StreamId::oauth_client(call.principal.tenant, id);
        self.admit(call, mutation, About::Stream(stream)).await
    }

    async fn change_client(
        &self,
        call: &Call,
        ticket: &Ticket,
        (id, expected): (OAuthClientId, Option<u64>),
        make: impl Fn(&OAuthClient) -> Result<C, AppError> + Send + Sync,
    ) -> Answer {
        let stream = StreamId::oauth_client(call.principal.tenant, id);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<OAuthClient>(execution, make).await?;
        Ok(done.map(|()| id))
    }

    fn new_client_secret(
        &self,
        tenant: TenantId,
        client: OAuthClientId,
        value: SecretValue,
    ) -> NewClientSecret {
        let secret = SecretId::from_uuid(self.fresh_id());
        NewClientSecret { at: SecretRef { tenant, owner: client.as_uuid(), secret }, value }
    }

    /// A client for a misspelt component would serve nobody, and nobody would hear of it.
    async fn components_without_oauth2(
        &self,
        tenant: TenantId,
        slugs: &[String],
    ) -> Result<Vec<FieldError>, AppError> {
        let mut wrong = Vec::new();
        for (place, slug) in slugs.iter().enumerate().take(MOST_COMPONENTS) {
            let known = self.newest_component(tenant, slug).await?;
            if known.is_none_or(|known| known.definition.kind != CredentialKind::OAuth2) {
                let rule = "must be the slug of a component of kind OAUTH2: `components` lists them";
                wrong.push(FieldError::new(format!("components.{place}"), rule));
            }
        }
        Ok(wrong)
    }

    async fn hold_client_name(
        &self,
        tenant: TenantId,
        name: &str,
        except: Option<OAuthClientId>,
    ) -> Result<Claim, AppError> {
        let name = name.trim().to_lowercase();
        let claim = self.0.claims.take(format!("oauth client\0{tenant}")).await?;
        let all = self.ports().views.oauth_clients(tenant).await?;
        if all.iter().any(|row| row.settings.name.to_lowercase() == name && Some(row.id) != except) {
            return Err(AppError::conflict("another OAuth client has this name: choose another name"));
        }
        Ok(claim)
    }
}

fn none_wrong(wrong: Vec<FieldError>) -> Result<(), AppError> {
    if wrong.is_empty() { Ok(()) } else { Err(AppError::BadInput(wrong)) }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::oauth_client(tenant, OAuthClientId::from_uuid(id))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let missing = || AppError::internal("the key is of another kind");
    let id = done.value.oauth_client_id().ok_or_else(missing)?;
    Ok(done.map(|_| id))
}
