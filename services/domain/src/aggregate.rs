//! What an aggregate is: two pure functions.

use crate::{DomainEvent, SecretPayload, SecretRef};

/// A thing with rules, rebuilt from its facts.
pub trait Aggregate: Default + Send + Sync + 'static {
    /// What can be asked of it.
    type Command: Send + Sync;
    /// What can have happened to it.
    type Event: DomainEvent;

    /// Refuse the command, or say what happened and which secrets to store first.
    ///
    /// # Errors
    /// [`Refusal`]: a rule said no. Nothing changes.
    fn decide(&self, command: &Self::Command) -> Result<Decision<Self::Event>, Refusal>;

    /// Apply a fact. Total: a fact cannot be refused.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// How many changes people have made: what `revision` and `expectedRevision` count. Checks and
    /// leases do not count, so they never cause a person's conflict.
    fn revision(&self) -> u64;
}

/// One secret to store before its event is appended.
#[derive(Clone, Debug)]
pub struct SecretWrite {
    /// Where; never written before.
    pub at: SecretRef,
    /// What.
    pub payload: SecretPayload,
}

/// What a command leads to.
#[derive(Debug)]
pub struct Decision<E> {
    /// The facts, in order; empty when the command's wish is true already.
    pub events: Vec<E>,
    /// Secrets that must be in the vault before the facts are in the log.
    pub secrets: Vec<SecretWrite>,
}

impl<E> Decision<E> {
    /// These facts.
    pub fn of(events: impl IntoIterator<Item = E>) -> Self {
        Self { events: events.into_iter().collect(), secrets: Vec::new() }
    }

    /// It is so already.
    pub fn nothing() -> Self {
        Self::of([])
    }

    /// With one more secret to store.
    #[must_use]
    pub fn storing(mut self, at: SecretRef, payload: SecretPayload) -> Self {
        self.secrets.push(SecretWrite { at, payload });
        self
    }

    /// With what else goes to the vault.
    #[must_use]
    pub fn with(mut self, beside: Option<SecretWrite>) -> Self {
        self.secrets.extend(beside);
        self
    }
}

/// A rule said no.
///
/// `reason` is stable and goes out as `extensions.reason`; `message` tells a person what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The thing does not exist (any more).
    #[error("not found")]
    NotFound,
    /// The input itself is wrong at one or more places.
    #[error("invalid input")]
    Invalid(Vec<FieldError>),
    /// Someone changed it in between, or the name or id is taken.
    #[error("{message}")]
    Conflict {
        /// What is in the way.
        message: String,
    },
    /// A rule of the domain.
    #[error("{message}")]
    Rule {
        /// Stable name, `SCREAMING_SNAKE_CASE`.
        reason: &'static str,
        /// For a person; names the next step.
        message: String,
        /// What the caller may be shown beside it, as JSON. Never a secret.
        details: serde_json::Value,
    },
}

/// One wrong place in an input: where and which rule, never the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Dotted path inside the input, for example `fields.token`.
    pub path: String,
    /// The rule that it breaks.
    pub message: String,
}

impl FieldError {
    /// One wrong place.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl Refusal {
    /// A rule without details.
    pub fn rule(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Rule { reason, message: message.into(), details: serde_json::Value::Null }
    }

    /// One wrong place in the input.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(path, message)])
    }

    /// Something is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into() }
    }
}
