//! That an OAuth client gets a credential's access tokens, ahead of their end.

use serde::{Deserialize, Serialize};

use super::{CredentialEvent as E, NotedExpiry, Rotate, State};
use crate::{
    Decision, OAuthClientId, Refusal, SecretRef, SecretWrite, Timestamp,
    verification::{Report, Trigger},
};

/// The field of a credential that holds its access token. *Format*.
pub const ACCESS_TOKEN: &str = "access_token";
/// So long after the end of an access token another one may come before people are told, in seconds.
const PATIENCE: i64 = 60;

/// By what right tokens are given (RFC 6749, 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OAuthGrant {
    /// A person has allowed it.
    AuthorizationCode,
    /// The client asks for itself.
    ClientCredentials,
}

/// Where a credential's access tokens come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// Who gets them.
    pub client: OAuthClientId,
    /// By what right.
    pub grant: OAuthGrant,
    /// Where the token lies that makes others; a lease never covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<SecretRef>,
    /// What for, as the provider said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Until when the access token is good, as far as the provider said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_until: Option<Timestamp>,
}

impl Authorization {
    /// There is something to get the next access token with.
    pub fn can_refresh(&self) -> bool {
        self.grant == OAuthGrant::ClientCredentials || self.refresh.is_some()
    }

    /// When people are to be told that the access token is over; none when they were. Where another one can be got, it
    /// gets a minute to come.
    pub fn tell_of_end(&self, noted: Option<NotedExpiry>) -> Option<Timestamp> {
        let end = self.access_until.filter(|_| !self.was_told(noted))?;
        Some(end.plus_seconds(if self.can_refresh() { PATIENCE } else { 0 }))
    }

    /// The next access token is got before this one ends.
    pub fn is_replaced_ahead(&self) -> bool {
        self.can_refresh() && self.access_until.is_some()
    }

    /// Whether what was told last is the end of this access token. By the provider's clock it may be a little earlier.
    pub fn was_told(&self, noted: Option<NotedExpiry>) -> bool {
        let near = |(end, noted): (Timestamp, NotedExpiry)| {
            noted.days == 0 && (end.as_seconds() - noted.end.as_seconds()).abs() <= PATIENCE
        };
        self.access_until.zip(noted).is_some_and(near)
    }
}

/// A new one, with the refresh token on its way into the vault.
#[derive(Clone, Debug)]
pub struct NewAuthorization {
    /// As it is told.
    pub authorization: Authorization,
    /// What lies at its place.
    pub refresh: Option<SecretWrite>,
}

/// The next access token.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The one that it takes the place of.
    pub of: SecretRef,
    /// It.
    pub secret: SecretWrite,
    /// The next refresh token; none: the one before goes on.
    pub refresh: Option<SecretWrite>,
    /// Until when it is good.
    pub access_until: Option<Timestamp>,
}

impl State {
    /// The authorization, if the next token can be asked for right now.
    ///
    /// # Errors
    /// `CREDENTIAL_SUSPENDED`, `CREDENTIAL_COMPROMISED`; a conflict where there is nothing to refresh.
    pub fn refreshable(&self, of: SecretRef) -> Result<&Authorization, Refusal> {
        self.may_be_checked()?;
        self.refreshed_from(of)
    }

    /// What was asked for before it was stopped is taken: the token before may be void.
    ///
    /// # Errors
    /// A conflict where there is nothing to refresh.
    pub fn refreshed_from(&self, of: SecretRef) -> Result<&Authorization, Refusal> {
        let known = self.authorization.as_ref().filter(|known| known.can_refresh() && self.secret == of);
        known
            .filter(|_| !self.refresh_refused)
            .ok_or_else(|| Refusal::conflict("the credential's tokens are not refreshed, or were meanwhile"))
    }

    /// The access token is over, no other one has come, and people were not told. Of a provider that refuses they were,
    /// and for what is stopped none is asked for.
    pub fn token_is_over(&self, now: Timestamp) -> bool {
        let known = self.authorization.as_ref().filter(|_| !self.refresh_refused && !self.is_frozen());
        known.and_then(|known| known.tell_of_end(self.noted_expiry)).is_some_and(|tell| tell <= now)
    }

    /// An access token that is over is not given out.
    ///
    /// # Errors
    /// `ACCESS_TOKEN_EXPIRED`.
    pub fn access_must_last(&self, now: Timestamp) -> Result<(), Refusal> {
        let until = self.authorization.as_ref().and_then(|known| known.access_until);
        if until.is_none_or(|until| now < until) {
            return Ok(());
        }
        let message = if self.refresh_refused {
            "the access token is over and the provider refuses another one: authorize the credential anew"
        } else {
            "the access token is over and the provider has given no other one yet: try again later"
        };
        Err(Refusal::rule("ACCESS_TOKEN_EXPIRED", message))
    }
}

pub(super) fn refresh(state: &State, new: &Refresh) -> Result<Decision<E>, Refusal> {
    state.refreshed_from(new.of)?;
    let refreshed = E::TokenRefreshed {
        secret: new.secret.at,
        refresh: new.refresh.as_ref().map(|refresh| refresh.at),
        access_until: new.access_until,
    };
    Ok(Decision::of([refreshed]).storing(new.secret.at, new.secret.payload.clone()).with(new.refresh.clone()))
}

/// The provider gives no more tokens for it.
pub(super) fn refuse_refresh(state: &State, of: SecretRef, report: &Report) -> Result<Decision<E>, Refusal> {
    if state.refreshed_from(of).is_err() {
        return Ok(Decision::nothing());
    }
    let report = report.clone();
    Ok(Decision::of([E::Invalidated { version: state.version, trigger: Trigger::Refresh, report }]))
}

/// What a new secret says of its tokens.
pub(super) fn told(new: Option<&NewAuthorization>) -> Option<E> {
    new.map(|new| E::Authorized { authorization: new.authorization.clone() })
}

/// What a rotation says of them: who gives other secrets than the access token leaves that to the client.
///
/// # Errors
/// `TOKEN_OF_CLIENT` for an overlap: only the current version's tokens are replaced ahead of their end.
pub(super) fn after_rotation(state: &State, rotate: &Rotate) -> Result<Option<E>, Refusal> {
    let known = state.authorization.as_ref().filter(|_| rotate.authorization.is_none());
    let Some(known) = known else { return Ok(told(rotate.authorization.as_ref())) };
    if rotate.overlap_until.is_some() {
        return Err(Refusal::rule(
            "TOKEN_OF_CLIENT",
            "an OAuth client gets the access tokens of the credential, for its current version alone: give no \
             overlapSeconds",
        ));
    }
    let own = rotate.given.contains(ACCESS_TOKEN);
    Ok((!own).then(|| E::Authorized { authorization: known.clone() }))
}

/// What goes to the vault with it.
pub(super) fn stored(new: Option<&NewAuthorization>) -> Option<SecretWrite> {
    new.and_then(|new| new.refresh.clone())
}
