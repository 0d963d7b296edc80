//! Components that are other than the built-in ones.

use std::sync::Arc;

use keytrail_domain::{FieldError, component::Component};
use keytrail_ports::{CheckedFields, Completeness, ComponentCatalog};
use serde_json::{Map, Value};

/// The same components, each with a change.
pub(crate) struct Changed {
    pub(crate) all: Arc<dyn ComponentCatalog>,
    pub(crate) change: fn(&mut Component),
}

impl ComponentCatalog for Changed {
    fn get(&self, slug: &str) -> Option<Arc<Component>> {
        let mut component = Component::clone(&*self.all.get(slug)?);
        (self.change)(&mut component);
        Some(Arc::new(component))
    }

    fn list(&self) -> Vec<Arc<Component>> {
        self.all.list()
    }

    fn validate(&self, definition: &Value) -> Result<Component, Vec<FieldError>> {
        self.all.validate(definition)
    }

    fn check_fields(
        &self,
        component: &Component,
        fields: Map<String, Value>,
        completeness: Completeness,
    ) -> Result<CheckedFields, Vec<FieldError>> {
        self.all.check_fields(component, fields, completeness)
    }
}
