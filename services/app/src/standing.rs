//! What a caller may do to a credential by its own stream: the authoriser answers from the views,
//! and a grant that was revoked a moment ago must not count because they lag behind.

use std::sync::Arc;

use keytrail_domain::{
    EnvironmentId, Grantee, Level, Owner, Role, TeamId, Timestamp, Who,
    credential::{Credential, Share, State},
    ends_later,
};
use keytrail_ports::{Action, Authorizer, Enough, views::GrantRow};

use crate::{App, AppError, Call};

/// Who the caller is to the credentials of his tenant.
#[derive(Clone)]
pub(crate) struct Standing {
    who: Who,
    role: Option<Role>,
    teams: Vec<(TeamId, bool)>,
    environments: Vec<EnvironmentId>,
    now: Timestamp,
    authorizer: Arc<dyn Authorizer>,
}

impl App {
    /// The caller's role and teams, now.
    pub(crate) async fn standing(&self, call: &Call) -> Result<Standing, AppError> {
        let authorizer = &self.ports().authorizer;
        Ok(Standing {
            who: call.principal.actor.who.clone(),
            role: authorizer.role(&call.principal).await?,
            teams: authorizer.teams(&call.principal).await?,
            environments: authorizer.environments(&call.principal).await?,
            now: self.now(),
            authorizer: Arc::clone(authorizer),
        })
    }
}

impl Standing {
    /// The authoriser's yes must hold by the loaded credential too.
    ///
    /// # Errors
    /// `NOT_FOUND` for a caller who may not even view it any more, else `FORBIDDEN`.
    pub(crate) fn still_may(&self, action: Action, credential: &Credential) -> Result<(), AppError> {
        // What is not there is refused by the domain.
        let Some(state) = credential.known() else { return Ok(()) };
        if self.may(action, state) {
            return Ok(());
        }
        Err(if self.may(Action::View, state) { AppError::Forbidden } else { AppError::NotFound })
    }

    /// What the authoriser says is enough, held against the credential's own stream.
    fn may(&self, action: Action, state: &State) -> bool {
        let granted = self.by_owning(state.owner).max(self.by_grants(state));
        let by_role = self.role.and_then(Role::level);
        self.authorizer.enough(action).into_iter().any(|enough| match (&self.who, enough) {
            (Who::System(_), _) => true,
            (_, Enough::Role(least)) => self.role.is_some_and(|role| role.includes(least)),
            (_, Enough::Level(least)) => granted.max(by_role) >= Some(least),
            (_, Enough::Granted(least)) => granted >= Some(least),
        })
    }

    /// He manages it by his tenant role, and by nothing else.
    pub(crate) fn manages_by_role_alone(&self, state: &State) -> bool {
        self.by_owning(state.owner).max(self.by_grants(state)) < Some(Level::Manage)
    }

    /// `MANAGE` by role holds no lease. Who has it by role alone and gives the use of a credential where it
    /// is his too ([`Self::may_act_as`]) breaks glass: true.
    ///
    /// # Errors
    /// `REFUSED` with `BREAK_GLASS` for more than `USE`, which would let him give on what he took, and for an
    /// environment, where it would have no end.
    pub(crate) fn breaks_glass(
        &self,
        share: &Share,
        credential: &Credential,
        is_his: bool,
    ) -> Result<bool, AppError> {
        let Some(state) = credential.known() else { return Ok(false) };
        let by_role_alone = self.manages_by_role_alone(state);
        let gives = share.level >= Level::Use && !self.has_that(share, state);
        if !by_role_alone || !gives || !is_his {
            return Ok(false);
        }
        if share.level > Level::Use || matches!(share.grantee, Grantee::Environment(_)) {
            return Err(break_glass());
        }
        Ok(true)
    }

    /// The grantee has as much for as long: nothing is given, and perhaps something taken.
    fn has_that(&self, share: &Share, state: &State) -> bool {
        state.grants.get(&share.grantee).is_some_and(|known| {
            let as_much = share.level <= known.level && !ends_later(share.expires_at, known.expires_at);
            known.in_force(self.now) && as_much
        })
    }

    /// What he has of a credential by a right that does not end by itself: by owning it, or by a grant
    /// without an end. An environment is left out: he may hold it for a time only.
    pub(crate) fn level_for_good(&self, owner: Owner, grants: &[GrantRow]) -> Option<Level> {
        let lasting = |grant: &&GrantRow| {
            let is_environment = matches!(grant.grantee, Grantee::Environment(_));
            grant.expires_at.is_none() && !is_environment && self.is(grant.grantee)
        };
        let granted = grants.iter().filter(lasting).map(|grant| grant.level).max();
        self.by_owning(owner).max(granted)
    }

    fn by_grants(&self, state: &State) -> Option<Level> {
        let granted =
            state.grants.iter().filter(|(grantee, grant)| grant.in_force(self.now) && self.is(**grantee));
        granted.map(|(_, grant)| grant.level).max()
    }

    fn by_owning(&self, owner: Owner) -> Option<Level> {
        match owner {
            Owner::Member(_) => self.is(owner.into()).then_some(Level::OF_OWNER),
            Owner::Team(team) => {
                let (_, leads) = self.teams.iter().find(|(of, _)| *of == team)?;
                Some(Level::of_owning_team(*leads))
            }
        }
    }

    /// He is an owner of the tenant.
    pub(crate) fn owns_the_tenant(&self) -> bool {
        self.role.is_some_and(|role| role.includes(Role::Owner))
    }

    /// He leads the team that something belongs to.
    pub(crate) fn leads(&self, team: Option<TeamId>) -> bool {
        self.teams.iter().any(|(of, leads)| *leads && Some(*of) == team)
    }

    /// Whether an admin comes to what this grantee has: it is his, or he may make himself a token of it.
    pub(crate) fn may_act_as(&self, grantee: Grantee) -> bool {
        self.is(grantee) || matches!(grantee, Grantee::ServiceAccount(_))
    }

    /// Whether what this grantee has is his too.
    pub(crate) fn is(&self, grantee: Grantee) -> bool {
        match grantee {
            Grantee::Member(member) => self.who == Who::Member(member),
            Grantee::ServiceAccount(account) => self.who == Who::ServiceAccount(account),
            Grantee::Team(team) => self.teams.iter().any(|(of, _)| *of == team),
            Grantee::Environment(environment) => self.environments.contains(&environment),
        }
    }
}

/// A role alone opens no lease.
pub(crate) fn break_glass() -> AppError {
    AppError::Refused {
        reason: "BREAK_GLASS",
        message: "a role alone does not let you give yourself this: ask somebody who manages the credential \
                  to share it, or take USE for an hour with `shareCredential` and a reason"
            .into(),
        details: serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests;
