//! Ways round the rule that a role alone opens no lease, closed.

use keytrail_domain::{Grantee, Level, Owner, Timestamp, ends_later};
use keytrail_ports::{
    Scope,
    views::{
        CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, EnvironmentRow,
        EnvironmentShareRow, GrantRow, PageRequest,
    },
};

use crate::{
    App, AppError, Call, NewEnvironmentShare, TeamPlace,
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

    /// An admin who is no lead of a team does not join it, nor make himself its lead, by his role while he
    /// would have more of a credential by that than he has for good: there it would have no reason and no end.
    ///
    /// # Errors
    /// `REFUSED` with `BREAK_GLASS`.
    pub(super) async fn takes_no_use_by_joining(
        &self,
        call: &Call,
        place: TeamPlace,
        lead: bool,
    ) -> Result<(), AppError> {
        if call.principal.actor.member() != Some(place.member) {
            return Ok(());
        }
        let standing = self.standing(call).await?;
        let team = Grantee::Team(place.team);
        let is_so = standing.leads(Some(place.team)) || (standing.is(team) && !lead);
        if is_so {
            return Ok(());
        }
        let now = self.now();
        let environments = self.ports().views.environments(call.principal.tenant).await?;
        let held = environments.iter().filter(|row| holders(row, now).any(|holder| holder == team));
        let mut through = vec![team];
        through.extend(held.map(|row| Grantee::Environment(row.id)));
        match self.would_gain(call, &standing, &Through { grantees: through, lead }).await? {
            true => Err(joining()),
            false => Ok(()),
        }
    }

    /// An admin who is no lead of the environment's team gives nobody whose rights come to him a credential's
    /// use that he has not for good. Who holds it as long already is given nothing.
    ///
    /// # Errors
    /// `REFUSED` with `BREAK_GLASS`.
    pub(super) async fn gives_himself_nothing_in(
        &self,
        call: &Call,
        row: &EnvironmentRow,
        share: &NewEnvironmentShare,
    ) -> Result<(), AppError> {
        let standing = self.standing(call).await?;
        let held = |known: &EnvironmentShareRow| {
            known.grantee == share.grantee
                && in_force(known.expires_at, self.now())
                && !ends_later(share.expires_at, known.expires_at)
        };
        let gives = standing.may_act_as(share.grantee) && !row.shares.iter().any(held);
        if standing.leads(row.team) || !gives {
            return Ok(());
        }
        let through = Through { grantees: vec![Grantee::Environment(row.id)], lead: false };
        match self.would_gain(call, &standing, &through).await? {
            true => Err(break_glass()),
            false => Ok(()),
        }
    }

    /// Whether the caller would have more than he has for good. A deleted credential counts while it can be
    /// restored, with its grants.
    async fn would_gain(
        &self,
        call: &Call,
        standing: &Standing,
        through: &Through,
    ) -> Result<bool, AppError> {
        for deleted in [false, true] {
            let mut page = PageRequest::first(PAGE);
            loop {
                let query = CredentialQuery {
                    tenant: call.principal.tenant,
                    scope: Scope::GrantedTo(through.grantees.clone()),
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
        through: &Through,
    ) -> Result<bool, AppError> {
        let now = self.now();
        if !in_force(row.restorable_until, now) {
            return Ok(false);
        }
        let grants = self.ports().views.grants(row.tenant, row.id, None).await?;
        let gained = through.level(row.owner, &grants, now);
        Ok(gained >= Some(Level::Use) && gained > standing.level_for_good(row.owner, &grants))
    }
}

/// What somebody would come to.
struct Through {
    grantees: Vec<Grantee>,
    /// As lead of the team among them.
    lead: bool,
}

impl Through {
    fn level(&self, owner: Owner, grants: &[GrantRow], now: Timestamp) -> Option<Level> {
        let owned = matches!(owner, Owner::Team(_)) && self.grantees.contains(&owner.into());
        let counts =
            |grant: &&GrantRow| in_force(grant.expires_at, now) && self.grantees.contains(&grant.grantee);
        let granted = grants.iter().filter(counts).map(|grant| grant.level).max();
        granted.max(owned.then(|| Level::of_owning_team(self.lead)))
    }
}

fn joining() -> AppError {
    AppError::Refused {
        reason: "BREAK_GLASS",
        message:
            "by this you would have more of a credential than you have for good, by your role alone: let a \
                  lead of the team do it, or take USE for an hour with `shareCredential` and a reason"
                .into(),
        details: serde_json::Value::Null,
    }
}
