//! Whose a credential is: offered by one side, accepted by the other; or handed over when a member is gone.

use super::check;
use crate::{
    Decision, Owner, Refusal,
    credential::{CredentialEvent as E, Offer, State, TransferReason},
    text::line,
};

/// Longest note to the receiving side, in bytes.
const NOTE_LEN: usize = 1_000;

/// One offer at a time; the same again is nothing.
pub(crate) fn offer(state: &State, offer: &Offer, note: Option<&str>) -> Result<Decision<E>, Refusal> {
    if offer.to == state.owner {
        return Err(Refusal::invalid("toOwnerId", "owns it already"));
    }
    let note = note.map(|note| line("note", note, NOTE_LEN)).transpose()?;
    match &state.offer {
        // One by a right of his own takes the place of one by a role alone.
        Some(known) if known.to == offer.to && (known.by_role_of.is_none() || offer.by_role_of.is_some()) => {
            Ok(Decision::nothing())
        }
        Some(known) if known.to != offer.to => Err(Refusal::rule(
            "TRANSFER_PENDING",
            "the credential is offered to somebody else: cancel that offer first",
        )),
        Some(_) | None => {
            Ok(Decision::of([E::TransferOffered { to: offer.to, note, by_role_of: offer.by_role_of }]))
        }
    }
}

/// The credential changes hands, under another name if one is given.
pub(crate) fn accept(state: &State, to: Owner, name: Option<&str>) -> Result<Decision<E>, Refusal> {
    pending(state, to)?;
    changed(state, to, name, TransferReason::Accepted)
}

pub(crate) fn decline(state: &State, to: Owner) -> Result<Decision<E>, Refusal> {
    pending(state, to)?;
    Ok(Decision::of([E::TransferDeclined {}]))
}

/// Who cancels what is not offered has what he wants.
pub(crate) fn cancel(state: &State) -> Decision<E> {
    if state.offer.is_some() { Decision::of([E::TransferCancelled {}]) } else { Decision::nothing() }
}

/// What a removed member owned. Somebody may have accepted it meanwhile.
pub(crate) fn hand_over(
    state: &State,
    (from, to): (Owner, Owner),
    name: Option<&str>,
) -> Result<Decision<E>, Refusal> {
    if state.owner != from {
        return Ok(Decision::nothing());
    }
    changed(state, to, name, TransferReason::MemberRemoved)
}

fn pending(state: &State, to: Owner) -> Result<(), Refusal> {
    match &state.offer {
        Some(offer) if offer.to == to => Ok(()),
        _ => Err(Refusal::rule("NO_TRANSFER_OFFER", "the credential is not offered, or not any more")),
    }
}

fn changed(
    state: &State,
    to: Owner,
    name: Option<&str>,
    reason: TransferReason,
) -> Result<Decision<E>, Refusal> {
    let name = name.map(check::name).transpose()?.filter(|name| *name != state.name);
    let moved = E::Transferred { from: state.owner, to, reason };
    Ok(Decision::of(std::iter::once(moved).chain(name.map(|name| E::Renamed { name }))))
}
