//! Questions about credentials.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::Counted;
use keytrail_domain::{CredentialId, EnvironmentId, Owner, TeamId};
use keytrail_ports::views::{CredentialFilter, CredentialOrder};

use super::{Credential, CredentialAccess};
use crate::{
    context::{app, caller},
    enums::{CredentialKind, CredentialSort, CredentialStatus},
    error::{Code, OrFail, bad_id, failure},
    page::{Paged, Window, connection, cost},
    quick::Quick,
    scalar::DateTime,
};

/// A label to look for.
#[derive(InputObject, Clone, Debug)]
pub struct LabelFilter {
    /// Its key.
    pub key: String,
    /// Its value; any when not given.
    pub value: Option<String>,
}

/// Which credentials; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct CredentialFilterInput {
    /// Part of name, external id, component or a label's value, without regard to case.
    pub text: Option<String>,
    /// Any of these components, by slug.
    pub components: Option<Vec<String>>,
    /// Any of these kinds.
    pub kinds: Option<Vec<CredentialKind>>,
    /// Any of these statuses.
    pub statuses: Option<Vec<CredentialStatus>>,
    /// Owned by this member or team.
    pub owner_id: Option<ID>,
    /// Owned by this team, or shared with it.
    pub team_id: Option<ID>,
    /// Put into this environment.
    pub environment_id: Option<ID>,
    /// All of these labels.
    pub labels: Option<Vec<LabelFilter>>,
    /// Used by this connection or flow.
    pub used_by: Option<ID>,
    /// Ends before this moment.
    pub expiring_before: Option<DateTime>,
    /// Not leased since this moment, or never.
    pub unused_since: Option<DateTime>,
    /// Has an open alert, or has none.
    pub has_open_alert: Option<bool>,
    /// Deleted ones instead of present ones.
    #[graphql(default)]
    pub deleted: bool,
}

/// What a list goes by.
#[derive(InputObject, Clone, Copy, Debug)]
pub struct CredentialOrderInput {
    /// By what.
    pub by: CredentialSort,
    /// Largest first.
    #[graphql(default)]
    pub descending: bool,
}

pub(crate) fn owner_id(path: &str, id: Option<&ID>) -> Result<Option<Owner>> {
    id.map(|id| an_owner(path, id)).transpose()
}

/// A member or a team.
pub(crate) fn an_owner(path: &str, id: &ID) -> Result<Owner> {
    Owner::parse(id).map_err(|error| bad_id(path, &error))
}

impl CredentialFilterInput {
    fn into_port(self) -> Result<CredentialFilter> {
        let team = self.team_id.as_ref().map(|id| TeamId::parse(id)).transpose();
        let environment = self.environment_id.as_ref().map(|id| EnvironmentId::parse(id)).transpose();
        let labels = self.labels.unwrap_or_default();
        Ok(CredentialFilter {
            text: self.text.filter(|text| !text.trim().is_empty()),
            components: self.components.unwrap_or_default(),
            kinds: self.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            statuses: self.statuses.unwrap_or_default().into_iter().map(Into::into).collect(),
            owner: owner_id("filter.ownerId", self.owner_id.as_ref())?,
            environment: environment.map_err(|error| bad_id("filter.environmentId", &error))?,
            team: team.map_err(|error| bad_id("filter.teamId", &error))?,
            labels: labels.into_iter().map(|label| (label.key, label.value)).collect(),
            used_by: self.used_by.map(|id| id.to_string()),
            expiring_before: self.expiring_before.map(|moment| moment.0),
            unused_since: self.unused_since.map(|moment| moment.0),
            has_open_alert: self.has_open_alert,
            deleted: self.deleted,
        })
    }
}

/// Credentials.
#[derive(Default)]
pub struct CredentialQuery;

#[Object]
impl CredentialQuery {
    /// One credential, also a deleted one.
    async fn credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id")] id: ID,
        #[graphql(
            desc = "As it stood at this moment, with the members of its teams; `viewerPermissions`, the names of people, teams and component, and who may see it are as of now"
        )]
        as_of: Option<DateTime>,
    ) -> Result<Option<Quick<Credential>>> {
        let call = caller(ctx).await?;
        let id = CredentialId::parse(&id).map_err(|error| bad_id("id", &error))?;
        or_not_found(match as_of {
            None => app(ctx)?.credential(&call, id).await.or_fail(ctx)?.map(Credential::now).map(Quick),
            Some(moment) => {
                let found = app(ctx)?.credential_as_of(&call, id, moment.0).await;
                found.or_fail(ctx)?.map(Credential::seen).map(Quick)
            }
        })
    }

    /// Who can use a credential, or could at a moment, and how that came about. For those who manage
    /// it now, and for AUDITOR.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn credential_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential's id")] id: ID,
        #[graphql(desc = "As it stood at this moment")] as_of: Option<DateTime>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<CredentialAccess>> {
        let call = caller(ctx).await?;
        let id = CredentialId::parse(&id).map_err(|error| bad_id("id", &error))?;
        let page = Window { first, after, last, before }.args()?;
        let moment = as_of.map(|moment| moment.0);
        let (as_of, listed) = app(ctx)?.credential_access(&call, id, moment, page).await.or_fail(ctx)?;
        Ok(connection(listed, |row| CredentialAccess { row, as_of }, Counted::Access(id, moment)))
    }

    /// The present credential of this name.
    async fn credential_by_name(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name, without regard to case")] name: String,
        #[graphql(desc = "Whose, when several owners have one of this name")] owner_id: Option<ID>,
    ) -> Result<Option<Quick<Credential>>> {
        let call = caller(ctx).await?;
        let owner = self::owner_id("ownerId", owner_id.as_ref())?;
        let found = app(ctx)?.credential_by_name(&call, &name, owner).await.or_fail(ctx)?;
        or_not_found(found.map(Credential::now).map(Quick))
    }

    /// The credentials that the viewer may see.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn credentials(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which credentials")] filter: Option<CredentialFilterInput>,
        #[graphql(desc = "In what order; newest first when not given")] order_by: Option<
            CredentialOrderInput,
        >,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Quick<Credential>>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let order = order_by
            .map_or(CredentialOrder { descending: true, ..CredentialOrder::default() }, |order| {
                CredentialOrder { by: order.by.into(), descending: order.descending }
            });
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.credentials(&call, filter.clone(), order, page).await.or_fail(ctx)?;
        Ok(connection(listed, |row| Quick(Credential::now(row)), Counted::Credentials(filter)))
    }
}

/// What the caller may not view does not exist.
fn or_not_found<T>(found: Option<T>) -> Result<Option<T>> {
    match found {
        Some(found) => Ok(Some(found)),
        None => Err(failure(Code::NotFound, "not found")),
    }
}
