//! From a credential's row to what is to be done with it, and when.

use keytrail_domain::{
    Timestamp,
    component::Component,
    credential::{Health, next_step},
};
use keytrail_ports::views::{CredentialRow, VerificationRow};

use super::slots::MINUTE;

/// Checks that a lockout-unsafe system gets in a day after it said no.
const CHECKS_A_DAY: usize = 2;
const DAY: i64 = 24 * 60 * MINUTE;
/// A verdict younger than this is used again.
const FRESH: i64 = MINUTE;

/// True for what is checked on the schedule: also what was never verified, because its maker chose
/// not to wait for a check, not to never have one.
pub(super) fn is_checked(row: &CredentialRow, component: Option<&Component>, now: Timestamp) -> bool {
    let gone = row.purged || row.deleted_at.is_some();
    let over = row.expires_at.is_some_and(|end| end <= now);
    !gone && !row.is_frozen() && !over && component.is_some_and(|component| component.verify.is_some())
}

/// True when the last check rejected another version than counts now: it has given way, and whether the one that
/// counts works is to be known soon.
pub(super) fn gave_way(row: &CredentialRow) -> bool {
    let rejected = |check: &VerificationRow| {
        check.report.verdict.is_definite_no() && check.version > row.current_version()
    };
    row.health == Health::Unverified && row.last_verification.as_ref().is_some_and(rejected)
}

/// Microseconds between two checks.
pub(super) fn interval(component: Option<&Component>, default: i64) -> i64 {
    component.and_then(|it| it.check_every_seconds).map_or(default, |seconds| i64::from(seconds) * 1_000_000)
}

/// When the calendar next brings something: a step of the expiry ladder, the end of an access token after which no other
/// came, the end of an overlap, or, once deleted, the moment after the last one for a restore.
pub(super) fn dates(row: &CredentialRow, ladder: &[u32]) -> Option<Timestamp> {
    if row.purged {
        return None;
    }
    if row.deleted_at.is_some() {
        return row.restorable_until.map(|last| last.plus_micros(1));
    }
    let step = row.expires_at.and_then(|end| next_step(end, row.noted_expiry, ladder));
    let token = row.authorization.as_ref().filter(|known| !known.refused && !row.is_frozen());
    let token = token.and_then(|known| known.authorization.tell_of_end(row.noted_expiry));
    step.into_iter().chain(token).chain(row.next_overlap_end()).min()
}

/// A verdict that is too young to ask again, by when it was found.
pub(super) fn fresh_until(last: &VerificationRow, interval: i64) -> Timestamp {
    last.at.plus_micros(FRESH.min(interval / 2))
}

/// From when on a system that locks accounts may be asked again after it said no; `last` has the
/// newest checks, newest first.
pub(crate) fn unlocked_at(
    row: &CredentialRow,
    component: &Component,
    last: &[VerificationRow],
) -> Option<Timestamp> {
    if !is_locking(row, component) {
        return None;
    }
    let version = row.current_version();
    let rejected = last.iter().take_while(|check| check.version == version);
    let earlier = rejected.filter(|check| check.report.verdict.is_definite_no()).nth(CHECKS_A_DAY - 1)?;
    Some(earlier.at.plus_micros(DAY))
}

/// The schedule spreads its share of those over the day: two at once could be one too many.
pub(super) fn apart_until(
    row: &CredentialRow,
    component: &Component,
    last: &VerificationRow,
) -> Option<Timestamp> {
    let rejected = is_locking(row, component) && last.report.verdict.is_definite_no();
    rejected.then(|| last.at.plus_micros(DAY / 2))
}

/// One more wrong attempt could lock an account.
fn is_locking(row: &CredentialRow, component: &Component) -> bool {
    !component.lockout_safe && matches!(row.health, Health::Invalid | Health::Expired)
}

#[cfg(test)]
mod tests;
