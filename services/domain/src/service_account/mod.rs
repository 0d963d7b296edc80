//! A service account: a non-human member with API tokens. It has what is granted to it, and nothing else.

mod decide;
mod event;

use std::collections::BTreeMap;

pub use decide::{NewToken, ServiceAccountCommand};
pub use event::ServiceAccountEvent;

use crate::{ServiceAccountId, Timestamp, TokenId};

/// Most tokens of one account that are good at the same time.
pub const MOST_LIVE_TOKENS: usize = 20;
/// Most tokens that one account ever has.
pub const MOST_TOKENS: usize = 1_000;

/// A service account, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServiceAccount {
    /// Not created.
    #[default]
    Vacant,
    /// In use.
    Live(State),
    /// Gone with all its tokens.
    Deleted,
}

/// What the rules ask of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: ServiceAccountId,
    /// Its tokens that were not revoked, and until when each is good.
    pub tokens: BTreeMap<TokenId, Option<Timestamp>>,
    /// How many tokens it ever had.
    pub made: usize,
    /// How many changes people made.
    pub revision: u64,
}
