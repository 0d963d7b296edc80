//! The only write path: load, decide, store secrets, append, wait until the views show it.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use keytrail_domain::{
    Aggregate, Decision, EventId, EventMeta, Idempotency, NewEvent, Position, RecordedEvent, SecretWrite,
    StreamId, StreamKind, TenantId, Timestamp, chain::Hash,
};
use keytrail_ports::{Expected, LogError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done,
    claims::Claim,
    cursor::Cursor,
    earlier::{Earlier, Wanted},
    idempotency::Ticket,
    keys::CursorKey,
};

/// Times that a command without an expected revision is decided again after a conflict.
const TRIES: usize = 3;
/// Times that an append with an unknown outcome is repeated with the same event ids.
const APPEND_TRIES: usize = 3;
/// What the ids of events derive for that no other event is the reason of, but a date.
pub(crate) const BY_DATE: &str = "expiry";
/// Events read at once.
const PAGE: usize = 1_000;
/// How long a mutation waits for its own views.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the views may be behind before nothing is changed any more.
const LONGEST_LAG: Duration = Duration::from_secs(10);
/// An append later than this after its secret write could meet the sweep.
const SECRET_TO_EVENT_SECONDS: i64 = 60;

/// One command on its way to one stream.
pub(crate) struct Execution<'a> {
    pub(crate) call: &'a Call,
    pub(crate) stream: StreamId,
    /// What the caller saw.
    pub(crate) expected_revision: Option<u64>,
    pub(crate) idempotency: Option<Idempotency>,
    /// The event that leads to this one, for a reactor.
    pub(crate) cause: Option<(EventId, &'a str)>,
    /// The stream is new: nothing is to be loaded.
    pub(crate) fresh: bool,
    /// Loaded from this revision on, where no rule asks for what came before.
    pub(crate) from: u64,
}

impl<'a> Execution<'a> {
    pub(crate) fn of(call: &'a Call, stream: StreamId, ticket: &Ticket) -> Self {
        Self {
            call,
            stream,
            expected_revision: None,
            idempotency: ticket.idempotency.clone(),
            cause: None,
            fresh: false,
            from: 0,
        }
    }

    /// A stream whose rules ask for nothing of what came before this revision.
    pub(crate) fn from(self, from: u64) -> Self {
        Self { from, ..self }
    }

    /// The stream's first command.
    pub(crate) fn fresh(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// How an earlier try of the same mutation is recognised.
    fn wanted(&self, now: Timestamp) -> Option<Wanted> {
        self.idempotency.as_ref().map(|idempotency| Wanted::new(self.call, idempotency, now))
    }

    /// Only at this revision.
    pub(crate) fn at(self, expected_revision: Option<u64>) -> Self {
        Self { expected_revision, ..self }
    }
}

/// A stream as loaded.
struct Loaded<A> {
    aggregate: A,
    last: Option<RecordedEvent>,
    ids: Vec<EventId>,
    /// What an earlier try of the same mutation left here.
    earlier: Option<Earlier>,
}

impl<A: Default> Default for Loaded<A> {
    fn default() -> Self {
        Self { aggregate: A::default(), last: None, ids: Vec::new(), earlier: None }
    }
}

/// Secrets that were stored for a decision, so that deciding again stores none twice.
#[derive(Default)]
struct Stored {
    written: Vec<keytrail_domain::SecretRef>,
    first_at: Option<Timestamp>,
}

impl App {
    /// Runs one command: `make` builds it from what is loaded (and may refuse, for rules that ask
    /// for more than the aggregate).
    pub(crate) async fn execute<A: Aggregate>(
        &self,
        execution: Execution<'_>,
        make: impl Fn(&A) -> Result<A::Command, AppError> + Send + Sync,
    ) -> Result<Done<()>, AppError> {
        self.execute_in_turn(execution, None, make).await
    }

    /// The same for a stream to which many append at once: one after the other until it is appended, and
    /// nobody waits for another's views.
    pub(crate) async fn execute_in_turn<A: Aggregate>(
        &self,
        mut execution: Execution<'_>,
        turn: Option<Claim>,
        make: impl Fn(&A) -> Result<A::Command, AppError> + Send + Sync,
    ) -> Result<Done<()>, AppError> {
        self.must_be_current()?;
        // Before anything is written: what is done must also be answered.
        let key = self.key_for(&execution).await?;
        let mut stored = Stored::default();
        for attempt in 1.. {
            let loaded = self.load_for::<A>(&execution).await?;
            if let Some((source, what)) = execution.cause
                && loaded.ids.contains(&EventId::derived(source, &format!("{what}/0")))
            {
                return self.done_at(&execution, key.as_deref(), loaded.last.as_ref()).await;
            }
            // Who may not is told nothing of revisions and states: `make` refuses him first.
            let command = make(&loaded.aggregate);
            if let (Some(earlier), Some(now)) = (&loaded.earlier, &execution.idempotency) {
                if let Some(refused) = command.err().filter(AppError::is_about_rights) {
                    return Err(refused);
                }
                return self.answer_again(execution.stream.tenant_id(), now, earlier).await;
            }
            let command = command?;
            check_revision(execution.expected_revision, loaded.aggregate.revision())?;
            let decision = loaded.aggregate.decide(&command)?;
            if decision.events.is_empty() {
                return self.done_at(&execution, key.as_deref(), loaded.last.as_ref()).await;
            }
            self.store_secrets(&decision.secrets, &mut stored).await?;
            match self.append::<A>(&execution, loaded.last.as_ref(), &decision, &stored).await {
                // The id of a new thing derives from the key: the stream is there when an earlier
                // try made it, which loading it will tell.
                Err(LogOrApp::Log(LogError::Conflict { .. }))
                    if attempt < TRIES && (!execution.fresh || execution.idempotency.is_some()) =>
                {
                    execution.fresh = false;
                }
                Err(LogOrApp::Log(error)) => return Err(error.into()),
                Err(LogOrApp::App(error)) => return Err(error),
                Ok(last) => {
                    drop(turn);
                    return self.shown(execution.stream.tenant_id(), key.as_deref(), last).await;
                }
            }
        }
        Err(AppError::internal("unreachable: attempts are counted"))
    }

    /// False when the views have stood behind the log for ten seconds, and at once when it tells another history than
    /// they know.
    pub fn views_are_current(&self) -> bool {
        !self.0.progress.is_astray() && self.0.progress.behind_for(Instant::now()) <= LONGEST_LAG
    }

    /// Rights and names are judged by the views: a node whose views have not caught up changes
    /// nothing.
    pub fn must_be_current(&self) -> Result<(), AppError> {
        if self.views_are_current() {
            return Ok(());
        }
        Err(AppError::Unavailable { dependency: "event log", source: Some("the views lag behind".into()) })
    }

    /// The aggregate as the log has it now.
    pub(crate) async fn load<A: Aggregate>(&self, stream: &StreamId) -> Result<A, AppError> {
        Ok(self.read::<A>(stream, 0, None).await?.aggregate)
    }

    async fn load_for<A: Aggregate>(&self, execution: &Execution<'_>) -> Result<Loaded<A>, AppError> {
        if execution.fresh {
            return Ok(Loaded::default());
        }
        let wanted = execution.wanted(self.now());
        self.read(&execution.stream, execution.from, wanted.as_ref()).await
    }

    async fn read<A: Aggregate>(
        &self,
        stream: &StreamId,
        mut from: u64,
        wanted: Option<&Wanted>,
    ) -> Result<Loaded<A>, AppError> {
        let mut loaded = Loaded::<A>::default();
        loop {
            let page = self.ports().log.read_stream(stream, from, PAGE).await?;
            let full = page.len() == PAGE;
            for event in page {
                loaded.aggregate = loaded.aggregate.evolve(&event.decode()?);
                if let Some(wanted) = wanted {
                    wanted.look(&event, &mut loaded.earlier)?;
                }
                loaded.ids.push(event.id);
                from = event.revision + 1;
                loaded.last = Some(event);
            }
            if !full {
                return Ok(loaded);
            }
        }
    }

    async fn store_secrets(&self, secrets: &[SecretWrite], stored: &mut Stored) -> Result<(), AppError> {
        let new: Vec<_> = secrets.iter().filter(|write| !stored.written.contains(&write.at)).collect();
        if new.is_empty() {
            return Ok(());
        }
        stored.first_at.get_or_insert(self.now());
        // Side by side: they can share one commit.
        try_join_all(new.iter().map(|write| self.ports().secrets.put(write.at, &write.payload))).await?;
        stored.written.extend(new.iter().map(|write| write.at));
        Ok(())
    }

    async fn append<A: Aggregate>(
        &self,
        execution: &Execution<'_>,
        last: Option<&RecordedEvent>,
        decision: &Decision<A::Event>,
        stored: &Stored,
    ) -> Result<(Position, EventId), LogOrApp> {
        let events = self.encode(execution, last, &decision.events)?;
        let late = |first: Timestamp| self.now() > first.plus_seconds(SECRET_TO_EVENT_SECONDS);
        if stored.first_at.is_some_and(late) {
            return Err(LogOrApp::App(AppError::Unavailable {
                dependency: "vault",
                source: Some("the vault was too slow: nothing was saved".into()),
            }));
        }
        let expected = last.map_or(Expected::NoStream, |event| Expected::Revision(event.revision));
        let last_id = events.last().map_or(EventId::from_uuid(Uuid::nil()), |event| event.id);
        let appended = self.append_surely(&execution.stream, expected, events).await?;
        Ok((appended, last_id))
    }

    /// An unknown outcome is resolved by appending the same event ids again: never doubled. It stays
    /// unknown when the log is away by then: an earlier try may have been written.
    async fn append_surely(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Position, LogError> {
        let (mut left, mut unknown) = (APPEND_TRIES, None);
        loop {
            left -= 1;
            let source = match (self.ports().log.append(stream, expected, events.clone()).await, unknown) {
                (Err(LogError::Unknown(source)), _)
                | (Err(LogError::Unavailable(_) | LogError::Denied), Some(source)) => source,
                (known, _) => return known.map(|appended| appended.position),
            };
            if left == 0 {
                return Err(LogError::Unknown(source));
            }
            tracing::warn!(%stream, error = %source, "append with unknown outcome: trying again");
            unknown = Some(source);
        }
    }

    fn encode<E: keytrail_domain::DomainEvent>(
        &self,
        execution: &Execution<'_>,
        last: Option<&RecordedEvent>,
        events: &[E],
    ) -> Result<Vec<NewEvent>, AppError> {
        let mut previous = last.map(RecordedEvent::hash).transpose()?;
        let first = last.map_or(0, |event| event.revision + 1);
        let at = self.now();
        let mut encoded = Vec::with_capacity(events.len());
        for ((place, event), revision) in events.iter().enumerate().zip(first..) {
            let id = match execution.cause {
                Some((source, what)) => EventId::derived(source, &format!("{what}/{place}")),
                None => EventId::from_uuid(self.ports().ids.fresh(at)),
            };
            let event = NewEvent::encode(id, event, &self.meta(execution, at, previous))?;
            previous = Some(hash_of_new(&event, &execution.stream, revision)?);
            encoded.push(event);
        }
        Ok(encoded)
    }

    fn meta(&self, execution: &Execution<'_>, at: Timestamp, previous_hash: Option<Hash>) -> EventMeta {
        EventMeta {
            schema_version: 0,
            tenant: execution.stream.tenant_id(),
            actor: execution.call.principal.actor.clone(),
            recorded_at: at,
            correlation: execution.call.correlation,
            causation: execution.cause.filter(|(_, what)| *what != BY_DATE).map(|(it, _)| it.as_uuid()),
            idempotency: execution.idempotency.clone(),
            previous_hash,
        }
    }

    async fn key_for(&self, execution: &Execution<'_>) -> Result<Option<Arc<CursorKey>>, AppError> {
        let kind = execution.stream.kind();
        // A new tenant has no key yet; nobody is answered with a place of a policy or an alert.
        if (execution.fresh && kind == StreamKind::Tenant)
            || execution.cause.is_some()
            || kind == StreamKind::Policy
        {
            return Ok(None);
        }
        self.cursor_key(execution.stream.tenant_id()).await.map(Some)
    }

    /// The answer, as soon as the views show that place, or when they do not in time.
    pub(crate) async fn shown(
        &self,
        tenant: TenantId,
        key: Option<&CursorKey>,
        (position, event): (Position, EventId),
    ) -> Result<Done<()>, AppError> {
        self.0.progress.log_is_at(position, Instant::now());
        let visible = self.0.progress.wait(position, PATIENCE).await;
        let place = Cursor::Log(self.0.log_id, position, event);
        let position = match key {
            Some(key) => place.seal(tenant, key)?,
            None => String::new(),
        };
        Ok(Done { value: (), position, visible, replayed: false, warnings: Vec::new() })
    }

    async fn done_at(
        &self,
        execution: &Execution<'_>,
        key: Option<&CursorKey>,
        last: Option<&RecordedEvent>,
    ) -> Result<Done<()>, AppError> {
        match last {
            Some(event) => self.shown(execution.stream.tenant_id(), key, (event.position, event.id)).await,
            None => Ok(Done {
                value: (),
                position: String::new(),
                visible: true,
                replayed: false,
                warnings: Vec::new(),
            }),
        }
    }

    /// A place in the log as callers see it.
    pub(crate) async fn position_text(
        &self,
        tenant: TenantId,
        position: Position,
        event: EventId,
    ) -> Result<String, AppError> {
        Cursor::Log(self.0.log_id, position, event).seal(tenant, &*self.cursor_key(tenant).await?)
    }
}

/// Keeps a conflict apart from what ends the command.
enum LogOrApp {
    Log(LogError),
    App(AppError),
}

impl From<LogError> for LogOrApp {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<AppError> for LogOrApp {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

pub(crate) fn check_revision(expected: Option<u64>, actual: u64) -> Result<(), AppError> {
    if expected.is_none_or(|expected| expected == actual) {
        return Ok(());
    }
    Err(AppError::Conflict {
        message: "somebody changed it since you read it: read it again".into(),
        expected,
        actual: Some(actual),
    })
}

fn hash_of_new(event: &NewEvent, stream: &StreamId, revision: u64) -> Result<Hash, AppError> {
    let recorded = RecordedEvent {
        id: event.id,
        stream: stream.clone(),
        revision,
        position: Position::START,
        event_type: event.event_type.clone(),
        data: Arc::clone(&event.data),
        metadata: Arc::clone(&event.metadata),
    };
    Ok(recorded.hash()?)
}
