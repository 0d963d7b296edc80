//! The rules of a credential: which command goes to which rule.

use super::{
    Credential, CredentialCommand, CredentialEvent, State, authorization,
    rules::{changing, compromise, lifecycle, sharing, transfer, using, versions},
};
use crate::{Aggregate, Decision, Refusal};

impl Aggregate for Credential {
    type Command = CredentialCommand;
    type Event = CredentialEvent;

    fn decide(&self, command: &CredentialCommand) -> Result<Decision<CredentialEvent>, Refusal> {
        use CredentialCommand as C;
        match (self, command) {
            (Self::Vacant, C::Create(new)) => changing::create(new),
            (_, C::Create(_)) => Err(Refusal::conflict("a credential with this id exists already")),
            (Self::Vacant | Self::Purged, _) => Err(Refusal::NotFound),
            (Self::Deleted { restorable_until, .. }, C::Restore { now }) => {
                lifecycle::restore(*restorable_until, *now)
            }
            (Self::Deleted { restorable_until, .. }, C::Purge { when_due }) => {
                Ok(lifecycle::purge(*restorable_until, *when_due))
            }
            // What was asked for before the deletion is taken: somebody may restore it.
            (Self::Deleted { state, .. }, C::Refresh(next)) => authorization::refresh(state, next),
            (Self::Deleted { state, .. }, C::HandOver { from, to, name }) => {
                transfer::hand_over(state, (*from, *to), name.as_deref())
            }
            (Self::Live(_), C::Purge { when_due }) => lifecycle::purge_of_what_lives(*when_due),
            (Self::Live(_), C::Restore { .. }) | (Self::Deleted { .. }, C::Delete { .. }) => {
                Ok(Decision::nothing())
            }
            (Self::Deleted { .. }, _) => {
                Err(Refusal::rule("CREDENTIAL_DELETED", "the credential is deleted: restore it first"))
            }
            (Self::Live(state), command) => state.decide(command),
        }
    }

    fn evolve(self, event: &CredentialEvent) -> Self {
        self.evolved(event)
    }

    fn revision(&self) -> u64 {
        self.known().map_or(0, |state| state.revision)
    }
}

impl State {
    fn decide(&self, command: &CredentialCommand) -> Result<Decision<CredentialEvent>, Refusal> {
        use CredentialCommand as C;
        match command {
            C::Create(_) | C::Restore { .. } | C::Purge { .. } => Ok(Decision::nothing()),
            C::Update(update) => changing::update(self, update),
            C::Rotate(rotate) => changing::rotate(self, rotate),
            C::RecordCheck { version, trigger, report, now } => {
                changing::record_check(self, (*version, *trigger), report, *now)
            }
            C::OfferTransfer { offer, note } => transfer::offer(self, offer, note.as_deref()),
            C::AcceptTransfer { to, name } => transfer::accept(self, *to, name.as_deref()),
            C::DeclineTransfer { to } => transfer::decline(self, *to),
            C::CancelTransfer => Ok(transfer::cancel(self)),
            C::HandOver { from, to, name } => transfer::hand_over(self, (*from, *to), name.as_deref()),
            C::RollBack(wish) => versions::roll_back(self, wish),
            C::Retire { version, reason, now } => versions::retire(self, *version, *reason, *now),
            C::Share(share) => sharing::share(self, share),
            C::RevokeShare { grantee } => Ok(sharing::revoke(self, *grantee)),
            C::Refresh(next) => authorization::refresh(self, next),
            C::RefuseRefresh { of, report } => authorization::refuse_refresh(self, *of, report),
            C::MarkCompromised { since, reason, now } => compromise::mark(self, *since, reason, *now),
            C::Suspend { reason } => lifecycle::suspend(self, reason),
            C::Resume { reason } => lifecycle::resume(self, reason),
            C::Delete { now, restore_days, detach } => {
                lifecycle::delete(self, now.plus_days(i64::from(*restore_days)), *detach)
            }
            C::NoteExpiry { now, ladder } => Ok(lifecycle::note_expiry(self, *now, ladder)),
            C::Attach { usage, kind, component } => using::attach(self, usage, *kind, component),
            C::ActivateUse { usage } => using::set_active(self, usage, true),
            C::DeactivateUse { usage } => using::set_active(self, usage, false),
            C::Detach { usage } => Ok(using::detach(self, usage)),
            C::NoteRepointed { to, usages } => Ok(using::repointed(*to, usages)),
        }
    }
}
