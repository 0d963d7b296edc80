//! The same mutation twice is one mutation, and answers twice.

use keytrail_domain::{Actor, Idempotency, Scope, StreamId, TenantId, Timestamp, Who};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation,
    claims::Claim,
    earlier::{Earlier, Wanted},
    keys::InputKey,
};

/// Longest key, in bytes.
const KEY_LEN: usize = 255;
/// A key counts for a day.
pub(crate) const SECONDS: i64 = 86_400;

/// Who a key belongs to, as text.
pub(crate) fn principal_key(actor: &Actor) -> String {
    match &actor.who {
        Who::Member(id) => id.to_string(),
        Who::ServiceAccount(id) => id.to_string(),
        Who::System(name) => name.clone(),
    }
}

/// The stream that a mutation is about.
pub(crate) enum About {
    /// It changes this one.
    Stream(StreamId),
    /// It makes a thing with a stream of its own, named by the thing's id.
    New(fn(TenantId, Uuid) -> StreamId),
}

impl About {
    /// Where an earlier try of the mutation can have left its events. New ids derive from the day, so
    /// that a try before midnight made another one.
    fn streams(self, tenant: TenantId, key: &InputKey, scope: &str, now: Timestamp) -> Vec<StreamId> {
        match self {
            Self::Stream(stream) => vec![stream],
            Self::New(name) => [now, now.plus_seconds(-SECONDS)]
                .into_iter()
                .map(|day| name(tenant, key.derived_id(scope, day)))
                .collect(),
        }
    }
}

/// A mutation whose key, if it has one, is ours until this is dropped.
pub(crate) struct Ticket {
    /// For the events' metadata.
    pub(crate) idempotency: Option<Idempotency>,
    derived: Option<Uuid>,
    _claim: Option<Claim>,
}

impl Ticket {
    /// Of what nobody repeats.
    pub(crate) fn none() -> Self {
        Self { idempotency: None, derived: None, _claim: None }
    }

    /// The id of the thing that this mutation makes.
    pub(crate) fn id(&self, app: &App) -> Uuid {
        self.derived.unwrap_or_else(|| app.fresh_id())
    }
}

/// Whether a mutation is to be done, or was done.
pub(crate) enum Admission {
    /// Do it.
    Do(Ticket),
    /// This was its answer: the stream that it changed.
    Done(Done<StreamId>),
}

impl App {
    /// Every mutation comes by here: is the caller's token for it? Looks whether this very mutation was done already, and takes its key. The views know it; when
    /// they lag behind, the log does.
    ///
    /// # Errors
    /// `CONFLICT` when the key was used with another input.
    pub(crate) async fn admit(
        &self,
        call: &Call,
        mutation: &Mutation,
        about: About,
    ) -> Result<Admission, AppError> {
        call.must_have(Scope::of_mutation(mutation.name))?;
        let Some(key) = &mutation.idempotency_key else {
            return Ok(Admission::Do(Ticket::none()));
        };
        if key.is_empty() || key.len() > KEY_LEN {
            return Err(AppError::bad_input("idempotencyKey", format!("must have 1 to {KEY_LEN} bytes")));
        }
        let tenant = call.principal.tenant;
        let principal = principal_key(&call.principal.actor);
        let scope = format!("{tenant}\0{principal}\0{}\0{key}", mutation.name);
        let claim = self.0.claims.take(format!("key\0{scope}")).await?;
        let keys = self.input_key(tenant).await?;
        let input = keys.input_mac(mutation.input.to_string().as_bytes());
        let now = self.now();
        let known = self.ports().views.idempotency(tenant, &principal, mutation.name, key).await?;
        if let Some(row) = known.filter(|row| row.at.plus_seconds(SECONDS) > now) {
            must_be_same(&row.input, &input)?;
            let position = self.position_text(tenant, row.position, row.event).await?;
            return Ok(Admission::Done(Done {
                value: row.stream,
                position,
                visible: true,
                replayed: true,
                warnings: Vec::new(),
            }));
        }
        let idempotency = Idempotency { mutation: mutation.name.to_owned(), key: key.clone(), input };
        for stream in about.streams(tenant, &keys, &scope, now) {
            let wanted = Wanted::new(call, &idempotency, now);
            if let Some(earlier) = self.earlier_in(&stream, &wanted).await? {
                let done = self.answer_again(tenant, &idempotency, &earlier).await?;
                return Ok(Admission::Done(done.map(|()| stream)));
            }
        }
        Ok(Admission::Do(Ticket {
            derived: Some(keys.derived_id(&scope, now)),
            idempotency: Some(idempotency),
            _claim: Some(claim),
        }))
    }

    /// The answer of a mutation that was done, by what it left in the log.
    ///
    /// # Errors
    /// `CONFLICT` when it had another input.
    pub(crate) async fn answer_again(
        &self,
        tenant: TenantId,
        now: &Idempotency,
        earlier: &Earlier,
    ) -> Result<Done<()>, AppError> {
        must_be_same(&earlier.input, &now.input)?;
        let key = self.cursor_key(tenant).await?;
        Ok(Done { replayed: true, ..self.shown(tenant, Some(&key), earlier.last).await? })
    }
}

fn must_be_same(known: &str, input: &str) -> Result<(), AppError> {
    if known == input {
        return Ok(());
    }
    Err(AppError::conflict("this idempotencyKey was used with another input"))
}
