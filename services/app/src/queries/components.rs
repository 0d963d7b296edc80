//! Components: the built-in ones, and the tenant's own beside them.

use std::sync::Arc;

use keytrail_domain::{
    TenantId,
    component::{Component, ComponentRef},
};
use keytrail_ports::views::{ComponentRow, SortKey};
use uuid::Uuid;

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs};

/// Versions of own components that are kept ready. One has at most 64 KiB of text.
pub(crate) const OWN_COMPONENTS_REMEMBERED: usize = 256;

/// A component, and whether people can change it.
#[derive(Clone, Debug)]
pub struct KnownComponent {
    /// What it is.
    pub definition: Arc<Component>,
    /// What people changed, up to this version; none for a built-in one.
    pub revision: Option<u64>,
}

impl KnownComponent {
    fn own(row: ComponentRow) -> Self {
        Self { definition: Arc::new(row.component), revision: Some(row.revision) }
    }

    fn built_in(definition: Arc<Component>) -> Self {
        Self { definition, revision: None }
    }
}

/// The part behind the slash, when it is this tenant's own component. A tenant's id follows from its
/// slug, so nobody has to be asked.
pub(crate) fn own_slug(tenant: TenantId, slug: &str) -> Option<&str> {
    let (named, own) = slug.split_once('/')?;
    (TenantId::of_slug(named) == tenant).then_some(own)
}

impl App {
    /// A page of the components, by slug.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member; bad input for page arguments.
    pub async fn components(&self, call: &Call, page: PageArgs) -> Result<Listed<KnownComponent>, AppError> {
        let mut all = self.all_components(call).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"components") };
        let request = pager.request(&page)?;
        all.sort_by(|one, other| one.definition.slug.cmp(&other.definition.slug));
        let rows = all.into_iter().map(|row| (SortKey::Text(row.definition.slug.clone(), Uuid::nil()), row));
        pager.seal(part_of(rows.collect(), &request, |key| match key {
            SortKey::Text(slug, _) => Some(slug.clone()),
            _ => None,
        }))
    }

    /// All of that list.
    pub(super) async fn all_components(&self, call: &Call) -> Result<Vec<KnownComponent>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let own = self.ports().views.components(call.principal.tenant).await?;
        let built_in = self.ports().components.list().into_iter().map(KnownComponent::built_in);
        Ok(built_in.chain(own.into_iter().map(KnownComponent::own)).collect())
    }

    /// One component, as it is now.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member.
    pub async fn component(&self, call: &Call, slug: &str) -> Result<Option<KnownComponent>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        self.newest_component(call.principal.tenant, slug).await
    }

    /// The version of a component that a credential was made with.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for no member.
    pub async fn component_of(
        &self,
        call: &Call,
        made_with: &ComponentRef,
    ) -> Result<Option<KnownComponent>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        self.component_version(call.principal.tenant, made_with).await
    }

    pub(crate) async fn newest_component(
        &self,
        tenant: TenantId,
        slug: &str,
    ) -> Result<Option<KnownComponent>, AppError> {
        if own_slug(tenant, slug).is_none() {
            return Ok(self.ports().components.get(slug).map(KnownComponent::built_in));
        }
        Ok(self.ports().views.component(tenant, slug, None).await?.map(KnownComponent::own))
    }

    /// Of a built-in component there is only the version that this program has.
    pub(crate) async fn component_version(
        &self,
        tenant: TenantId,
        made_with: &ComponentRef,
    ) -> Result<Option<KnownComponent>, AppError> {
        let ComponentRef { slug, version } = made_with;
        if own_slug(tenant, slug).is_none() {
            return Ok(self.ports().components.get(slug).map(KnownComponent::built_in));
        }
        let key = (tenant, slug.clone(), *version);
        if let Some(known) = self.0.own_components.get(&key) {
            return Ok(Some(known));
        }
        let row = self.ports().views.component(tenant, slug, Some(*version)).await?;
        // A deleted one has another revision than before: it is read each time.
        let lasting = row.as_ref().is_some_and(|row| row.deleted_at.is_none());
        let known = row.map(KnownComponent::own);
        if let Some(known) = known.as_ref().filter(|_| lasting) {
            self.0.own_components.insert(key, known.clone());
        }
        Ok(known)
    }
}
