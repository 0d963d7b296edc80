//! A secret in the wrong hands.

use keytrail_domain::{
    CredentialId, Refusal, Timestamp,
    credential::{CredentialCommand, State},
};
use keytrail_ports::Action;

use super::credential::Answer;
use crate::{App, AppError, Call, Mutation};

impl App {
    /// Says that a credential's secret is in the wrong hands since a moment, or earlier: it is frozen until it is rotated,
    /// also while something uses it.
    ///
    /// # Errors
    /// As every change; bad input for a moment in the future.
    pub async fn mark_compromised(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (CredentialId, Option<u64>),
        (since, reason): (Timestamp, String),
    ) -> Answer {
        let command = CredentialCommand::MarkCompromised { since, reason, now: self.now() };
        self.simply(call, mutation, Action::Suspend, (id, expected), command).await
    }
}

/// Who rotates to what is in the wrong hands mends nothing.
pub(super) fn must_be_another_secret(state: &State, had_before: bool) -> Result<(), AppError> {
    if state.compromised_since.is_some() && had_before {
        let message = "the credential had this secret before, and it is in the wrong hands: give a new one";
        return Err(Refusal::rule("SAME_SECRET", message).into());
    }
    Ok(())
}
