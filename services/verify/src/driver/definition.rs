//! What a definition must have for a driver.

use keytrail_domain::{FieldError, component::Component};
use serde_json::Value;

use super::{DRIVERS, Driver, Presence, Role, Wanted};

/// The driver of this name.
///
/// # Errors
/// At `verify.driver`, with the names that there are.
pub(crate) fn named(name: &str) -> Result<&'static dyn Driver, FieldError> {
    DRIVERS.iter().copied().find(|driver| driver.name() == name).ok_or_else(|| {
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.name()).collect();
        FieldError::new("verify.driver", format!("must be one of {}", known.join(", ")))
    })
}

/// Every wrong place in the fields of a definition that is checked by `driver`.
pub(crate) fn problems(driver: &dyn Driver, component: &Component) -> Vec<FieldError> {
    driver.wants().iter().filter_map(|wanted| problem(driver.name(), component, wanted)).collect()
}

fn problem(driver: &str, component: &Component, wanted: &Wanted) -> Option<FieldError> {
    let path = format!("fields.properties.{}", wanted.field);
    let schema = component.fields["properties"].get(wanted.field);
    let Some(schema) = schema else {
        let needed = wanted.presence == Presence::Always;
        return needed.then(|| FieldError::new(path, format!("is needed by the driver `{driver}`")));
    };
    let rule = match wanted.role {
        Role::Secret if schema["x-secret"] != true => "must be marked `x-secret`",
        Role::Destination if schema["x-destination"] != true => "must be marked `x-destination`",
        Role::Plain | Role::Destination if schema["x-secret"] == true => "cannot be a secret",
        _ if wanted.presence == Presence::Always && !is_ensured(component, wanted.field, schema) => {
            "must be required or have a default"
        }
        _ => return None,
    };
    Some(FieldError::new(path, format!("{rule}: the driver `{driver}` reads it")))
}

fn is_ensured(component: &Component, field: &str, schema: &Value) -> bool {
    let mut required = component.fields["required"].as_array().into_iter().flatten();
    schema.get("default").is_some() || required.any(|name| name == field)
}
