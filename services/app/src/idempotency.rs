//! The same mutation twice is one mutation, and answers twice.

use keytrail_domain::{Actor, Idempotency, StreamId, Who};
use uuid::Uuid;

use crate::{App, AppError, Call, Done, Mutation, claims::Claim};

/// Longest key, in bytes.
const KEY_LEN: usize = 255;
/// A key counts for a day.
const SECONDS: i64 = 86_400;

/// Who a key belongs to, as text.
pub(crate) fn principal_key(actor: &Actor) -> String {
    match &actor.who {
        Who::Member(id) => id.to_string(),
        Who::ServiceAccount(id) => id.to_string(),
        Who::System(name) => name.clone(),
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
    /// Looks whether this very mutation was done already, and takes its key.
    ///
    /// # Errors
    /// `CONFLICT` when the key was used with another input.
    pub(crate) async fn admit(&self, call: &Call, mutation: &Mutation) -> Result<Admission, AppError> {
        let Some(key) = &mutation.idempotency_key else {
            return Ok(Admission::Do(Ticket { idempotency: None, derived: None, _claim: None }));
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
        let known = self.ports().views.idempotency(tenant, &principal, mutation.name, key).await?;
        if let Some(row) = known.filter(|row| row.at.plus_seconds(SECONDS) > self.now()) {
            if row.input != input {
                return Err(AppError::conflict("this idempotencyKey was used with another input"));
            }
            let position = self.position_text(tenant, row.position, row.event).await?;
            return Ok(Admission::Done(Done { value: row.stream, position, visible: true, replayed: true }));
        }
        let idempotency = Idempotency { mutation: mutation.name.to_owned(), key: key.clone(), input };
        Ok(Admission::Do(Ticket {
            derived: Some(keys.derived_id(&scope, self.now())),
            idempotency: Some(idempotency),
            _claim: Some(claim),
        }))
    }
}
