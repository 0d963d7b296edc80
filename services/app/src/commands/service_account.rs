//! Service accounts and their API tokens.

use keytrail_domain::{
    Scope, SecretValue, ServiceAccountId, StreamId, TenantId, Timestamp, TokenId,
    service_account::{NewToken, ServiceAccount, ServiceAccountCommand as Command},
};
use keytrail_ports::{Action, Object};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation,
    api_token::fresh,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
};

type Answer = Result<Done<ServiceAccountId>, AppError>;

/// A wish for a token.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// Whose.
    pub account: ServiceAccountId,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// Only when the account is at this revision.
    pub expected_revision: Option<u64>,
}

impl App {
    /// Makes a service account.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name.
    pub async fn create_service_account(
        &self,
        call: &Call,
        mutation: Mutation,
        name: String,
        description: Option<String>,
    ) -> Answer {
        self.authorize(call, Action::Create, Object::ServiceAccount).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let _name = self.hold_account_name(call, &name).await?;
        let account = ServiceAccountId::from_uuid(ticket.id(self));
        let stream = StreamId::service_account(call.principal.tenant, account);
        let create = Command::Create { account, name, description };
        let execution = Execution::of(call, stream, &ticket).fresh();
        let done = self.execute::<ServiceAccount>(execution, |_| Ok(create.clone())).await?;
        Ok(done.map(|()| account))
    }

    /// Ends a service account: its tokens are dead at once, and what was granted to it counts for nothing.
    ///
    /// # Errors
    /// As every change.
    pub async fn delete_service_account(
        &self,
        call: &Call,
        mutation: Mutation,
        account: ServiceAccountId,
        expected: Option<u64>,
    ) -> Answer {
        match self.account_ticket(call, &mutation, Action::Delete, account).await? {
            Admission::Done(done) => replayed(done),
            Admission::Do(ticket) => {
                self.change_account(call, &ticket, (account, expected), Command::Delete).await
            }
        }
    }

    /// Makes a token. It is answered this once: none when an earlier try of the same mutation showed it.
    ///
    /// # Errors
    /// Bad input for scopes and an end in the past; `TOO_MANY_TOKENS`.
    pub async fn create_api_token(
        &self,
        call: &Call,
        mutation: Mutation,
        input: NewApiToken,
    ) -> Result<Done<(ServiceAccountId, Option<SecretValue>)>, AppError> {
        let account = input.account;
        let ticket = match self.account_ticket(call, &mutation, Action::Update, account).await? {
            Admission::Done(done) => return Ok(done.map(|_| (account, None))),
            Admission::Do(ticket) => ticket,
        };
        let token = TokenId::from_uuid(ticket.id(self));
        let made = fresh(token)?;
        let new = NewToken {
            token,
            name: input.name,
            hash: made.hash,
            scopes: input.scopes,
            expires_at: input.expires_at,
            now: self.now(),
        };
        let command = Command::CreateToken(Box::new(new));
        let done = self.change_account(call, &ticket, (account, input.expected_revision), command).await?;
        let shown = (!done.replayed).then_some(made.token);
        Ok(done.map(|account| (account, shown)))
    }

    /// Ends a token: it is dead at once, on open sockets too.
    ///
    /// # Errors
    /// `NOT_FOUND` for a token that the account never had.
    pub async fn revoke_api_token(
        &self,
        call: &Call,
        mutation: Mutation,
        token: TokenId,
        expected: Option<u64>,
    ) -> Answer {
        self.authorize(call, Action::Update, Object::ServiceAccount).await?;
        let row = self.ports().views.api_token(token).await?;
        let row = row.filter(|row| row.tenant == call.principal.tenant).ok_or(AppError::NotFound)?;
        match self.account_ticket(call, &mutation, Action::Update, row.account).await? {
            Admission::Done(done) => replayed(done),
            Admission::Do(ticket) => {
                let command = Command::RevokeToken { token };
                self.change_account(call, &ticket, (row.account, expected), command).await
            }
        }
    }

    /// `NOT_FOUND` unless the account is present.
    pub(super) async fn present_account(&self, call: &Call, id: ServiceAccountId) -> Result<(), AppError> {
        let rows = self.ports().views.service_accounts_by_id(call.principal.tenant, &[id]).await?;
        if rows.iter().any(|row| row.deleted_at.is_none()) { Ok(()) } else { Err(AppError::NotFound) }
    }

    async fn account_ticket(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        account: ServiceAccountId,
    ) -> Result<Admission, AppError> {
        self.authorize(call, action, Object::ServiceAccount).await?;
        let stream = StreamId::service_account(call.principal.tenant, account);
        self.admit(call, mutation, About::Stream(stream)).await
    }

    async fn change_account(
        &self,
        call: &Call,
        ticket: &Ticket,
        (account, expected): (ServiceAccountId, Option<u64>),
        command: Command,
    ) -> Answer {
        let stream = StreamId::service_account(call.principal.tenant, account);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<ServiceAccount>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| account))
    }

    async fn hold_account_name(&self, call: &Call, name: &str) -> Result<crate::claims::Claim, AppError> {
        let (tenant, name) = (call.principal.tenant, name.trim().to_lowercase());
        let claim = self.0.claims.take(format!("service account\0{tenant}")).await?;
        let all = self.ports().views.service_accounts(tenant).await?;
        if all.iter().any(|row| row.name.to_lowercase() == name) {
            return Err(AppError::conflict("another service account has this name: choose another name"));
        }
        Ok(claim)
    }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::service_account(tenant, ServiceAccountId::from_uuid(id))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let missing = || AppError::internal("the key is of another kind");
    let id = done.value.service_account_id().ok_or_else(missing)?;
    Ok(done.map(|_| id))
}
