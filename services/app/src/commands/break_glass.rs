//! Ways round the rule that a role alone opens no lease, closed.

use keytrail_domain::{Grantee, Level};
use keytrail_ports::{
    Action, Object, Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, PageRequest},
};

use crate::{App, AppError, Call, TeamPlace, queries::is_held_by};

/// Credentials looked at together.
const PAGE: u32 = 1_000;

impl App {
    /// An admin who is no lead of a team does not join it by himself while it has the use of a credential
    /// that he has not: there it would have no reason and no end.
    ///
    /// # Errors
    /// `REFUSED` with `BREAK_GLASS`.
    pub(super) async fn takes_no_use_by_joining(
        &self,
        call: &Call,
        place: TeamPlace,
    ) -> Result<(), AppError> {
        if call.principal.actor.member() != Some(place.member) {
            return Ok(());
        }
        if self.standing(call).await?.leads(Some(place.team)) {
            return Ok(());
        }
        let (tenant, now) = (call.principal.tenant, self.now());
        let environments = self.ports().views.environments(tenant).await?;
        let held = environments.iter().filter(|row| is_held_by(row, place.team, now));
        let mut grantees = vec![Grantee::Team(place.team)];
        grantees.extend(held.map(|row| Grantee::Environment(row.id)));
        let mut page = PageRequest::first(PAGE);
        loop {
            let query = CredentialQuery {
                tenant,
                scope: Scope::GrantedTo(grantees.clone()),
                filter: CredentialFilter::default(),
                order: CredentialOrder::default(),
                page,
                now,
            };
            let listed = self.ports().views.credentials(query).await?;
            for (_, row) in &listed.rows {
                let used = self.team_level(row, place.team).await? >= Some(Level::Use);
                if used && !self.may_lease(call, row.id).await? {
                    return Err(joining());
                }
            }
            match listed.rows.last() {
                Some((key, _)) if listed.has_next => page = PageRequest::first(PAGE).after(key.clone()),
                _ => return Ok(()),
            }
        }
    }

    /// Whether the caller may lease a credential, by more than a role.
    pub(super) async fn may_lease(
        &self,
        call: &Call,
        id: keytrail_domain::CredentialId,
    ) -> Result<bool, AppError> {
        match self.authorize(call, Action::Lease, Object::Credential(id)).await {
            Ok(()) => Ok(true),
            Err(AppError::NotFound | AppError::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn joining() -> AppError {
    AppError::Refused {
        reason: "BREAK_GLASS",
        message: "this team has the use of a credential that you have not: let one of its leads add you, or \
                  take USE for an hour with `shareCredential` and a reason"
            .into(),
        details: serde_json::Value::Null,
    }
}
