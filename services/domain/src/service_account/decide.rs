//! The rules of a service account.

use super::{MOST_LIVE_TOKENS, MOST_TOKENS, ServiceAccount, ServiceAccountEvent as E, State};
use crate::{Aggregate, Decision, Refusal, Scope, ServiceAccountId, Timestamp, TokenId, text};

/// Longest name, in bytes.
const NAME_LEN: usize = 255;
/// Longest description, in bytes.
const DESCRIPTION_LEN: usize = 1_000;

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id.
    pub token: TokenId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the token, as hexadecimal digits.
    pub hash: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// The moment of asking.
    pub now: Timestamp,
}

/// What can be asked of a service account.
#[derive(Clone, Debug)]
pub enum ServiceAccountCommand {
    /// Make it.
    Create {
        /// Its id.
        account: ServiceAccountId,
        /// Its name.
        name: String,
        /// For people.
        description: Option<String>,
    },
    /// Make a token.
    CreateToken(Box<NewToken>),
    /// End a token.
    RevokeToken {
        /// Which.
        token: TokenId,
    },
    /// End the account.
    Delete,
}

impl Aggregate for ServiceAccount {
    type Command = ServiceAccountCommand;
    type Event = E;

    fn decide(&self, command: &ServiceAccountCommand) -> Result<Decision<E>, Refusal> {
        use ServiceAccountCommand as C;
        match (self, command) {
            (Self::Vacant, C::Create { account, name, description }) => Ok(Decision::of([E::Created {
                account: *account,
                name: text::line("name", name, NAME_LEN)?,
                description: text::prose("description", description.as_deref(), DESCRIPTION_LEN)?,
            }])),
            (_, C::Create { .. }) => Err(Refusal::conflict("a service account with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), C::CreateToken(token)) => create_token(state, token),
            (Self::Live(state), C::RevokeToken { token }) => match state.tokens.contains_key(token) {
                true => Ok(Decision::of([E::TokenRevoked { token: *token }])),
                false => Ok(Decision::nothing()),
            },
            (Self::Live(_), C::Delete) => Ok(Decision::of([E::Deleted {}])),
        }
    }

    fn evolve(self, event: &E) -> Self {
        match (self, event) {
            (_, E::Created { account, .. }) => {
                Self::Live(State { id: *account, tokens: Default::default(), made: 0, revision: 1 })
            }
            (Self::Live(_), E::Deleted {}) => Self::Deleted,
            (Self::Live(mut state), event) => {
                state.revision += 1;
                state.apply(event);
                Self::Live(state)
            }
            (other, _) => other,
        }
    }

    fn revision(&self) -> u64 {
        match self {
            Self::Live(state) => state.revision,
            Self::Vacant | Self::Deleted => 0,
        }
    }
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::TokenCreated { token, expires_at, .. } => {
                self.tokens.insert(*token, *expires_at);
                self.made += 1;
            }
            E::TokenRevoked { token } => {
                self.tokens.remove(token);
            }
            E::Created { .. } | E::Deleted {} => {}
        }
    }
}

fn create_token(state: &State, new: &NewToken) -> Result<Decision<E>, Refusal> {
    if new.scopes.is_empty() {
        return Err(Refusal::invalid("scopes", "must have at least one of READ, VERIFY, LEASE and WRITE"));
    }
    if new.expires_at.is_some_and(|end| end <= new.now) {
        return Err(Refusal::invalid("expiresAt", "must lie in the future"));
    }
    let good = state.tokens.values().filter(|end| end.is_none_or(|end| new.now < end)).count();
    if good >= MOST_LIVE_TOKENS {
        let message = format!("a service account has at most {MOST_LIVE_TOKENS} tokens: revoke one first");
        return Err(Refusal::rule("TOO_MANY_TOKENS", message));
    }
    if state.made >= MOST_TOKENS {
        let message = format!("this account has had {MOST_TOKENS} tokens: make another account");
        return Err(Refusal::rule("TOO_MANY_TOKENS", message));
    }
    let mut scopes = new.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    Ok(Decision::of([E::TokenCreated {
        token: new.token,
        name: text::line("name", &new.name, NAME_LEN)?,
        hash: new.hash.clone(),
        scopes,
        expires_at: new.expires_at,
    }]))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn made() -> ServiceAccountCommand {
        let account = ServiceAccountId::from_uuid(Uuid::from_u128(1));
        ServiceAccountCommand::Create { account, name: " ci ".into(), description: None }
    }

    fn id(number: u128) -> TokenId {
        TokenId::from_uuid(Uuid::from_u128(number))
    }

    fn token(number: u128, end: Option<i64>) -> ServiceAccountCommand {
        ServiceAccountCommand::CreateToken(Box::new(NewToken {
            token: id(number),
            name: "deploy".into(),
            hash: "00".into(),
            scopes: vec![Scope::Write, Scope::Lease, Scope::Lease],
            expires_at: end.map(Timestamp::from_micros),
            now: NOW,
        }))
    }

    fn after(commands: &[ServiceAccountCommand]) -> ServiceAccount {
        commands.iter().fold(ServiceAccount::default(), |account, command| {
            let decision = account.decide(command).expect("set-up");
            decision.events.iter().fold(account, ServiceAccount::evolve)
        })
    }

    #[test]
    fn a_token_has_scopes_each_once_and_an_end_that_is_to_come() {
        let decision = after(&[made()]).decide(&token(1, Some(1))).expect("made");
        let E::TokenCreated { scopes, .. } = &decision.events[0] else { panic!("a token") };
        assert_eq!(scopes, &[Scope::Lease, Scope::Write]);
        assert!(matches!(after(&[made()]).decide(&token(1, Some(0))), Err(Refusal::Invalid(_))));
        let ServiceAccountCommand::CreateToken(mut none) = token(1, None) else { panic!("a token") };
        none.scopes.clear();
        assert!(after(&[made()]).decide(&ServiceAccountCommand::CreateToken(none)).is_err());
    }

    #[test]
    fn only_so_many_tokens_are_good_at_once() {
        let mut commands = vec![made()];
        commands.extend((0..20).map(|number| token(number, None)));
        let full = after(&commands);
        assert!(matches!(full.decide(&token(99, None)), Err(Refusal::Rule { .. })));
        commands.push(ServiceAccountCommand::RevokeToken { token: id(3) });
        assert!(after(&commands).decide(&token(99, None)).is_ok());
    }

    #[test]
    fn revoking_twice_is_nothing_and_a_deleted_account_is_not_found() {
        let revoke = || ServiceAccountCommand::RevokeToken { token: id(1) };
        let account = after(&[made(), token(1, None), revoke()]);
        assert!(account.decide(&revoke()).expect("so already").events.is_empty());
        let gone = after(&[made(), ServiceAccountCommand::Delete]);
        assert_eq!(gone.decide(&token(1, None)).expect_err("gone"), Refusal::NotFound);
    }
}
