//! What a component shows.

use std::sync::Arc;

use async_graphql::{Context, Json, Object, Result};
use keytrail_app::KnownComponent;
use keytrail_domain::component::Component as DomainComponent;
use serde_json::Value;

use crate::{
    context::{app, caller},
    enums::CredentialKind,
    error::OrFail,
};

/// A kind of system: what its credential looks like, and how it is checked.
pub struct Component {
    definition: Arc<DomainComponent>,
    revision: Option<u64>,
}

impl From<KnownComponent> for Component {
    fn from(KnownComponent { definition, revision }: KnownComponent) -> Self {
        Self { definition, revision }
    }
}

impl Component {
    /// The component as it is now, for a payload.
    pub(super) async fn load(ctx: &Context<'_>, slug: &str) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.component(&call, slug).await.or_fail(ctx)?.map(Self::from))
    }
}

/// One field of a component's credentials.
pub struct ComponentField {
    name: String,
    schema: Value,
    required: bool,
}

#[Object]
impl Component {
    /// Short name, used in inputs; of a tenant's own component `<tenant>/<slug>`.
    async fn slug(&self) -> &str {
        &self.definition.slug
    }

    /// What people call the system.
    async fn name(&self) -> &str {
        &self.definition.name
    }

    /// Version of this definition.
    async fn version(&self) -> u32 {
        self.definition.version
    }

    /// Kind of its credentials.
    async fn kind(&self) -> CredentialKind {
        self.definition.kind.into()
    }

    /// What it is for, and where its credential is made.
    async fn description(&self) -> &str {
        &self.definition.description
    }

    /// The system's own page about its credentials.
    async fn documentation(&self) -> Option<&str> {
        self.definition.documentation.as_deref()
    }

    /// How a request authenticates, in words.
    async fn auth_style(&self) -> &str {
        &self.definition.auth_style
    }

    /// The fields.
    async fn fields(&self) -> Vec<ComponentField> {
        let required: Vec<&str> = self.definition.fields["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let field = |(name, schema): (&str, &Value)| ComponentField {
            name: name.to_owned(),
            required: required.contains(&name),
            schema: schema.clone(),
        };
        self.definition.properties().map(field).collect()
    }

    /// The fields as one JSON Schema; `x-secret` marks what goes to the vault, `x-destination` what
    /// decides where secrets are sent.
    async fn fields_schema(&self) -> Json<Value> {
        Json(self.definition.fields.clone())
    }

    /// Credentials of it can be checked against the real system.
    async fn verifiable(&self) -> bool {
        self.definition.verify.is_some()
    }

    /// It comes with Keytrail, and nobody can change it.
    async fn built_in(&self) -> bool {
        self.revision.is_none()
    }

    /// Counts what people changed, up to this version; null for a built-in one.
    async fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// All of it, as `registerComponent` and `updateComponent` take it: its slug without the tenant.
    async fn definition(&self) -> Result<Json<Value>> {
        let bare = self.definition.slug.rsplit('/').next().unwrap_or_default().to_owned();
        let definition = DomainComponent { slug: bare, ..(*self.definition).clone() };
        Ok(Json(serde_json::to_value(&definition)?))
    }

    /// How many credentials of it the viewer may see.
    #[graphql(complexity = 5)]
    async fn credential_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let call = caller(ctx).await?;
        let counts = app(ctx)?.counts_by_component(&call).await.or_fail(ctx)?;
        Ok(counts.get(&self.definition.slug).copied().unwrap_or_default())
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
