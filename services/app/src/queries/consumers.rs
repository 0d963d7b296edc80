//! Connections and flows that the caller may view, and who of them uses a credential.

use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, MemberId, Owner, connection::ConnectionState, credential::UsageKind,
};
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{
        ConnectionFilter, ConnectionRow, ConsumerOrder, ConsumerQuery, FlowFilter, FlowRow, InSight,
        PageRequest, UsageRow,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::paging::{Pager, hash_of};
use crate::{App, AppError, Call, Listed, PageArgs};

/// Something that uses a credential, as far as the caller may see it.
#[derive(Clone, Debug)]
pub struct SeenUsage {
    /// What the credential knows of it.
    pub usage: UsageRow,
    /// Its name.
    pub name: String,
}

/// What uses a credential: what the caller may view, and how many others.
#[derive(Clone, Debug, Default)]
pub struct Usages {
    /// Those that the caller may view.
    pub seen: Vec<SeenUsage>,
    /// The number of the others.
    pub hidden: u32,
}

impl App {
    /// One connection, also a deleted one; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn connection(&self, call: &Call, id: ConnectionId) -> Result<Option<ConnectionRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let row = self.ports().views.connections_by_id(call.principal.tenant, &[id]).await?.pop();
        match row {
            Some(row) if self.sees_connection(call, &row).await? => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// A page of connections.
    ///
    /// # Errors
    /// Bad input for page arguments and cursors that do not fit.
    pub async fn connections(
        &self,
        call: &Call,
        filter: ConnectionFilter,
        order: ConsumerOrder,
        page: PageArgs,
    ) -> Result<Listed<ConnectionRow>, AppError> {
        let key = self.cursor_key(call.principal.tenant).await?;
        let list = hash_of(&("connections", &filter, order));
        let pager = Pager { tenant: call.principal.tenant, key: &key, list };
        let request = pager.request(&page)?;
        let query = self.consumer_query(call, Object::Connection, (filter, order), request).await?;
        pager.seal(self.ports().views.connections(query).await?)
    }

    /// How many connections stand where.
    ///
    /// # Errors
    /// As every query.
    pub async fn connection_states(
        &self,
        call: &Call,
        filter: ConnectionFilter,
    ) -> Result<Vec<(ConnectionState, u64)>, AppError> {
        let asked = (filter, ConsumerOrder::default());
        let query = self.consumer_query(call, Object::Connection, asked, PageRequest::first(1)).await?;
        Ok(self.ports().views.count_connections(query).await?)
    }

    /// One flow, also a deleted one; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn flow(&self, call: &Call, id: FlowId) -> Result<Option<FlowRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let row = self.ports().views.flows_by_id(call.principal.tenant, &[id]).await?.pop();
        match row {
            Some(row) if self.sees(call, Object::Flow(row.owner)).await? => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// A page of flows.
    ///
    /// # Errors
    /// Bad input for page arguments and cursors that do not fit.
    pub async fn flows(
        &self,
        call: &Call,
        filter: FlowFilter,
        order: ConsumerOrder,
        page: PageArgs,
    ) -> Result<Listed<FlowRow>, AppError> {
        let key = self.cursor_key(call.principal.tenant).await?;
        let list = hash_of(&("flows", &filter, order));
        let pager = Pager { tenant: call.principal.tenant, key: &key, list };
        let request = pager.request(&page)?;
        let query = self.consumer_query(call, Object::Flow, (filter, order), request).await?;
        pager.seal(self.ports().views.flows(query).await?)
    }

    /// How many flows that is.
    pub(super) async fn count_flows(&self, call: &Call, filter: FlowFilter) -> Result<u64, AppError> {
        let asked = (filter, ConsumerOrder::default());
        let query = self.consumer_query(call, Object::Flow, asked, PageRequest::first(1)).await?;
        Ok(self.ports().views.count_flows(query).await?)
    }

    /// What uses a credential.
    ///
    /// # Errors
    /// As every query.
    pub async fn usages(&self, call: &Call, usages: &[UsageRow]) -> Result<Usages, AppError> {
        let mut all = Usages::default();
        for usage in usages {
            match self.usage_name(call, usage.kind, &usage.id).await? {
                Some(name) => all.seen.push(SeenUsage { usage: usage.clone(), name }),
                None => all.hidden += 1,
            }
        }
        Ok(all)
    }

    /// The name of a connection or flow; none when the caller may not view it.
    async fn usage_name(&self, call: &Call, kind: UsageKind, id: &str) -> Result<Option<String>, AppError> {
        let corrupt = |_| AppError::internal("a usage has no id of a connection or flow");
        Ok(match kind {
            UsageKind::Connection => {
                self.connection(call, ConnectionId::parse(id).map_err(corrupt)?).await?.map(|row| row.name)
            }
            UsageKind::Flow => {
                self.flow(call, FlowId::parse(id).map_err(corrupt)?).await?.map(|row| row.name)
            }
        })
    }

    /// A refusal that lists what uses a credential, with what this caller may know of it.
    pub(crate) async fn as_seen_by(&self, call: &Call, error: AppError) -> AppError {
        let AppError::Refused { reason: reason @ "CREDENTIAL_IN_USE", message, details } = error else {
            return error;
        };
        let usages = details["usages"].as_array().cloned().unwrap_or_default();
        match self.usages_seen(call, usages).await {
            Ok(details) => AppError::Refused { reason, message, details },
            Err(error) => error,
        }
    }

    async fn usages_seen(&self, call: &Call, usages: Vec<Value>) -> Result<Value, AppError> {
        let (mut seen, mut hidden) = (Vec::new(), 0);
        for mut usage in usages {
            let kind: UsageKind = serde_json::from_value(usage["kind"].clone())
                .map_err(|_| AppError::internal("a usage has no kind"))?;
            let id = usage["id"].as_str().unwrap_or_default().to_owned();
            match self.usage_name(call, kind, &id).await? {
                Some(name) => {
                    usage["name"] = json!(name);
                    seen.push(usage);
                }
                None => hidden += 1,
            }
        }
        Ok(json!({ "usages": seen, "hiddenCount": hidden }))
    }

    async fn consumer_query<F>(
        &self,
        call: &Call,
        object: fn(Owner) -> Object,
        (filter, order): (F, ConsumerOrder),
        page: PageRequest,
    ) -> Result<ConsumerQuery<F>, AppError> {
        let in_sight = self.in_sight_of(call, object).await?;
        Ok(ConsumerQuery { tenant: call.principal.tenant, in_sight, filter, order, page })
    }

    /// Whose connections or flows the caller may view: asked of the policy, so that lists and single answers
    /// agree.
    async fn in_sight_of(&self, call: &Call, object: fn(Owner) -> Object) -> Result<InSight, AppError> {
        let authorizer = &self.ports().authorizer;
        authorizer.role(&call.principal).await?;
        // Who may view what belongs to nobody that he has to do with may view all.
        let nobody = Owner::Member(MemberId::from_uuid(Uuid::nil()));
        if self.sees(call, object(nobody)).await? {
            return Ok(InSight::All);
        }
        let own = call.principal.actor.member().map(Owner::Member);
        let teams = authorizer.teams(&call.principal).await?.into_iter().map(|(team, _)| Owner::Team(team));
        let mut owners = Vec::new();
        for owner in own.into_iter().chain(teams) {
            if self.sees(call, object(owner)).await? {
                owners.push(owner);
            }
        }
        let environments = authorizer.environments(&call.principal).await?;
        Ok(InSight::Some { owners, environments })
    }

    /// By its owner, or by an environment that the caller holds and that it is in.
    async fn sees_connection(&self, call: &Call, row: &ConnectionRow) -> Result<bool, AppError> {
        if self.sees(call, Object::Connection(row.owner)).await? {
            return Ok(true);
        }
        let held = self.ports().authorizer.environments(&call.principal).await?;
        let held = self.ports().views.environments_by_id(row.tenant, &held).await?;
        Ok(held.iter().any(|environment| environment.connections.contains(&row.id)))
    }

    pub(super) async fn sees(&self, call: &Call, object: Object) -> Result<bool, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object };
        match self.ports().authorizer.authorize(&call.principal, Action::View, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    /// The credentials of something, in order: what the caller may view, and the number of the others.
    ///
    /// # Errors
    /// As every query.
    pub async fn credentials_in_sight(
        &self,
        call: &Call,
        ids: &[CredentialId],
    ) -> Result<(Vec<std::sync::Arc<keytrail_ports::views::CredentialRow>>, u32), AppError> {
        let found = self.credentials_by_id(call, ids).await?;
        let hidden = found.iter().filter(|row| row.is_none()).count();
        Ok((found.into_iter().flatten().collect(), u32::try_from(hidden).unwrap_or(u32::MAX)))
    }
}
