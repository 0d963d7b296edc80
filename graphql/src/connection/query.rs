//! Questions about connections.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::Counted;
use keytrail_domain::{ConnectionId, CredentialId};
use keytrail_ports::views::{ConnectionFilter, ConsumerOrder};

use super::{Connection, types::ConnectionStateCount};
use crate::{
    context::{app, caller},
    credential::query::{LabelFilter, owner_id},
    enums::{ConnectionState, ConsumerSort, Management},
    error::{Code, OrFail, bad_id, failure},
    page::{Paged, Window, connection, cost},
};

/// Which connections; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct ConnectionFilterInput {
    /// Part of name, description, address, component or a label's value, without regard to case.
    pub text: Option<String>,
    /// Any of these components, by slug.
    pub components: Option<Vec<String>>,
    /// Any of these states.
    pub states: Option<Vec<ConnectionState>>,
    /// Found by discovery, or entered by hand.
    pub management: Option<Management>,
    /// Owned by this member or team.
    pub owner_id: Option<ID>,
    /// All of these labels.
    pub labels: Option<Vec<LabelFilter>>,
    /// Those that use this credential.
    pub credential_id: Option<ID>,
    /// Deleted ones instead of present ones.
    #[graphql(default)]
    pub deleted: bool,
}

/// What a list of connections or flows goes by.
#[derive(InputObject, Clone, Copy, Debug)]
pub struct ConsumerOrderInput {
    /// By what.
    pub by: ConsumerSort,
    /// Largest first.
    #[graphql(default)]
    pub descending: bool,
}

impl ConsumerOrderInput {
    /// Newest first when not given.
    pub(crate) fn or_newest(order: Option<Self>) -> ConsumerOrder {
        let newest = ConsumerOrder { descending: true, ..ConsumerOrder::default() };
        order.map_or(newest, |order| ConsumerOrder { by: order.by.into(), descending: order.descending })
    }
}

impl ConnectionFilterInput {
    fn into_port(self) -> Result<ConnectionFilter> {
        let credential = self.credential_id.as_ref().map(|id| CredentialId::parse(id)).transpose();
        let labels = self.labels.unwrap_or_default();
        Ok(ConnectionFilter {
            text: self.text.filter(|text| !text.trim().is_empty()),
            components: self.components.unwrap_or_default(),
            states: self.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            management: self.management.map(Into::into),
            owner: owner_id("filter.ownerId", self.owner_id.as_ref())?,
            labels: labels.into_iter().map(|label| (label.key, label.value)).collect(),
            credential: credential.map_err(|error| bad_id("filter.credentialId", &error))?,
            deleted: self.deleted,
        })
    }
}

/// Connections.
#[derive(Default)]
pub struct ConnectionQuery;

#[Object]
impl ConnectionQuery {
    /// One connection, also a deleted one.
    async fn connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id")] id: ID,
    ) -> Result<Option<Connection>> {
        let id = ConnectionId::parse(&id).map_err(|error| bad_id("id", &error))?;
        match Connection::load(ctx, id).await? {
            Some(found) => Ok(Some(found)),
            None => Err(failure(Code::NotFound, "not found")),
        }
    }

    /// The connections that the viewer may see: his own and those of his teams; for OWNER, ADMIN and
    /// AUDITOR all.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which connections")] filter: Option<ConnectionFilterInput>,
        #[graphql(desc = "In what order; newest first when not given")] order_by: Option<ConsumerOrderInput>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Connection>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let order = ConsumerOrderInput::or_newest(order_by);
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.connections(&call, filter.clone(), order, page).await.or_fail(ctx)?;
        Ok(connection(listed, Connection::from, Counted::Connections(filter)))
    }

    /// How many of those connections stand in which state; states without any are left out.
    #[graphql(complexity = "8 * child_complexity + 1")]
    async fn connection_states(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which connections")] filter: Option<ConnectionFilterInput>,
    ) -> Result<Vec<ConnectionStateCount>> {
        let call = caller(ctx).await?;
        let states = app(ctx)?.connection_states(&call, filter.unwrap_or_default().into_port()?).await;
        let count = |(state, count): (keytrail_domain::connection::ConnectionState, u64)| {
            ConnectionStateCount { state: state.into(), count }
        };
        Ok(states.or_fail(ctx)?.into_iter().map(count).collect())
    }
}
