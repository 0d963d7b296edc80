//! Components: the kinds of system that credentials are for.

use std::sync::Arc;

use async_graphql::{Context, Json, Object, Result};
use keytrail_app::Counted;
use keytrail_domain::component::Component as DomainComponent;
use serde_json::Value;

use crate::{
    context::{app, caller},
    enums::CredentialKind,
    error::{Code, OrFail, failure},
    page::{Paged, Window, connection, cost},
};

/// A kind of system: what its credential looks like, and how it is checked.
pub struct Component(pub(crate) Arc<DomainComponent>);

/// One field of a component's credentials.
pub struct ComponentField {
    name: String,
    schema: Value,
    required: bool,
}

#[Object]
impl Component {
    /// Short name, used in inputs.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// What people call the system.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Version of this definition.
    async fn version(&self) -> u32 {
        self.0.version
    }

    /// Kind of its credentials.
    async fn kind(&self) -> CredentialKind {
        self.0.kind.into()
    }

    /// What it is for, and where its credential is made.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The system's own page about its credentials.
    async fn documentation(&self) -> Option<&str> {
        self.0.documentation.as_deref()
    }

    /// How a request authenticates, in words.
    async fn auth_style(&self) -> &str {
        &self.0.auth_style
    }

    /// The fields.
    async fn fields(&self) -> Vec<ComponentField> {
        let required: Vec<&str> =
            self.0.fields["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let field = |(name, schema): (&str, &Value)| ComponentField {
            name: name.to_owned(),
            required: required.contains(&name),
            schema: schema.clone(),
        };
        self.0.properties().map(field).collect()
    }

    /// The fields as one JSON Schema; `x-secret` marks what goes to the vault, `x-destination` what
    /// decides where secrets are sent.
    async fn fields_schema(&self) -> Json<Value> {
        Json(self.0.fields.clone())
    }

    /// Credentials of it can be checked against the real system.
    async fn verifiable(&self) -> bool {
        self.0.verify.is_some()
    }

    /// How many credentials of it the viewer may see.
    #[graphql(complexity = 5)]
    async fn credential_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let call = caller(ctx).await?;
        let counts = app(ctx)?.counts_by_component(&call).await.or_fail(ctx)?;
        Ok(counts.get(&self.0.slug).copied().unwrap_or_default())
    }
}

#[Object]
impl ComponentField {
    /// Its name in `fields`.
    async fn name(&self) -> &str {
        &self.name
    }

    /// What people call it.
    async fn title(&self) -> Option<&str> {
        self.schema["title"].as_str()
    }

    /// What belongs into it.
    async fn description(&self) -> Option<&str> {
        self.schema["description"].as_str()
    }

    /// It must be given.
    async fn required(&self) -> bool {
        self.required
    }

    /// Its value goes to the vault and is never shown again.
    async fn is_secret(&self) -> bool {
        self.schema["x-secret"] == Value::Bool(true)
    }

    /// It decides where secrets are sent.
    async fn is_destination(&self) -> bool {
        self.schema["x-destination"] == Value::Bool(true)
    }

    /// Its value when none is given.
    async fn default(&self) -> Option<Json<Value>> {
        self.schema.get("default").cloned().map(Json)
    }
}

/// Components.
#[derive(Default)]
pub struct ComponentQuery;

#[Object]
impl ComponentQuery {
    /// All components, by slug.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn components(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Component>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.components(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, Component, Counted::Components))
    }

    /// One component.
    async fn component(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its slug, for example `github`")] slug: String,
    ) -> Result<Option<Component>> {
        let call = caller(ctx).await?;
        match app(ctx)?.component(&call, &slug).await.or_fail(ctx)? {
            Some(component) => Ok(Some(Component(component))),
            None => Err(failure(Code::NotFound, "not found")),
        }
    }
}
