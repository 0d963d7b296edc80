//! Ways round the rule that a role alone opens no lease, closed.

use keytrail_domain::{Grantee, Level, Owner};
use keytrail_ports::{
    Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, EnvironmentRow, PageRequest},
};

use crate::{
    App, AppError, Call, TeamPlace,
    queries::{holders, in_force},
    standing::{Standing, break_glass},
};

/// Credentials looked at together.
const PAGE: u32 = 1_000;

impl App {
    /// Whether what a grantee is given comes to the caller too; an environment's, when one of those who hold
    /// it is such.
    pub(super) async fn comes_to_caller(
        &self,
        call: &Call,
        standing: &Standing,
        grantee: Grantee,
    ) -> Result<bool, AppError> {
        let Grantee::Environment(id) = grantee else { return Ok(standing.may_act_as(grantee)) };
        let now = self.now();
        let row = self.ports().views.environments_by_id(call.principal.tenant, &[id]).await?.pop();
        let held = row.is_some_and(|row| holders(&row, now).any(|holder| standing.may_act_as(holder)));
        Ok(held || standing.is(grantee))
    }

    /// An admin who is no lead of a team does not join it by himself while it has the use of a credential
    /// that he has not for good: there it would have no reason and no end.
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
        let standing = self.standing(call).await?;
        if standing.leads(Some(place.team)) {
            return Ok(());
        }
        let (team, now) = (Grantee::Team(place.team), self.now());
        let environments = self.ports().views.environments(call.principal.tenant).await?;
        let held = environments.iter().filter(|row| holders(row, now).any(|holder| holder == team));
        let mut through = vec![team];
        through.extend(held.map(|row| Grantee::Environment(row.id)));
        match self.would_gain_use(call, &standing, &through).await? {
            true => Err(joining()),
            false => Ok(()),
        }
    }

    /// An admin who is no lead of the environment's team gives nobody whose rights come to him a credential's
    /// use that he has not for good.
    ///
    /// # Errors
    /// `REFUSED` with `BREAK_GLASS`.
    pub(super) async fn gives_himself_nothing_in(
        &self,
        call: &Call,
        row: &EnvironmentRow,
        grantee: Grantee,
    ) -> Result<(), AppError> {
        let standing = self.standing(call).await?;
        if standing.leads(row.team) || !standing.may_act_as(grantee) {
            return Ok(());
        }
        match self.would_gain_use(call, &standing, &[Grantee::Environment(row.id)]).await? {
            true => Err(break_glass()),
            false => Ok(()),
        }
    }

    /// Whether one of these has the use of a credential that the caller has not for good. A deleted one
    /// counts: it can be restored, with its grants.
    async fn would_gain_use(
        &self,
        call: &Call,
        standing: &Standing,
        through: &[Grantee],
    ) -> Result<bool, AppError> {
        for deleted in [false, true] {
            let mut page = PageRequest::first(PAGE);
            loop {
                let query = CredentialQuery {
                    tenant: call.principal.tenant,
                    scope: Scope::GrantedTo(through.to_vec()),
                    filter: CredentialFilter { deleted, ..CredentialFilter::default() },
                    order: CredentialOrder::default(),
                    page,
                    now: self.now(),
                };
                let listed = self.ports().views.credentials(query).await?;
                for (_, row) in &listed.rows {
                    if self.is_gained(row, standing, through).await? {
                        return Ok(true);
                    }
                }
                match listed.rows.last() {
                    Some((key, _)) if listed.has_next => page = PageRequest::first(PAGE).after(key.clone()),
                    _ => break,
                }
            }
        }
        Ok(false)
    }

    async fn is_gained(
        &self,
        row: &CredentialRow,
        standing: &Standing,
        through: &[Grantee],
    ) -> Result<bool, AppError> {
        let grants = self.ports().views.grants(row.tenant, row.id, None).await?;
        let now = self.now();
        let owned = matches!(row.owner, Owner::Team(_)) && through.contains(&row.owner.into());
        let used = owned
            || grants.iter().any(|grant| {
                let counts = grant.level >= Level::Use && in_force(grant.expires_at, now);
                counts && through.contains(&grant.grantee)
            });
        Ok(used && !standing.uses_without_end(row.owner, &grants))
    }
}

fn joining() -> AppError {
    AppError::Refused {
        reason: "BREAK_GLASS",
        message: "this team has the use of a credential that you have not, or not for good: let one of its \
                  leads add you, or take USE for an hour with `shareCredential` and a reason"
            .into(),
        details: serde_json::Value::Null,
    }
}
