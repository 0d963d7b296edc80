//! How a component is checked: by a recipe or by a driver.

use keytrail_domain::{FieldError, component::Component};
use serde_json::Value;

use crate::{
    driver::{self, Driver},
    recipe::{self, Recipe},
};

/// What a component's `verify` says.
pub(crate) enum Method {
    /// HTTP as data: `{"checks": [..]}`.
    Recipe(Recipe),
    /// Rust: `{"driver": "<name>"}`.
    Driver(&'static dyn Driver),
}

impl Method {
    /// The method of a component; none when it has no check.
    ///
    /// # Errors
    /// The place that is not well formed, and why.
    pub(crate) fn of(component: &Component) -> Result<Option<Self>, FieldError> {
        match component.verify.as_ref().and_then(|verify| Some((verify, verify.get("driver")?))) {
            Some((verify, name)) => Self::driver(verify, name).map(Some),
            None => Ok(Recipe::of(component)?.map(Self::Recipe)),
        }
    }

    fn driver(verify: &Value, name: &Value) -> Result<Self, FieldError> {
        let name = name.as_str().ok_or_else(|| FieldError::new("verify.driver", "must be a text"))?;
        let mut others = verify.as_object().into_iter().flatten().filter(|(key, _)| *key != "driver");
        match others.next() {
            Some((key, _)) => Err(FieldError::new(format!("verify.{key}"), "cannot stand beside a driver")),
            None => Ok(Self::Driver(driver::named(name)?)),
        }
    }

    /// Every wrong place of it that its own form does not tell.
    pub(crate) fn problems(&self, component: &Component) -> Vec<FieldError> {
        match self {
            Self::Recipe(recipe) => recipe::problems(component, recipe),
            Self::Driver(driver) => driver::problems(*driver, component),
        }
    }
}
