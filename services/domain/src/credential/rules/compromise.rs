//! A secret in the wrong hands: nothing is done with it until it is another one.

use super::{changing, check};
use crate::{
    Decision, Refusal, Timestamp,
    credential::{CredentialEvent as E, RetirementReason, Rotate, State},
};

/// Freezes it, and ends every earlier version: whoever got at one may have got at all. Said again, only an earlier
/// moment is news.
pub(crate) fn mark(
    state: &State,
    since: Timestamp,
    reason: &str,
    now: Timestamp,
) -> Result<Decision<E>, Refusal> {
    let reason = check::reason(reason)?;
    if since > now {
        return Err(Refusal::invalid(
            "since",
            "lies in the future: give the first moment that you cannot exclude",
        ));
    }
    if state.compromised_since.is_some_and(|known| known <= since) {
        return Ok(Decision::nothing());
    }
    let earlier = state.earlier.keys().copied().map(retired);
    Ok(Decision::of(std::iter::once(E::MarkedCompromised { since, reason }).chain(earlier)))
}

fn retired(version: u32) -> E {
    E::VersionRetired { version, reason: RetirementReason::Compromised }
}

/// Only a secret that is wholly another one, and at once, ends it.
pub(super) fn allows(state: &State, rotate: &Rotate) -> Result<(), Refusal> {
    if state.compromised_since.is_none() {
        return Ok(());
    }
    if rotate.overlap_until.is_some() {
        return Err(Refusal::rule(
            "CREDENTIAL_COMPROMISED",
            "the version before is in the wrong hands: rotate without overlapSeconds",
        ));
    }
    if !state.secret_fields.is_subset(&rotate.given) {
        return Err(changing::secret_required());
    }
    Ok(())
}

/// The version that a rotation leaves, when it was in the wrong hands.
pub(super) fn left_behind(state: &State) -> Option<E> {
    state.compromised_since.map(|_| retired(state.version))
}

/// No lease, no check, no refresh.
pub(crate) fn frozen() -> Refusal {
    Refusal::rule(
        "CREDENTIAL_COMPROMISED",
        "the credential was marked as compromised and is frozen: rotate it, or resume it if that was a mistake",
    )
}
