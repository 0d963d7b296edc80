//! A minted token of the built-in issuer: that it was minted is a fact; the token itself is not.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Aggregate, Decision, DomainEvent, MemberId, Refusal, Timestamp, TokenId};

/// A token, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    minted: bool,
}

/// What can be asked of a token.
#[derive(Clone, Debug)]
pub struct Mint {
    /// Its id, the `jti` claim.
    pub token: TokenId,
    /// Whom it names. Not by subject: that can be an address, and an event is for ever.
    pub member: MemberId,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// A fact about a token. Names and shapes are for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum TokenEvent {
    #[serde(rename = "TokenMinted")]
    Minted { token: TokenId, member: MemberId, expires_at: Timestamp },
}

impl DomainEvent for TokenEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}

impl Aggregate for Token {
    type Command = Mint;
    type Event = TokenEvent;

    fn decide(&self, command: &Mint) -> Result<Decision<TokenEvent>, Refusal> {
        if self.minted {
            return Err(Refusal::conflict("a token with this id was minted already"));
        }
        Ok(Decision::of([TokenEvent::Minted {
            token: command.token,
            member: command.member,
            expires_at: command.expires_at,
        }]))
    }

    fn evolve(self, event: &TokenEvent) -> Self {
        match event {
            TokenEvent::Minted { .. } => Self { minted: true },
        }
    }

    fn revision(&self) -> u64 {
        u64::from(self.minted)
    }
}
