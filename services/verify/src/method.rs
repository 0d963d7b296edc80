//! How a component is checked: by a recipe or by a driver.

use keytrail_domain::{FieldError, component::Component};
use serde_json::{Map, Value};

use crate::{
    driver::{self, Driver},
    recipe::{self, Recipe},
};

/// What a component's `verify` says.
pub(crate) enum Method {
    /// HTTP as data: `{"checks": [..]}`.
    Recipe(Recipe),
    /// Rust: `{"driver": "<name>"}`, with its settings.
    Driver(&'static dyn Driver, Map<String, Value>),
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
        let settings = verify.as_object().into_iter().flatten().filter(|(key, _)| *key != "driver");
        let settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self::Driver(driver::named(name)?, settings))
    }

    /// Every wrong place of it that its own form does not tell.
    pub(crate) fn problems(&self, component: &Component) -> Vec<FieldError> {
        match self {
            Self::Recipe(recipe) => recipe::problems(component, recipe),
            Self::Driver(driver, settings) => driver::problems(*driver, component, settings),
        }
    }
}
