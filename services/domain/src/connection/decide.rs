//! The rules of a connection.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Connection, ConnectionCommand as C, ConnectionEvent as E, ConnectionState, ConnectionUpdate,
    MOST_CREDENTIALS, Move, Mover, NAME_LEN, NewConnection, State, evolve,
};
use crate::{
    Aggregate, CredentialId, Decision, Owner, Refusal,
    credential::{TransferReason, VerificationChoice},
    text,
};

/// Longest description, in bytes.
const DESCRIPTION_LEN: usize = 1_000;
/// Longest reason, in bytes.
const REASON_LEN: usize = 1_000;
/// Largest metadata, in bytes of JSON.
const METADATA_LEN: usize = 16_384;

impl Aggregate for Connection {
    type Command = C;
    type Event = E;

    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match (self, command) {
            (Self::Vacant, C::Create(new)) => create(new),
            (_, C::Create(_)) => Err(Refusal::conflict("a connection with this id exists already")),
            (Self::Vacant, _) => Err(Refusal::NotFound),
            (Self::Known(state), C::Restore { credentials, verification }) => {
                Ok(state.restore(credentials, *verification))
            }
            (Self::Known(state), command) if state.state == ConnectionState::Deleted => {
                state.decide_deleted(command)
            }
            (Self::Known(state), command) => state.decide(command),
        }
    }

    fn evolve(self, event: &E) -> Self {
        evolve::evolve(self, event)
    }

    fn revision(&self) -> u64 {
        self.known().map_or(0, |state| state.revision)
    }
}

fn create(new: &NewConnection) -> Result<Decision<E>, Refusal> {
    if !matches!(new.state, ConnectionState::Discovered | ConnectionState::Registered) {
        return Err(Refusal::invalid(
            "state",
            "must be DISCOVERED or REGISTERED: transitionConnection does the rest",
        ));
    }
    room(new.credentials.len())?;
    Ok(Decision::of([E::Created {
        connection: new.id,
        tenant: new.tenant,
        name: text::line("name", &new.name, NAME_LEN)?,
        description: text::prose("description", new.description.as_deref(), DESCRIPTION_LEN)?,
        url: text::address("url", new.url.as_deref())?,
        component: new.component.clone(),
        owner: new.owner,
        management: new.management,
        metadata: metadata(&new.metadata, &new.secret_fields)?,
        labels: new.labels.clone(),
        credentials: new.credentials.clone(),
        state: new.state,
    }]))
}

/// Facts that anybody who may view the connection can read: no place for a secret.
fn metadata(given: &Map<String, Value>, secret: &BTreeSet<String>) -> Result<Map<String, Value>, Refusal> {
    if let Some(name) = given.keys().find(|name| secret.contains(*name)) {
        let rule = "is a secret of this component: it belongs into a credential";
        return Err(Refusal::invalid(format!("metadata.{name}"), rule));
    }
    let size = serde_json::to_vec(given).map_or(usize::MAX, |bytes| bytes.len());
    if size > METADATA_LEN {
        return Err(Refusal::invalid("metadata", format!("must have at most {METADATA_LEN} bytes as JSON")));
    }
    Ok(given.clone())
}

fn room(credentials: usize) -> Result<(), Refusal> {
    if credentials <= MOST_CREDENTIALS {
        return Ok(());
    }
    let message = format!("a connection has at most {MOST_CREDENTIALS} credentials");
    Err(Refusal::rule("TOO_MANY_CREDENTIALS", message))
}

impl State {
    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match command {
            C::Create(_) | C::Restore { .. } => Ok(Decision::nothing()),
            C::Update(update) => self.update(update),
            C::Attach { credential, .. } if self.credentials.contains(credential) => Ok(Decision::nothing()),
            C::Attach { credential, verification } => {
                room(self.credentials.len() + 1)?;
                let (credential, verification) = (*credential, *verification);
                Ok(Decision::of([E::CredentialAttached { credential, verification }]))
            }
            C::Detach { credential } => {
                Ok(self.when_has(*credential, |credential| E::CredentialDetached { credential }))
            }
            C::Replace { from, to } => {
                Ok(self.when_has(*from, |from| E::CredentialReplaced { from, to: *to }))
            }
            C::Move(step) => self.go(step),
            C::HandOver { from, to, name } => self.hand_over((*from, *to), name.as_deref()),
            C::Disconnect { credential, reason } => Ok(self.disconnect(*credential, reason)),
            C::Reconnect { credential } => Ok(self.reconnect(*credential)),
        }
    }

    /// What is deleted lets go of its credentials, and takes nothing else.
    fn decide_deleted(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match command {
            C::Move(step) if step.to == ConnectionState::Deleted => Ok(Decision::nothing()),
            C::Disconnect { .. } | C::Reconnect { .. } => Ok(Decision::nothing()),
            // Somebody may restore it.
            C::HandOver { from, to, name } => self.hand_over((*from, *to), name.as_deref()),
            _ => Err(Refusal::rule("CONNECTION_DELETED", "the connection is deleted: restore it first")),
        }
    }

    /// What a removed member owned. Somebody else may own it by now.
    fn hand_over(&self, (from, to): (Owner, Owner), name: Option<&str>) -> Result<Decision<E>, Refusal> {
        if self.owner != from {
            return Ok(Decision::nothing());
        }
        let name = name.map(|name| text::line("name", name, NAME_LEN)).transpose()?;
        let renamed = name.filter(|name| *name != self.name).map(|name| E::Renamed { name });
        let moved = E::Transferred { from, to, reason: TransferReason::MemberRemoved };
        Ok(Decision::of(std::iter::once(moved).chain(renamed)))
    }

    fn when_has(&self, credential: CredentialId, event: impl FnOnce(CredentialId) -> E) -> Decision<E> {
        if self.credentials.contains(&credential) {
            Decision::of([event(credential)])
        } else {
            Decision::nothing()
        }
    }

    fn update(&self, update: &ConnectionUpdate) -> Result<Decision<E>, Refusal> {
        let mut events = Vec::new();
        if let Some(name) = &update.name {
            let name = text::line("name", name, NAME_LEN)?;
            events.extend((name != self.name).then_some(E::Renamed { name }));
        }
        if let Some(labels) = update.labels.as_ref().filter(|labels| **labels != self.labels) {
            events.push(E::LabelsChanged { labels: labels.clone() });
        }
        let description = match &update.description {
            Some(given) => text::prose("description", given.as_deref(), DESCRIPTION_LEN)?,
            None => self.description.clone(),
        };
        let url = match &update.url {
            Some(given) => text::address("url", given.as_deref())?,
            None => self.url.clone(),
        };
        let metadata = match &update.metadata {
            Some(given) => metadata(given, &update.secret_fields)?,
            None => self.metadata.clone(),
        };
        if (&description, &url, &metadata) != (&self.description, &self.url, &self.metadata) {
            events.push(E::DetailsChanged { description, url, metadata });
        }
        Ok(Decision::of(events))
    }

    fn go(&self, step: &Move) -> Result<Decision<E>, Refusal> {
        if step.to == self.state {
            return Ok(Decision::nothing());
        }
        let allowed = step.transitions.next(self.state);
        if !allowed.contains(&step.to) {
            let (from, to) = (self.state.as_str(), step.to.as_str());
            return Err(Refusal::Rule {
                reason: "ILLEGAL_TRANSITION",
                message: format!(
                    "a connection does not go from {from} to {to}: `allowed` has where it can go"
                ),
                details: json!({ "from": self.state, "to": step.to, "allowed": allowed }),
            });
        }
        let reason =
            step.reason.as_deref().map(|reason| text::line("reason", reason, REASON_LEN)).transpose()?;
        Ok(Decision::of([E::StateChanged {
            from: self.state,
            to: step.to,
            mover: Mover::User,
            reason,
            credential: None,
            verification: step.verification,
        }]))
    }

    fn disconnect(&self, credential: CredentialId, reason: &str) -> Decision<E> {
        if self.state != ConnectionState::Connected || !self.credentials.contains(&credential) {
            return Decision::nothing();
        }
        self.by_itself(ConnectionState::Disconnected, credential, Some(reason.to_owned()))
    }

    /// Only what a credential's trouble took out of use: what a person disconnected stays so. Another
    /// one of its credentials may have been the first that went bad.
    fn reconnect(&self, credential: CredentialId) -> Decision<E> {
        if self.state != ConnectionState::Disconnected || self.disconnected_by.is_none() {
            return Decision::nothing();
        }
        self.by_itself(ConnectionState::Connected, credential, Some("all its credentials work again".into()))
    }

    fn by_itself(
        &self,
        to: ConnectionState,
        credential: CredentialId,
        reason: Option<String>,
    ) -> Decision<E> {
        Decision::of([E::StateChanged {
            from: self.state,
            to,
            mover: Mover::Automatic,
            reason,
            credential: Some(credential),
            verification: VerificationChoice::NotNeeded,
        }])
    }

    fn restore(&self, credentials: &[CredentialId], verification: VerificationChoice) -> Decision<E> {
        let Some(state) = self.before_deletion else { return Decision::nothing() };
        let known = self.credentials.iter().copied().filter(|known| credentials.contains(known));
        Decision::of([E::Restored { state, credentials: known.collect(), verification }])
    }
}
