//! Going back to an earlier version, and retiring one.

use super::changing;
use crate::{
    Decision, Refusal, Timestamp,
    credential::{
        CredentialEvent as E, Health, MOST_EARLIER, RetirementReason, RollBack, RollbackReason, State,
        VerificationChoice,
    },
    verification::Report,
};

/// The version that is gone back to: the one that is named, or the one before the current one.
///
/// # Errors
/// `NO_EARLIER_VERSION`, `VERSION_RETIRED`.
pub(crate) fn target(state: &State, named: Option<u32>) -> Result<u32, Refusal> {
    match named {
        Some(named) if state.earlier.contains_key(&named) => Ok(named),
        Some(named) if named == 0 || named > state.highest_version => {
            Err(Refusal::invalid("toVersion", "there is no such version"))
        }
        Some(named) if named == state.version => {
            Err(Refusal::rule("VERSION_IS_CURRENT", "that version counts already"))
        }
        Some(_) => {
            Err(Refusal::rule("VERSION_RETIRED", "that version is retired: rotate to its secret anew"))
        }
        None => {
            let before = state.earlier.range(..state.version).next_back();
            before.map(|(number, _)| *number).ok_or_else(|| {
                Refusal::rule("NO_EARLIER_VERSION", "there is no earlier version that is not retired: rotate")
            })
        }
    }
}

/// A version that the system rejects is not gone back to.
pub(crate) fn roll_back(state: &State, wish: &RollBack) -> Result<Decision<E>, Refusal> {
    changing::refuse_definite_no(&wish.check)?;
    changing::refuse_check_while_frozen(state, &wish.check)?;
    changing::refuse_inconclusive(&wish.check, wish.accept_inconclusive)?;
    let number = target(state, wish.to)?;
    let back = rolled_back(state, number, RollbackReason::Asked, wish.check.choice());
    let checked = wish.check.report().map(|report| changing::reported_by_change(number, report));
    Ok(Decision::of(back.into_iter().chain(checked)))
}

/// What follows a rejection of the current version: the one before counts again while it can be leased, so that
/// whoever leases has one that works.
pub(crate) fn after_rejection(state: &State, report: &Report, now: Timestamp) -> Option<E> {
    let number = state.overlapping(now).filter(|_| report.verdict.is_definite_no())?;
    rolled_back(state, number, RollbackReason::Rejected, VerificationChoice::Skipped)
}

fn rolled_back(
    state: &State,
    number: u32,
    reason: RollbackReason,
    verification: VerificationChoice,
) -> Option<E> {
    let earlier = state.earlier.get(&number)?;
    Some(E::RolledBack {
        from: state.version,
        version: number,
        restored: earlier.version.clone(),
        reason,
        verification,
    })
}

/// Who retires a version that is retired already has what he wants.
pub(crate) fn retire(
    state: &State,
    version: u32,
    reason: RetirementReason,
    now: Timestamp,
) -> Result<Decision<E>, Refusal> {
    if version == state.version {
        return Err(Refusal::rule(
            "VERSION_IS_CURRENT",
            "the version that counts is not retired: rotate or go back first, or suspend or delete the credential",
        ));
    }
    if version == 0 || version > state.highest_version {
        return Err(Refusal::invalid("version", "there is no such version"));
    }
    let Some(earlier) = state.earlier.get(&version) else { return Ok(Decision::nothing()) };
    // A rollback can have made it none that anybody moves away from; and while nothing proves the newer one, it is the
    // way back.
    let is_left = earlier.is_leasable(now) && version < state.version && state.health == Health::Valid;
    if reason == RetirementReason::AllMoved && !is_left {
        return Ok(Decision::nothing());
    }
    Ok(Decision::of([E::VersionRetired { version, reason }]))
}

/// What falls out when a rotation adds one to as many as are kept.
pub(crate) fn one_too_many(state: &State) -> Option<E> {
    let (oldest, _) = state.earlier.first_key_value().filter(|_| state.earlier.len() >= MOST_EARLIER)?;
    Some(E::VersionRetired { version: *oldest, reason: RetirementReason::TooMany })
}

/// Of every overlap that is over, once.
pub(crate) fn overlaps_over(state: &State, now: Timestamp) -> impl Iterator<Item = E> {
    let over = state
        .earlier
        .iter()
        .filter(move |(_, earlier)| earlier.leasable_until.is_some_and(|until| until <= now));
    over.map(|(number, _)| E::VersionRetired { version: *number, reason: RetirementReason::OverlapOver })
}
