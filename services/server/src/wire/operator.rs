//! What operators can ask of the application.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use keytrail_app::{App, AppError, NewTenant, Ports};
use keytrail_vault::SweepMode as VaultSweep;

use super::{
    readiness::Readings,
    stores,
    sweeping::{self, NotSwept},
};
use crate::{
    admin::{
        Admin, AdminCode, AdminError, CreateTenant, CreatedTenant, MintToken, MintedToken, Progress,
        ProgressSender, RebuiltViews, Status, SweepMode, Swept,
    },
    auth::{BuiltinIssuer, MintRequest},
    data_dir::DataDir,
    http::Readiness,
};

pub(crate) struct Operator {
    app: App,
    ports: Ports,
    issuer: Option<Arc<BuiltinIssuer>>,
    dir: PathBuf,
    readings: Arc<Readings>,
}

impl Operator {
    pub(super) fn new(
        app: App,
        ports: Ports,
        issuer: Option<Arc<BuiltinIssuer>>,
        dir: &DataDir,
        readings: Arc<Readings>,
    ) -> Self {
        Self { app, ports, issuer, dir: dir.path().to_owned(), readings }
    }

    pub(super) fn dir(&self) -> &std::path::Path {
        &self.dir
    }
}

#[async_trait]
impl Admin for Operator {
    async fn create_tenant(&self, wish: CreateTenant) -> Result<CreatedTenant, AdminError> {
        let new = NewTenant {
            name: wish.slug.clone(),
            slug: wish.slug,
            owner_subject: wish.owner,
            owner_issuer: wish.owner_issuer,
            owner_profile: None,
        };
        let made = self.app.create_tenant(new).await;
        let (tenant, owner) = made.map_err(|error| refused(&error, "choose another name"))?;
        Ok(CreatedTenant { tenant, owner })
    }

    async fn mint_token(&self, wish: MintToken) -> Result<MintedToken, AdminError> {
        let issuer = self.issuer.as_ref().ok_or_else(|| {
            AdminError::new(
                AdminCode::Refused,
                "tokens come from the issuer that KEYTRAIL_JWT_ISSUER names",
                "ask that issuer for a token",
            )
        })?;
        let ttl = u32::try_from(wish.ttl_seconds).unwrap_or(u32::MAX);
        let minted = self.app.mint_token(&wish.tenant, &wish.subject, ttl).await.map_err(|error| {
            refused(&error, "check both names; an admin adds people with the mutation addMember")
        })?;
        let request = MintRequest {
            token: minted.token,
            tenant_slug: wish.tenant,
            subject: wish.subject,
            issued_at: minted.issued_at,
            expires_at: minted.expires_at,
        };
        let token = issuer
            .mint(&request)
            .map_err(|error| AdminError::new(AdminCode::Internal, error.to_string(), "see the log"))?;
        Ok(MintedToken { token, expires_at: minted.expires_at })
    }

    async fn rebuild_views(&self, progress: &ProgressSender) -> Result<RebuiltViews, AdminError> {
        let rebuilt = stores::rebuild_next(&self.dir, &*self.ports.log, progress).await;
        let events =
            rebuilt.map_err(|error| AdminError::new(AdminCode::Unavailable, error.message, error.hint))?;
        Ok(RebuiltViews { events })
    }

    async fn sweep(&self, mode: SweepMode, progress: &ProgressSender) -> Result<Swept, AdminError> {
        let mode = match mode {
            SweepMode::Delete => VaultSweep::Hide,
            SweepMode::DryRun => VaultSweep::DryRun,
        };
        let report = sweeping::sweep(&self.app, &self.ports, mode).await;
        let report = report.map_err(|error| not_swept(&error))?;
        let litter = report.swept.len() as u64;
        let seen = report.named as u64 + report.young as u64 + litter;
        progress.report(Progress { done: seen, total: Some(seen) });
        Ok(Swept { seen, litter })
    }

    async fn status(&self) -> Result<Status, AdminError> {
        let parts = self.readings.parts().await;
        Ok(Status {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            ready: parts.iter().all(|part| part.trouble.is_none()),
        })
    }
}

fn refused(error: &AppError, hint: &str) -> AdminError {
    let (code, message) = match error {
        AppError::NotFound => (AdminCode::NotFound, "there is no such tenant or member".to_owned()),
        AppError::Conflict { message, .. } => (AdminCode::AlreadyExists, message.clone()),
        AppError::BadInput(fields) => {
            let places = fields.iter().map(|field| format!("{}: {}", field.path, field.message));
            (AdminCode::BadInput, places.collect::<Vec<_>>().join("; "))
        }
        AppError::Unavailable { .. } | AppError::Behind | AppError::OutcomeUnknown(_) => {
            (AdminCode::Unavailable, error.to_string())
        }
        AppError::Internal(source) => {
            tracing::error!(error = &**source as &dyn std::error::Error, "admin request failed");
            (AdminCode::Internal, "internal error".to_owned())
        }
        _ => (AdminCode::Refused, error.to_string()),
    };
    // What the caller wrote is not to blame for these.
    let hint = match code {
        AdminCode::Unavailable => "ask `/readyz` what is wrong, then try again",
        AdminCode::Internal => "see the server's log",
        _ => hint,
    };
    AdminError::new(code, message, hint)
}

fn not_swept(error: &NotSwept) -> AdminError {
    match error {
        _ if error.is_refusal() => AdminError::new(AdminCode::Refused, error.to_string(), sweeping::HINT),
        NotSwept::App(error) => refused(error, "try again"),
        NotSwept::Vault(_) | NotSwept::Journal(_) => {
            AdminError::new(AdminCode::Unavailable, error.to_string(), "try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use keytrail_ports::SecretError;
    use keytrail_vault::SweepError;

    use super::*;

    #[test]
    fn a_hint_about_names_is_for_what_somebody_named() {
        let hint = |error| refused(&error, "choose another name").hint;
        let taken = AppError::Conflict { message: "taken".into(), expected: None, actual: None };
        assert_eq!(hint(taken), "choose another name");
        let away = AppError::Unavailable { dependency: "event log", source: None };
        assert!(hint(away).contains("/readyz"));
    }

    #[test]
    fn only_a_refusal_asks_for_a_backup() {
        let refusal = not_swept(&NotSwept::Vault(SweepError::NoMark));
        assert_eq!((refusal.code, refusal.hint.as_str()), (AdminCode::Refused, sweeping::HINT));
        let away = not_swept(&NotSwept::Vault(SweepError::Store(SecretError::Unavailable("sealed".into()))));
        assert_eq!((away.code, away.hint.as_str()), (AdminCode::Unavailable, "try again"));
    }
}
