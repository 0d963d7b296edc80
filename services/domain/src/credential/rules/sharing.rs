//! Grants.

use super::check;
use crate::{
    Decision, Grantee, Refusal, Timestamp,
    credential::{CredentialEvent as E, Grant, MOST_GRANTS, Share, State},
    ends_later,
};

/// Longest use that somebody gives himself by his role alone.
const BREAK_GLASS_SECONDS: i64 = 3_600;

/// Gives a level; a grant that is so already is nothing.
pub(crate) fn share(state: &State, share: &Share) -> Result<Decision<E>, Refusal> {
    if share.expires_at.is_some_and(|end| end <= share.now) {
        return Err(Refusal::invalid("expiresAt", "must lie in the future"));
    }
    if matches!(share.grantee, Grantee::Member(_)) && share.grantee == Grantee::from(state.owner) {
        return Err(Refusal::invalid("granteeId", "the owner has MANAGE already"));
    }
    let reason = share.reason.as_deref().map(check::reason).transpose()?;
    if share.break_glass && reason.is_none() {
        let message = "your role alone gives you no use of a credential: say why you take it, for an hour";
        return Err(Refusal::rule("REASON_REQUIRED", message));
    }
    let expires_at = if share.break_glass { Some(within_an_hour(share)) } else { share.expires_at };
    let wanted = Grant { level: share.level, expires_at };
    match state.grants.get(&share.grantee) {
        Some(known) if *known == wanted => return Ok(Decision::nothing()),
        // Not cut to an hour what somebody with the right to it gave for longer.
        Some(known) if share.break_glass && known.in_force(share.now) && is_cut(known, &wanted) => {
            let message = "the grantee has that for longer than the hour that your role gives: leave it so";
            return Err(Refusal::rule("BREAK_GLASS", message));
        }
        None if state.grants.len() >= MOST_GRANTS => {
            return Err(Refusal::rule(
                "TOO_MANY_GRANTS",
                format!("a credential has at most {MOST_GRANTS} grants: share it with a team instead"),
            ));
        }
        _ => {}
    }
    Ok(Decision::of([E::Shared {
        grantee: share.grantee,
        level: share.level,
        expires_at,
        reason,
        break_glass: share.break_glass,
    }]))
}

fn is_cut(known: &Grant, wanted: &Grant) -> bool {
    known.level >= wanted.level && ends_later(known.expires_at, wanted.expires_at)
}

fn within_an_hour(share: &Share) -> Timestamp {
    let latest = share.now.plus_seconds(BREAK_GLASS_SECONDS);
    share.expires_at.map_or(latest, |end| end.min(latest))
}

/// Takes a grant back; one that is not there is nothing.
pub(crate) fn revoke(state: &State, grantee: Grantee) -> Decision<E> {
    if state.grants.contains_key(&grantee) {
        Decision::of([E::ShareRevoked { grantee }])
    } else {
        Decision::nothing()
    }
}
