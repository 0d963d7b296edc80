//! What the calendar brings: a step of the expiry ladder, the end of an access token, the end of an overlap of two versions, and the end of the
//! time in which a deleted credential can be restored.

use keytrail_domain::{
    CredentialId, EventId, Principal, StreamId, TenantId, Timestamp,
    credential::{Credential, CredentialCommand, State, step_reached},
};

use super::NAME;
use crate::{
    App, AppError, Call,
    execute::{BY_DATE, Execution},
};

impl App {
    /// Says what is due, if that was not said yet. Everything that happens once when something is due: a lease of
    /// the work belongs around this.
    pub(super) async fn note_dates(
        &self,
        (tenant, id): (TenantId, CredentialId),
        ladder: &[u32],
    ) -> Result<(), AppError> {
        let stream = StreamId::credential(tenant, id);
        let credential: Credential = self.load(&stream).await?;
        let now = self.now();
        let Some((what, command)) = due(&credential, now, ladder) else { return Ok(()) };
        // No event is the reason, the calendar is; two that look at the same time say it once.
        let reason = EventId::derived(EventId::from_uuid(id.as_uuid()), &what);
        let call = Call { principal: Principal::internal(tenant, NAME), correlation: self.fresh_id() };
        let execution = Execution {
            call: &call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((reason, BY_DATE)),
            fresh: false,
            from: 0,
        };
        self.execute::<Credential>(execution, |_| Ok(command.clone())).await?;
        Ok(())
    }
}

/// What is due, by a name that no other such moment has, and how to say so.
fn due(credential: &Credential, now: Timestamp, ladder: &[u32]) -> Option<(String, CredentialCommand)> {
    match credential {
        Credential::Live(state) => {
            let what = dates(state, now, ladder)?;
            Some((what, CredentialCommand::NoteExpiry { now, ladder: ladder.to_vec() }))
        }
        Credential::Deleted { restorable_until, .. } if now > *restorable_until => {
            Some((format!("purge/{restorable_until}"), CredentialCommand::Purge { when_due: Some(now) }))
        }
        Credential::Deleted { .. } | Credential::Vacant | Credential::Purged => None,
    }
}

/// An end that people moved away and back again is told of again.
fn dates(state: &State, now: Timestamp, ladder: &[u32]) -> Option<String> {
    let step = state.ends_at().and_then(|end| {
        let days = step_reached(end, state.noted_expiry, ladder, now)?;
        Some(format!("{end}/{days}/{}/{}", state.revision, state.secret.secret))
    });
    let token = state.authorization.as_ref().and_then(|known| known.access_until);
    let token = token
        .filter(|_| state.token_is_over(now))
        .map(|end| format!("token/{end}/{}/{}", state.revision, state.secret.secret));
    let overlap = state.next_overlap_end().filter(|end| *end <= now);
    let overlap = overlap.map(|end| format!("overlap/{end}/{}", state.revision));
    let due: Vec<_> = step.into_iter().chain(token).chain(overlap).collect();
    (!due.is_empty()).then(|| due.join(" "))
}
