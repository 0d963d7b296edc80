//! The schema as a whole.

use std::sync::Arc;

use async_graphql::{
    Data, Executor, MergedObject, MergedSubscription, Request, Response, SDLExportOptions, Schema,
};
use futures_util::{future::BoxFuture, stream::BoxStream};
use keytrail_app::App;

use crate::{
    alert::{AlertMutation, AlertQuery, AlertSubscription},
    component::{ComponentMutation, ComponentQuery},
    connection::{ConnectionMutation, ConnectionQuery},
    credential::{
        CompromiseMutation, CompromiseQuery, CredentialMutation, CredentialQuery, CredentialSubscription,
        LeaseMutation, PreviewQuery, RepointMutation, TransferMutation, TransferQuery, VersionMutation,
    },
    environment::{EnvironmentMutation, EnvironmentQuery},
    event::AuditQuery,
    flow::{FlowMutation, FlowQuery},
    loader::with_loaders,
    member::{MemberMutation, MemberQuery},
    node::NodeQuery,
    oauth_client::{OAuthClientMutation, OAuthClientQuery},
    oauth2::OAuth2Mutation,
    service_account::{ServiceAccountMutation, ServiceAccountQuery},
    stats::StatsQuery,
    team::{TeamMutation, TeamQuery},
    tenant::{TenantMutation, TenantQuery},
    webhook::{WebhookMutation, WebhookQuery},
};

/// Selection sets inside each other.
const DEPTH: usize = 15;
/// Fields, with those of a list counted once for each item that it can have.
pub const COMPLEXITY: usize = 50_000;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    TenantQuery,
    CredentialQuery,
    TransferQuery,
    PreviewQuery,
    CompromiseQuery,
    ComponentQuery,
    TeamQuery,
    MemberQuery,
    AlertQuery,
    AuditQuery,
    StatsQuery,
    WebhookQuery,
    ConnectionQuery,
    FlowQuery,
    EnvironmentQuery,
    ServiceAccountQuery,
    OAuthClientQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    CredentialMutation,
    ComponentMutation,
    TeamMutation,
    MemberMutation,
    TenantMutation,
    AlertMutation,
    WebhookMutation,
    ConnectionMutation,
    FlowMutation,
    EnvironmentMutation,
    LeaseMutation,
    VersionMutation,
    CompromiseMutation,
    OAuth2Mutation,
    TransferMutation,
    ServiceAccountMutation,
    RepointMutation,
    OAuthClientMutation,
);

/// Everything that can be heard.
#[derive(MergedSubscription, Default)]
pub struct Subscription(CredentialSubscription, AlertSubscription);

/// Keytrail's schema over an application. Each request of a known caller gets loaders of its own.
///
/// The loaders come from here and not from an extension of the library: with an extension, it
/// describes and boxes every single field for it.
#[derive(Clone)]
pub struct KeytrailSchema {
    schema: Schema<Query, Mutation, Subscription>,
    app: App,
}

impl KeytrailSchema {
    /// Runs a query or mutation.
    ///
    /// Here, and not generic: the resolvers would be compiled once more in each crate that calls them.
    fn run(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(self.schema.execute(with_loaders(request, &self.app)))
    }

    /// Runs anything; see [`KeytrailSchema::run`].
    fn stream(&self, request: Request, session_data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        Executor::execute_stream(&self.schema, with_loaders(request, &self.app), session_data)
    }
}

impl Executor for KeytrailSchema {
    async fn execute(&self, request: Request) -> Response {
        self.run(request).await
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        self.stream(request, session_data)
    }
}

/// Whether the schema can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// It can.
    On,
    /// It cannot.
    Off,
}

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<crate::node::Node>()
        .limit_depth(DEPTH)
        .limit_complexity(COMPLEXITY)
        .disable_suggestions()
}

/// The schema over an application.
pub fn schema(app: App, introspection: Introspection) -> KeytrailSchema {
    let builder = builder().data(app.clone());
    let schema = match introspection {
        Introspection::On => builder.finish(),
        Introspection::Off => builder.disable_introspection().finish(),
    };
    KeytrailSchema { schema, app }
}

/// The schema in its definition language, as `graphql/schema.graphql` has it.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_enum_items().include_specified_by();
    format!("{}\n", builder().finish().sdl_with_options(options).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_this_one() {
        let checked_in = include_str!("../schema.graphql");
        assert!(sdl() == checked_in, "graphql/schema.graphql differs: run `cargo xtask update`");
    }
}
