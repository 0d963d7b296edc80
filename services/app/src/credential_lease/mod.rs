//! Leases of credentials: a token that gives one secret version to its holder, once, within minutes.
//!
//! With Vault the token is Vault's own and the secret never comes here. With the embedded vault this process
//! keeps the token ([`desk`]) and answers the same protocol ([`unwrap`]). Whoever loses the right to a
//! credential loses the tokens that he has not used yet ([`judge`]).

mod desk;
mod judge;
mod unwrap;

use std::{collections::BTreeMap, sync::Arc};

use keytrail_domain::{
    Actor, CredentialId, LeaseId, Position, SecretValue, StreamId, TenantId, Timestamp,
    credential::{Credential, State, Version},
    lease::{LeaseBook, LeaseCommand, LeaseEvent, purpose_of, seconds_of},
};
use keytrail_ports::{
    Action, Object, WrappedSecret,
    views::{ConsumerRow, EventFilter, EventRow, PageRequest},
};

pub(crate) use desk::Desk;
use desk::Held;
pub use unwrap::UnwrapError;

use crate::{
    App, AppError, AsOf, Call, Done, Listed, Mutation, PageArgs,
    commands::present,
    execute::Execution,
    idempotency::{About, Admission},
    queries::fact,
};

/// The type of the event of a lease.
const LEASED: &str = "CredentialLeased";
/// Most consumers that are shown of one credential.
pub(crate) const MOST_CONSUMERS: u32 = 1_000;
/// Where this server exchanges tokens, below its own address.
pub const UNWRAP_PATH: &str = "/v1/sys/wrapping/unwrap";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct NewLease {
    /// Which credential.
    pub id: CredentialId,
    /// What for.
    pub purpose: String,
    /// How long the token may wait.
    pub ttl_seconds: Option<u32>,
    /// Which secret version; none: the current one.
    pub version: Option<u32>,
}

/// A lease with its token: shown once.
#[derive(Debug)]
pub struct IssuedLease {
    /// Its id.
    pub id: LeaseId,
    /// Of which credential.
    pub credential: CredentialId,
    /// Which secret version.
    pub version: u32,
    /// The token.
    pub token: SecretValue,
    /// Where it is exchanged for the secret.
    pub unwrap_url: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// Where the secret may be sent.
    pub allowed_hosts: Vec<String>,
    /// The fields of that version that are no secret.
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// A lease as it was written down.
#[derive(Clone, Debug)]
pub struct LeaseRow {
    /// Its id.
    pub id: LeaseId,
    /// Whose.
    pub consumer: Actor,
    /// Which secret version.
    pub version: u32,
    /// What for.
    pub purpose: String,
    /// When.
    pub at: Timestamp,
    /// Until when its token could be used.
    pub expires_at: Timestamp,
}

impl App {
    /// Gives out a token for a credential's secret. None: this mutation was done before, and its token was
    /// shown then.
    ///
    /// # Errors
    /// `FORBIDDEN` without `USE` by a grant or an owner's right; `CREDENTIAL_SUSPENDED`; `VERSION_NOT_LEASABLE`; bad
    /// input.
    pub async fn lease_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        input: NewLease,
    ) -> Result<Done<Option<IssuedLease>>, AppError> {
        let tenant = call.principal.tenant;
        self.authorize(call, Action::Lease, Object::Credential(input.id)).await?;
        let (now, seconds) = (self.now(), seconds_of(input.ttl_seconds)?);
        let purpose = purpose_of(&input.purpose)?;
        let stream = StreamId::lease(tenant, input.id, now);
        // Before the look for an earlier try: what another node writes meanwhile is read then.
        let from = self.shown_revision(&stream).await?;
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| None)),
            Admission::Do(ticket) => ticket,
        };
        self.0.desk.must_have_room(now)?;
        let state = self.leasable(call, input.id).await?;
        let (version, leased) = state.leasable(input.version, now)?;
        let seconds = state.lease_seconds(version, seconds, now);
        let wrapped = self.ports().secrets.wrap(leased.secret, seconds).await?;
        let held = Held {
            lease: LeaseId::from_uuid(ticket.id(self)),
            tenant,
            credential: input.id,
            version,
            at: leased.secret,
            consumer: call.principal.actor.clone(),
            // By the time that the vault has begun to count: it is judged for as long as the token lives.
            until: self.now().plus_seconds(i64::from(seconds)),
        };
        let accessor = wrapped.as_ref().map(|wrapped| wrapped.accessor.clone());
        let command = LeaseCommand::Lease {
            lease: held.lease,
            version: held.version,
            purpose,
            until: held.until,
            accessor: accessor.clone(),
        };
        match self.write_down(Execution::of(call, stream, &ticket).from(from), command).await {
            Ok(done) if !done.replayed => {
                let issued = self.issued(held, leased, wrapped)?;
                Ok(done.map(|()| Some(issued)))
            }
            // Nobody hears of the token.
            other => {
                self.take_back(accessor.as_deref()).await;
                other.map(|done| done.map(|()| None))
            }
        }
    }

    /// The credential by its own stream, when the caller may have its secret.
    async fn leasable(&self, call: &Call, id: CredentialId) -> Result<State, AppError> {
        let credential: Credential = self.load(&StreamId::credential(call.principal.tenant, id)).await?;
        self.standing(call).await?.still_may(Action::Lease, &credential)?;
        let state = present(&credential)?;
        state.may_be_leased()?;
        state.access_must_last(self.now())?;
        Ok(state.clone())
    }

    /// Everybody who leases a credential appends to the end of one stream: on this node one after the other,
    /// so that many at once do not refuse each other.
    async fn write_down(
        &self,
        execution: Execution<'_>,
        command: LeaseCommand,
    ) -> Result<Done<()>, AppError> {
        let turn = self.0.claims.take(format!("leases\0{}", execution.stream)).await?;
        self.execute_in_turn::<LeaseBook>(execution, Some(turn), |_| Ok(command.clone())).await
    }

    fn issued(
        &self,
        held: Held,
        leased: Version,
        wrapped: Option<WrappedSecret>,
    ) -> Result<IssuedLease, AppError> {
        let (id, credential, version, expires_at) = (held.lease, held.credential, held.version, held.until);
        let (token, unwrap_url) = match wrapped {
            Some(wrapped) => (wrapped.token, wrapped.unwrap_url),
            None => (self.0.desk.put(held)?, format!("{}{UNWRAP_PATH}", self.public_url())),
        };
        Ok(IssuedLease {
            id,
            credential,
            version,
            token,
            unwrap_url,
            expires_at,
            allowed_hosts: leased.allowed_hosts,
            fields: leased.fields,
        })
    }

    async fn take_back(&self, accessor: Option<&str>) {
        let Some(accessor) = accessor else { return };
        if let Err(error) = self.ports().secrets.revoke(accessor).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a lease that was not written down could not be revoked: its token ends by itself in minutes"
            );
        }
    }

    /// The last revision of a stream that the views show; 0 when they show none.
    async fn shown_revision(&self, stream: &StreamId) -> Result<u64, AppError> {
        let filter = EventFilter { stream: Some(stream.clone()), ..EventFilter::default() };
        Ok(self.newest_event(stream.tenant_id(), filter).await?.map_or(0, |event| event.revision))
    }

    /// When a credential was last leased, as of a place in the log.
    pub(crate) async fn last_lease_at(
        &self,
        tenant: TenantId,
        id: CredentialId,
        upto: Position,
    ) -> Result<Option<Timestamp>, AppError> {
        let filter = EventFilter { upto: Some(upto), ..leases_of(id) };
        Ok(self.newest_event(tenant, filter).await?.map(|event| event.recorded_at))
    }

    async fn newest_event(
        &self,
        tenant: TenantId,
        filter: EventFilter,
    ) -> Result<Option<Arc<EventRow>>, AppError> {
        let last = PageRequest { backwards: true, ..PageRequest::first(1) };
        let mut page = self.ports().views.events(tenant, filter, last).await?;
        Ok(page.rows.pop().map(|(_, event)| event))
    }

    /// Leases of a credential, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND`; bad input for page arguments.
    pub async fn credential_leases(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
        page: PageArgs,
    ) -> Result<Listed<LeaseRow>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let filter = EventFilter { upto: as_of.position(), ..leases_of(id) };
        let Listed { edges, has_next, has_previous } = self.events(call, filter, page).await?;
        let rows = edges.into_iter().map(|(cursor, event)| Ok((cursor, row(&event)?)));
        Ok(Listed { edges: rows.collect::<Result<_, AppError>>()?, has_next, has_previous })
    }

    /// How many leases that is.
    pub(crate) async fn count_leases(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
    ) -> Result<u64, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let filter = EventFilter { upto: as_of.position(), ..leases_of(id) };
        Ok(self.ports().views.count_events(call.principal.tenant, filter).await?)
    }

    /// Everybody who ever leased a credential, the last one first; at most a thousand.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn lease_consumers(&self, call: &Call, id: CredentialId) -> Result<Vec<ConsumerRow>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        Ok(self.ports().views.consumers(call.principal.tenant, id, MOST_CONSUMERS).await?)
    }
}

fn leases_of(id: CredentialId) -> EventFilter {
    EventFilter { types: vec![LEASED.to_owned()], credential: Some(id), ..EventFilter::default() }
}

fn row(event: &EventRow) -> Result<LeaseRow, AppError> {
    match fact(event)? {
        LeaseEvent::Leased { lease, version, purpose, until, .. } => Ok(LeaseRow {
            id: lease,
            consumer: event.actor.clone(),
            version,
            purpose,
            at: event.recorded_at,
            expires_at: until,
        }),
        LeaseEvent::Revoked { .. } => Err(AppError::internal("not a lease")),
    }
}
