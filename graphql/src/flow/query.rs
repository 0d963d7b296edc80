//! Questions about flows.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::Counted;
use keytrail_domain::{CredentialId, FlowId};
use keytrail_ports::views::FlowFilter;

use super::Flow;
use crate::{
    connection::query::ConsumerOrderInput,
    context::{app, caller},
    credential::query::{LabelFilter, owner_id},
    error::{Code, OrFail, bad_id, failure},
    page::{Paged, Window, connection, cost},
};

/// Which flows; all that is given must hold.
#[derive(InputObject, Clone, Debug, Default)]
pub struct FlowFilterInput {
    /// Part of name, description, a step's title or component, or a label's value, without regard to case.
    pub text: Option<String>,
    /// With a step of any of these components, by slug.
    pub components: Option<Vec<String>>,
    /// Those that run, or that do not.
    pub active: Option<bool>,
    /// Owned by this member or team.
    pub owner_id: Option<ID>,
    /// All of these labels.
    pub labels: Option<Vec<LabelFilter>>,
    /// With a step that uses this credential.
    pub credential_id: Option<ID>,
}

impl FlowFilterInput {
    fn into_port(self) -> Result<FlowFilter> {
        let credential = self.credential_id.as_ref().map(|id| CredentialId::parse(id)).transpose();
        let labels = self.labels.unwrap_or_default();
        Ok(FlowFilter {
            text: self.text.filter(|text| !text.trim().is_empty()),
            components: self.components.unwrap_or_default(),
            active: self.active,
            owner: owner_id("filter.ownerId", self.owner_id.as_ref())?,
            labels: labels.into_iter().map(|label| (label.key, label.value)).collect(),
            credential: credential.map_err(|error| bad_id("filter.credentialId", &error))?,
        })
    }
}

/// Flows.
#[derive(Default)]
pub struct FlowQuery;

#[Object]
impl FlowQuery {
    /// One flow, also a deleted one.
    async fn flow(&self, ctx: &Context<'_>, #[graphql(desc = "Its id")] id: ID) -> Result<Option<Flow>> {
        let id = FlowId::parse(&id).map_err(|error| bad_id("id", &error))?;
        match Flow::load(ctx, id).await? {
            Some(found) => Ok(Some(found)),
            None => Err(failure(Code::NotFound, "not found")),
        }
    }

    /// The flows that the viewer may see: his own and those of his teams; for OWNER, ADMIN and AUDITOR all.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn flows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which flows")] filter: Option<FlowFilterInput>,
        #[graphql(desc = "In what order; newest first when not given")] order_by: Option<ConsumerOrderInput>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Flow>> {
        let call = caller(ctx).await?;
        let filter = filter.unwrap_or_default().into_port()?;
        let order = ConsumerOrderInput::or_newest(order_by);
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.flows(&call, filter.clone(), order, page).await.or_fail(ctx)?;
        Ok(connection(listed, Flow::from, Counted::Flows(filter)))
    }
}
