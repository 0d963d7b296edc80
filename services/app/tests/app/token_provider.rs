//! A provider of tokens that does as a test says. Each refresh token counts once, as with those who guard against thieves.

use std::collections::BTreeSet;

use async_trait::async_trait;
use keytrail_domain::SecretValue;
use keytrail_ports::{TokenClient, TokenError, TokenGrant, TokenServer, Tokens};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

/// Access tokens live so long, in seconds.
pub(crate) const LIFE: i64 = 3_600;
/// Where tokens are given at once.
pub(crate) const TOKENS: &str = "https://id.example/token";
/// Where they are given when the test says so.
pub(crate) const SLOW: &str = "https://slow.example/token";
/// Where tokens end.
pub(crate) const REVOKE: &str = "https://id.example/revoke";

/// The provider.
pub(crate) struct Provider {
    state: Mutex<State>,
    asked: watch::Sender<usize>,
    slow: Semaphore,
}

#[derive(Default)]
struct State {
    given: usize,
    counting: BTreeSet<String>,
    reused: usize,
    revoked: Vec<String>,
    away: bool,
    only_access: bool,
}

impl Default for Provider {
    fn default() -> Self {
        Self { state: Mutex::default(), asked: watch::Sender::default(), slow: Semaphore::new(0) }
    }
}

impl Provider {
    /// Nobody answers.
    pub(crate) fn is_away(&self, away: bool) {
        self.state.lock().away = away;
    }

    /// No refresh tokens are given.
    pub(crate) fn gives_only_access(&self) {
        self.state.lock().only_access = true;
    }

    /// Until it was asked so often.
    pub(crate) async fn wait_for(&self, times: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// The slow one answers so many.
    pub(crate) fn answers(&self, many: usize) {
        self.slow.add_permits(many);
    }

    /// Refresh tokens that came although they did not count any more.
    pub(crate) fn reused(&self) -> usize {
        self.state.lock().reused
    }

    /// What was ended.
    pub(crate) fn revoked(&self) -> Vec<String> {
        self.state.lock().revoked.clone()
    }
}

impl State {
    fn give(&mut self, with_refresh: bool) -> Tokens {
        self.given += 1;
        let number = self.given;
        let refresh = (with_refresh && !self.only_access).then(|| format!("refresh-{number}"));
        self.counting.extend(refresh.clone());
        Tokens {
            access: SecretValue::new(format!("access-{number}")),
            refresh: refresh.map(SecretValue::new),
            expires_in: Some(LIFE.unsigned_abs()),
            scopes: None,
        }
    }
}

#[async_trait]
impl TokenServer for Provider {
    async fn tokens(&self, url: &str, _: &TokenClient, grant: TokenGrant) -> Result<Tokens, TokenError> {
        self.asked.send_modify(|asked| *asked += 1);
        if url == SLOW && matches!(grant, TokenGrant::Refresh(_)) {
            self.slow.acquire().await.unwrap().forget();
        }
        let mut state = self.state.lock();
        if state.away {
            return Err(TokenError::Unavailable("scripted".into()));
        }
        match grant {
            TokenGrant::Code { .. } => Ok(state.give(true)),
            TokenGrant::Client { .. } => Ok(state.give(false)),
            TokenGrant::Refresh(token) if state.counting.remove(token.expose()) => Ok(state.give(true)),
            TokenGrant::Refresh(_) => {
                state.reused += 1;
                Err(TokenError::Revoked)
            }
        }
    }

    async fn revoke(&self, _: &str, _: &TokenClient, token: &SecretValue) -> Result<(), TokenError> {
        let mut state = self.state.lock();
        state.counting.remove(token.expose());
        state.revoked.push(token.expose().to_owned());
        Ok(())
    }
}
