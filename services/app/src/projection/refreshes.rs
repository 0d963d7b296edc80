//! What a credential's row knows of the tokens that an OAuth client gets.

use keytrail_domain::{
    EventMeta, SecretRef, Timestamp,
    credential::{Authorization, CredentialEvent as E, Health},
};
use keytrail_ports::views::{AuthorizationRow, CredentialRow};

/// So long before its end the next token is got, in seconds; a token that does not live four times as long is replaced
/// in its last quarter.
const AHEAD: i64 = 300;

/// Not sooner than this after the one before, in seconds, whatever a provider says.
const LEAST: i64 = 5;

pub(super) fn authorized(row: &mut CredentialRow, authorization: &Authorization, meta: &EventMeta) {
    let refresh_at = refresh_at(authorization, meta.recorded_at);
    row.authorization =
        Some(AuthorizationRow { authorization: authorization.clone(), refresh_at, refused: false });
}

pub(super) fn refreshed(
    row: &mut CredentialRow,
    (secret, refresh): (SecretRef, Option<SecretRef>),
    access_until: Option<Timestamp>,
    meta: &EventMeta,
) {
    for current in row.versions.iter_mut().filter(|version| version.replaced_at.is_none()) {
        current.secret = secret;
    }
    if row.health == Health::Expired {
        row.health = Health::Unverified;
    }
    if let Some(known) = &mut row.authorization {
        if known.authorization.was_told(row.noted_expiry) {
            (row.expires_at, row.noted_expiry) = (row.stated_end, None);
        }
        known.authorization.refresh = refresh.or(known.authorization.refresh);
        known.authorization.access_until = access_until;
        known.refresh_at = refresh_at(&known.authorization, meta.recorded_at);
    }
}

fn refresh_at(authorization: &Authorization, now: Timestamp) -> Option<Timestamp> {
    let until = authorization.access_until.filter(|_| authorization.can_refresh())?;
    let lifetime = (until.as_seconds() - now.as_seconds()).max(0);
    Some(until.plus_seconds(-AHEAD.min(lifetime / 4)).max(now.plus_seconds(LEAST)))
}

/// An end that is the access token's: none of the credential while others come in its place.
pub(super) fn is_of_token(row: &CredentialRow, end: Timestamp) -> bool {
    row.authorization.as_ref().is_some_and(|known| known.authorization.access_until == Some(end))
}

/// Whether access tokens are replaced ahead of their end.
pub(super) fn are_replaced(row: &CredentialRow) -> bool {
    row.authorization.as_ref().is_some_and(|known| known.authorization.is_replaced_ahead())
}

/// Secrets that no event's state names any more: what a refresh replaced, and the refresh token of what is over.
pub(super) fn left_behind(before: Option<&CredentialRow>, now: &CredentialRow, event: &E) -> Vec<SecretRef> {
    let refresh_of =
        |row: &CredentialRow| row.authorization.as_ref().and_then(|known| known.authorization.refresh);
    let Some(before) = before else { return Vec::new() };
    let refresh = refresh_of(before).filter(|token| Some(*token) != refresh_of(now) || now.purged);
    let replaced = matches!(event, E::TokenRefreshed { .. });
    let access = before.current().filter(|_| replaced).map(|version| version.secret);
    access.into_iter().chain(refresh).collect()
}
