//! Telling of one step of the expiry ladder.

use keytrail_domain::{
    CredentialId, EventId, Principal, StreamId, TenantId,
    credential::{Credential, CredentialCommand, step_reached},
};

use super::NAME;
use crate::{
    App, AppError, Call,
    commands::present,
    execute::{BY_DATE, Execution},
};

impl App {
    /// Says that an end is near, or has come, if that was not said yet. Everything that happens once
    /// when a step is due: a lease of the work belongs around this.
    pub(super) async fn tell_of_expiry(
        &self,
        (tenant, id): (TenantId, CredentialId),
        ladder: &[u32],
    ) -> Result<(), AppError> {
        let stream = StreamId::credential(tenant, id);
        let credential: Credential = self.load(&stream).await?;
        let Ok(state) = present(&credential) else { return Ok(()) };
        let Some(end) = state.ends_at() else { return Ok(()) };
        let now = self.now();
        let Some(days) = step_reached(end, state.noted_expiry, ladder, now) else { return Ok(()) };
        // No event is the reason, the calendar is; two that look at the same time say it once. An
        // end that people moved away and back again is told of again.
        let step = format!("{end}/{days}/{}", state.revision);
        let reason = EventId::derived(EventId::from_uuid(id.as_uuid()), &step);
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
        let command = CredentialCommand::NoteExpiry { now, ladder: ladder.to_vec() };
        self.execute::<Credential>(execution, |_| Ok(command.clone())).await?;
        Ok(())
    }
}
