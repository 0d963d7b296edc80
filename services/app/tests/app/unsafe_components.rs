//! Components that are other than the built-in ones.

use std::sync::Arc;

use keytrail_domain::{FieldError, component::Component};
use keytrail_ports::{CheckedFields, Completeness, ComponentCatalog};
use serde_json::{Map, Value};

/// The same components, each of a system that locks accounts.
pub(crate) struct Unsafe(pub(crate) Arc<dyn ComponentCatalog>);

impl ComponentCatalog for Unsafe {
    fn get(&self, slug: &str) -> Option<Arc<Component>> {
        self.0.get(slug).map(|it| Arc::new(Component { lockout_safe: false, ..Component::clone(&it) }))
    }

    fn list(&self) -> Vec<Arc<Component>> {
        self.0.list()
    }

    fn validate(&self, definition: &Value) -> Result<Component, Vec<FieldError>> {
        self.0.validate(definition)
    }

    fn check_fields(
        &self,
        component: &Component,
        fields: Map<String, Value>,
        completeness: Completeness,
    ) -> Result<CheckedFields, Vec<FieldError>> {
        self.0.check_fields(component, fields, completeness)
    }
}
