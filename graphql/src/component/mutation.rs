//! Changes of the tenant's own components.

use async_graphql::{Context, InputObject, Json, Object, Result};
use serde_json::Value;

use super::Component;
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, revision},
    payload::payload,
};

/// A component of the tenant's own.
#[derive(InputObject, Clone)]
pub struct RegisterComponentInput {
    /// What it is, in the format of the built-in ones (`docs/adding-a-component.md`). Its `slug` has no
    /// slash: the component is called `<tenant>/<slug>`. Its `version` may be left out.
    pub definition: Json<Value>,
    /// The same key and input answer the same component again, for a day.
    pub idempotency_key: Option<String>,
}

/// Another definition of a component of the tenant's own.
#[derive(InputObject, Clone)]
pub struct UpdateComponentInput {
    /// Which, as `<tenant>/<slug>`.
    pub slug: String,
    /// All of what it is from now on, with the same slug. A field that was secret stays so.
    pub definition: Json<Value>,
    /// Only when the component is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A component of the tenant's own that ends.
#[derive(InputObject, Clone)]
pub struct DeleteComponentInput {
    /// Which, as `<tenant>/<slug>`; no credential may be of it.
    pub slug: String,
    /// Only when the component is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The new component.
    RegisterComponentPayload {
        /// The component.
        component: Component
    }
}
payload! {
    /// The component as it is now.
    UpdateComponentPayload {
        /// The component.
        component: Component
    }
}
payload! {
    /// The component that ended.
    DeleteComponentPayload {
        /// Its slug.
        slug: String
    }
}

/// Changes of components.
#[derive(Default)]
pub struct ComponentMutation;

#[Object]
impl ComponentMutation {
    /// Make a component of the tenant's own.
    async fn register_component(
        &self,
        ctx: &Context<'_>,
        input: RegisterComponentInput,
    ) -> Result<RegisterComponentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("registerComponent", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.register_component(&call, mutation, input.definition.0).await.or_fail(ctx)?;
        Ok(RegisterComponentPayload::new(&done, Component::load(ctx, &done.value).await?))
    }

    /// Give a component of the tenant's own another definition. Credentials follow the version that they
    /// were made with until all their secrets are given again with `rotateCredential`.
    async fn update_component(
        &self,
        ctx: &Context<'_>,
        input: UpdateComponentInput,
    ) -> Result<UpdateComponentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateComponent", input.idempotency_key.clone(), &input);
        let expected = revision(input.expected_revision)?;
        let UpdateComponentInput { slug, definition, .. } = input;
        let done = app(ctx)?.update_component(&call, mutation, slug, definition.0, expected).await;
        let done = done.or_fail(ctx)?;
        Ok(UpdateComponentPayload::new(&done, Component::load(ctx, &done.value).await?))
    }

    /// End a component of the tenant's own that no credential is of.
    async fn delete_component(
        &self,
        ctx: &Context<'_>,
        input: DeleteComponentInput,
    ) -> Result<DeleteComponentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteComponent", input.idempotency_key.clone(), &input);
        let expected = revision(input.expected_revision)?;
        let done = app(ctx)?.delete_component(&call, mutation, input.slug, expected).await.or_fail(ctx)?;
        Ok(DeleteComponentPayload::new(&done, Some(done.value.clone())))
    }
}
