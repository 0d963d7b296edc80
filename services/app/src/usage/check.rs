//! The check before something begins to use credentials: all of them, and the list of what failed.

use futures_util::{StreamExt, stream};
use keytrail_domain::{
    CredentialId, StreamId,
    credential::{Credential, CredentialCommand as C, State},
    verification::{InconclusiveReason, Report, Trigger, Verdict},
};
use keytrail_ports::{Action, Object};
use serde_json::{Value, json};

use crate::{
    App, AppError, Call,
    commands::{present, unchanged},
    execute::Execution,
};

/// Checks at once for one start.
const AT_ONCE: usize = 8;
/// A verdict that is younger is used again, in seconds.
const FRESH_SECONDS: i64 = 60;

/// What the check before a start found for one credential.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) credential: CredentialId,
    name: String,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Outcome {
    Report(Report),
    /// It cannot be checked, and so not be used.
    Unusable {
        reason: &'static str,
        message: String,
    },
}

impl Checked {
    /// It may be used: checked, or of a kind that has no check.
    pub(crate) fn is_well(&self) -> bool {
        match &self.outcome {
            Outcome::Report(report) => report.verdict.is_yes() || report.verdict == Verdict::Unsupported,
            Outcome::Unusable { .. } => false,
        }
    }

    fn as_json(&self) -> Value {
        let (id, name) = (self.credential, &self.name);
        match &self.outcome {
            Outcome::Report(Report { verdict, reason, message, .. }) => {
                json!({ "credentialId": id, "name": name, "verdict": verdict, "reason": reason, "message": message })
            }
            Outcome::Unusable { reason, message } => {
                json!({ "credentialId": id, "name": name, "verdict": null, "reason": reason, "message": message })
            }
        }
    }
}

impl App {
    /// Checks all of these now, and records what was found. The consumer's right to them counts, not the
    /// caller's: he may start what others put together.
    ///
    /// # Errors
    /// `VERIFICATION_FAILED` with `failures`: what the caller may view by name, and the number of others.
    pub(crate) async fn check_before_use(
        &self,
        call: &Call,
        credentials: &[CredentialId],
    ) -> Result<(), AppError> {
        let checks = credentials.iter().copied().map(|id| self.check_for_use(call, id));
        let found: Vec<_> = stream::iter(checks).buffered(AT_ONCE).collect().await;
        let failed: Vec<Checked> = found
            .into_iter()
            .filter_map(|checked| match checked {
                Ok(checked) => (!checked.is_well()).then_some(Ok(checked)),
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<_, _>>()?;
        if failed.is_empty() { Ok(()) } else { Err(self.failures(call, &failed).await?) }
    }

    async fn failures(&self, call: &Call, failed: &[Checked]) -> Result<AppError, AppError> {
        let (mut shown, mut hidden) = (Vec::new(), 0_u32);
        for checked in failed {
            match self.authorize(call, Action::View, Object::Credential(checked.credential)).await {
                Ok(()) => shown.push(checked.as_json()),
                Err(AppError::NotFound | AppError::Forbidden) => hidden += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(AppError::Refused {
            reason: "VERIFICATION_FAILED",
            message: "not every credential works: `failures` names them; mend them, choose others, or pass \
                      skipVerification: true"
                .into(),
            details: json!({ "failures": shown, "hiddenCount": hidden }),
        })
    }

    async fn check_for_use(&self, call: &Call, id: CredentialId) -> Result<Checked, AppError> {
        let stream = StreamId::credential(call.principal.tenant, id);
        let _one_at_a_time = self.0.claims.take(format!("check\0{id}")).await?;
        let credential: Credential = self.load(&stream).await?;
        let state = match present(&credential).and_then(|state| Ok(state.may_be_checked().map(|()| state)?)) {
            Ok(state) => state,
            Err(error) => return unusable(&credential, id, error),
        };
        if let Some(report) = self.fresh_report(call, state).await? {
            return Ok(Checked {
                credential: id,
                name: state.name.clone(),
                outcome: Outcome::Report(report),
            });
        }
        let report = match self.must_not_lock_out(call.principal.tenant, state).await {
            Ok(()) => self.check_stored(state, None).await,
            Err(error) => Err(error),
        };
        let report = match report {
            Ok(report) => report,
            Err(AppError::RateLimited { retry_after_seconds }) => {
                let outcome = Outcome::Report(asked_too_often(retry_after_seconds));
                return Ok(Checked { credential: id, name: state.name.clone(), outcome });
            }
            Err(error) => return Err(error),
        };
        let execution = Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        self.execute::<Credential>(execution, |now| {
            unchanged(state, now, None)?;
            Ok(C::RecordCheck {
                version: state.version,
                trigger: Trigger::Demand,
                report: report.clone(),
                now: self.now(),
            })
        })
        .await?;
        Ok(Checked { credential: id, name: state.name.clone(), outcome: Outcome::Report(report) })
    }

    /// The last verdict about this very version, while it is young.
    async fn fresh_report(&self, call: &Call, state: &State) -> Result<Option<Report>, AppError> {
        let Some(row) = self.ports().views.credentials_by_id(call.principal.tenant, &[state.id]).await?.pop()
        else {
            return Ok(None);
        };
        let since = self.now().plus_seconds(-FRESH_SECONDS);
        let last =
            row.last_verification.as_ref().filter(|last| last.at > since && last.version == state.version);
        // What the stream does not hold any more was about other fields or another version.
        Ok(last.map(|last| last.report.clone()).filter(|report| state.last_report.as_ref() == Some(report)))
    }
}

fn unusable(credential: &Credential, id: CredentialId, error: AppError) -> Result<Checked, AppError> {
    let name = credential.known().map(|state| state.name.clone()).unwrap_or_default();
    match error {
        AppError::Refused { reason, message, .. } => {
            Ok(Checked { credential: id, name, outcome: Outcome::Unusable { reason, message } })
        }
        AppError::NotFound => {
            let message = "the credential is gone for good".to_owned();
            Ok(Checked { credential: id, name, outcome: Outcome::Unusable { reason: "NOT_FOUND", message } })
        }
        error => Err(error),
    }
}

fn asked_too_often(seconds: u64) -> Report {
    Report {
        verdict: Verdict::Inconclusive,
        reason: Some(InconclusiveReason::RateLimited),
        message: format!("it was checked too often: try again in {seconds} s"),
        identity: None,
        scopes: Vec::new(),
        expires_at: None,
        duration_ms: 0,
    }
}
