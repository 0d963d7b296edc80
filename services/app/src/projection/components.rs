//! Tenants' own components: one row for each version.

use keytrail_domain::component::{Component, ComponentEvent};
use keytrail_ports::views::{ComponentRow, ViewError, ViewTx};

use super::Fact;

pub(super) fn project(
    fact: &Fact<'_>,
    event: &ComponentEvent,
    views: &mut dyn ViewTx,
) -> Result<(), ViewError> {
    let tenant = fact.meta.tenant;
    let own = fact.event.stream.component_slug().ok_or_else(|| fact.orphan())?;
    let named = views.tenant(tenant)?.ok_or_else(|| fact.orphan())?.slug;
    let slug = format!("{named}/{own}");
    let before = views.component(tenant, &slug)?;
    let revision = before.as_ref().map_or(0, |row| row.revision) + 1;
    let row = match event {
        ComponentEvent::Registered { definition, .. } | ComponentEvent::Updated { definition, .. } => {
            ComponentRow {
                tenant,
                component: Component { slug, ..(**definition).clone() },
                at: fact.meta.recorded_at,
                by: fact.meta.actor.clone(),
                deleted_at: None,
                revision,
            }
        }
        ComponentEvent::Deleted {} => {
            let before = before.ok_or_else(|| fact.orphan())?;
            ComponentRow { deleted_at: Some(fact.meta.recorded_at), revision, ..before }
        }
    };
    views.put_component(&row)
}
