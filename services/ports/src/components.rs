//! The catalogue of components.

use std::{collections::BTreeMap, sync::Arc};

use keytrail_domain::{FieldError, SecretPayload, component::Component};
use serde_json::{Map, Value};

/// Whether fields are all that a credential needs, or only those that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// All required fields must be there; defaults are filled in.
    Complete,
    /// Any fields may be missing.
    Partial,
}

/// Fields that fit the component, parted.
#[derive(Clone, Debug, Default)]
pub struct CheckedFields {
    /// Those that are no secret.
    pub plain: BTreeMap<String, Value>,
    /// Those that are.
    pub secrets: SecretPayload,
}

/// The kinds of system that credentials can be for: the built-in ones, and what makes a tenant's
/// own one good.
pub trait ComponentCatalog: Send + Sync + 'static {
    /// The built-in component of this slug.
    fn get(&self, slug: &str) -> Option<Arc<Component>>;

    /// All built-in components, by slug.
    fn list(&self) -> Vec<Arc<Component>>;

    /// Reads a definition that a tenant wrote, in the format of the built-in ones.
    ///
    /// # Errors
    /// Every wrong place, as a path inside the definition, and the rule.
    fn validate(&self, definition: &Value) -> Result<Component, Vec<FieldError>>;

    /// Checks fields against the component's schema and parts them.
    ///
    /// # Errors
    /// Every wrong place, as `fields.<name>` and the rule; never a value.
    fn check_fields(
        &self,
        component: &Component,
        fields: Map<String, Value>,
        completeness: Completeness,
    ) -> Result<CheckedFields, Vec<FieldError>>;
}
