//! Suspending, deleting, restoring, and the calendar.

use serde_json::json;

use super::{check, versions};
use crate::{
    Decision, Refusal, Timestamp,
    credential::{CredentialEvent as E, State, step_reached},
};

pub(crate) fn suspend(state: &State, reason: &str) -> Result<Decision<E>, Refusal> {
    let reason = check::reason(reason)?;
    Ok(if state.suspended { Decision::nothing() } else { Decision::of([E::Suspended { reason }]) })
}

pub(crate) fn resume(state: &State, reason: &str) -> Result<Decision<E>, Refusal> {
    let reason = check::reason(reason)?;
    Ok(if state.is_frozen() { Decision::of([E::Resumed { reason }]) } else { Decision::nothing() })
}

/// Something that runs keeps it; something that does not run keeps it unless `detach`.
pub(crate) fn delete(
    state: &State,
    restorable_until: Timestamp,
    detach: bool,
) -> Result<Decision<E>, Refusal> {
    let active = state.usages.values().any(|usage| usage.active);
    if active || (!state.usages.is_empty() && !detach) {
        let next_step = if active {
            "stop or re-point what runs"
        } else {
            "pass detach: true to leave what uses it without it"
        };
        let usages: Vec<_> = state
            .usages
            .iter()
            .map(|(id, usage)| json!({ "id": id, "kind": usage.kind, "active": usage.active }))
            .collect();
        return Err(Refusal::Rule {
            reason: "CREDENTIAL_IN_USE",
            message: format!("the credential is in use: {next_step}"),
            details: json!({ "usages": usages }),
        });
    }
    Ok(Decision::of([E::Deleted { restorable_until }]))
}

pub(crate) fn restore(restorable_until: Timestamp, now: Timestamp) -> Result<Decision<E>, Refusal> {
    if now > restorable_until {
        return Err(Refusal::rule("RESTORE_TOO_LATE", "the time for a restore is over"));
    }
    Ok(Decision::of([E::Restored {}]))
}

/// Only what is deleted, and by itself only when it cannot be restored any more.
pub(crate) fn purge(restorable_until: Timestamp, when_due: Option<Timestamp>) -> Decision<E> {
    match when_due {
        Some(now) if now <= restorable_until => Decision::nothing(),
        _ => Decision::of([E::Purged {}]),
    }
}

/// Somebody restored it meanwhile, or somebody asks too early.
pub(crate) fn purge_of_what_lives(when_due: Option<Timestamp>) -> Result<Decision<E>, Refusal> {
    match when_due {
        Some(_) => Ok(Decision::nothing()),
        None => Err(Refusal::rule(
            "CREDENTIAL_NOT_DELETED",
            "only a deleted credential is purged: delete it first",
        )),
    }
}

/// One event for each step of the ladder that was reached, and one at the end; never one twice. And one for each
/// overlap that is over.
pub(crate) fn note_expiry(state: &State, now: Timestamp, ladder: &[u32]) -> Decision<E> {
    Decision::of(step(state, now, ladder).into_iter().chain(versions::overlaps_over(state, now)))
}

fn step(state: &State, now: Timestamp, ladder: &[u32]) -> Option<E> {
    if state.token_is_over(now) {
        let expires_at = state.authorization.as_ref().and_then(|known| known.access_until);
        return Some(E::Expired { expires_at });
    }
    let end = state.ends_at()?;
    step_reached(end, state.noted_expiry, ladder, now).map(|days| match days {
        0 => E::Expired { expires_at: Some(end) },
        days => E::Expiring { expires_at: end, days },
    })
}
