//! The built-in components: one data file each, compiled in, read and checked at start. The schemas of
//! tenants' own components are kept beside them.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use keytrail_domain::{FieldError, component::Component};
use keytrail_ports::{CheckedFields, Completeness, ComponentCatalog};
use quick_cache::{Weighter, sync::Cache};
use rust_embed::RustEmbed;
use serde_json::{Map, Value};

use crate::{definition::validate_definition, schema::FieldSchema};

#[derive(RustEmbed)]
#[folder = "components"]
struct Files;

/// Schemas of tenants' own components that are kept, when they are usual ones.
const OWN_SCHEMAS: usize = 64;
/// What is kept of them in all, each counted as one more than it has patterns. A pattern takes up to 64 KiB,
/// and twice that for each thread that has looked with it.
const OWN_WEIGHT: u64 = 192;

/// A component's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not JSON, or JSON of something else.
    #[error("components/{file} is no component")]
    Json {
        /// The file.
        file: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Against the rules.
    #[error("components/{file}: {}", listed(.errors))]
    Definition {
        /// The file.
        file: String,
        /// Every wrong place.
        errors: Vec<FieldError>,
    },
}

fn listed(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("{} {}", error.path, error.message)).collect::<Vec<_>>().join("; ")
}

/// All built-in components. A schema is compiled when it is first asked for: a server that stands by
/// needs none, and all of them take a tenth of its memory and of its start.
#[derive(Debug)]
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
    /// By slug, which begins with the tenant's, and version.
    own: Cache<(String, u32), Arc<Own>, ByPatterns>,
}

/// A definition of somebody else, and its schema.
#[derive(Debug)]
struct Own {
    component: Component,
    schema: FieldSchema,
}

#[derive(Clone, Debug)]
struct ByPatterns;

impl Weighter<(String, u32), Arc<Own>> for ByPatterns {
    fn weight(&self, _: &(String, u32), own: &Arc<Own>) -> u64 {
        1 + u64::try_from(own.schema.patterns()).unwrap_or(u64::MAX - 1)
    }
}

#[derive(Debug)]
struct Entry {
    component: Arc<Component>,
    schema: OnceLock<FieldSchema>,
}

impl Entry {
    fn schema(&self) -> Result<&FieldSchema, Vec<FieldError>> {
        if let Some(schema) = self.schema.get() {
            return Ok(schema);
        }
        let schema = compiled(&self.component)?;
        Ok(self.schema.get_or_init(|| schema))
    }
}

fn compiled(component: &Component) -> Result<FieldSchema, Vec<FieldError>> {
    FieldSchema::of(component).map_err(|error| vec![FieldError::new("fields", error.to_string())])
}

impl Catalog {
    /// Reads the files that are compiled in. That each keeps to the rules of a definition is tested
    /// where it is written, and not at every start.
    ///
    /// # Errors
    /// The first file that is no definition.
    pub fn load() -> Result<Self, CatalogError> {
        Self::of(files())
    }

    fn of<'a>(files: impl Iterator<Item = (Cow<'a, str>, Cow<'a, [u8]>)>) -> Result<Self, CatalogError> {
        let entries = files.map(|(name, bytes)| read(&name, &bytes));
        let own = Cache::with_weighter(OWN_SCHEMAS, OWN_WEIGHT, ByPatterns);
        Ok(Self { entries: entries.collect::<Result<_, _>>()?, own })
    }

    /// A schema that was compiled for this very definition before, or is now.
    fn own(&self, component: &Component) -> Result<Arc<Own>, Vec<FieldError>> {
        let key = (component.slug.clone(), component.version);
        if let Some(kept) = self.own.get(&key).filter(|kept| kept.component == *component) {
            return Ok(kept);
        }
        let own = Arc::new(Own { component: component.clone(), schema: compiled(component)? });
        self.own.insert(key, Arc::clone(&own));
        Ok(own)
    }
}

fn files() -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, [u8]>)> {
    Files::iter().filter_map(|name| Some((name.clone(), Files::get(&name)?.data)))
}

fn read(file: &str, bytes: &[u8]) -> Result<(String, Entry), CatalogError> {
    let component: Component = serde_json::from_slice(bytes)
        .map_err(|source| CatalogError::Json { file: file.to_owned(), source })?;
    if file.strip_suffix(".json") != Some(&component.slug) {
        let errors = vec![FieldError::new("slug", "must be the file's name")];
        return Err(CatalogError::Definition { file: file.to_owned(), errors });
    }
    Ok((component.slug.clone(), Entry { component: Arc::new(component), schema: OnceLock::new() }))
}

impl ComponentCatalog for Catalog {
    fn get(&self, slug: &str) -> Option<Arc<Component>> {
        self.entries.get(slug).map(|entry| Arc::clone(&entry.component))
    }

    fn list(&self) -> Vec<Arc<Component>> {
        self.entries.values().map(|entry| Arc::clone(&entry.component)).collect()
    }

    fn validate(&self, definition: &Value) -> Result<Component, Vec<FieldError>> {
        validate_definition(definition)
    }

    fn check_fields(
        &self,
        component: &Component,
        fields: Map<String, Value>,
        completeness: Completeness,
    ) -> Result<CheckedFields, Vec<FieldError>> {
        // Another definition under the same slug must not be checked by ours.
        match self.entries.get(&component.slug).filter(|entry| *entry.component == *component) {
            Some(entry) => entry.schema()?.check(fields, completeness),
            None => self.own(component)?.schema.check(fields, completeness),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load(name: &str, content: &str) -> Result<Catalog, CatalogError> {
        Catalog::of([(Cow::from(name), Cow::from(content.as_bytes()))].into_iter())
    }

    #[test]
    fn all_files_are_good_and_listed_by_slug() {
        for (name, bytes) in files() {
            let definition = serde_json::from_slice(&bytes).unwrap();
            let component = validate_definition(&definition).map_err(|errors| listed(&errors));
            assert!(compiled(&component.expect(&name)).is_ok(), "{name}");
        }
        let catalog = Catalog::load().unwrap();
        let slugs: Vec<_> = catalog.list().iter().map(|it| it.slug.clone()).collect();
        assert!(slugs.is_sorted());
        for slug in
            ["github", "gitlab", "slack", "stripe", "vault", "http-api-key", "http-basic", "http-bearer"]
        {
            assert!(slugs.iter().any(|it| it == slug), "{slug}");
        }
        assert!(catalog.get("nonesuch").is_none());
    }

    #[test]
    fn every_component_has_a_secret_and_says_where_it_may_go() {
        for component in Catalog::load().unwrap().list() {
            assert!(!component.secret_fields().is_empty(), "{}", component.slug);
            assert!(!component.allowed_hosts.is_empty(), "{}", component.slug);
        }
    }

    #[test]
    fn a_bad_file_is_told_with_its_name_and_the_place() {
        assert!(load("x.json", "{").unwrap_err().to_string().contains("components/x.json is no component"));
        let mut github = serde_json::to_value(&*Catalog::load().unwrap().get("github").unwrap()).unwrap();
        assert!(
            load("x.json", &github.to_string())
                .unwrap_err()
                .to_string()
                .contains("slug must be the file's name")
        );
        github["verify"]["checks"][0]["request"]["auth"]["bearer"] = "{{tokn}}".into();
        let error = listed(&validate_definition(&github).unwrap_err());
        assert!(error.contains("verify.checks[0].request.auth there is no field `tokn`"), "{error}");
    }

    #[test]
    fn another_definition_of_the_same_slug_is_checked_by_its_own_schema() {
        let catalog = Catalog::load().unwrap();
        let mut own = (*catalog.get("github").unwrap()).clone();
        own.fields["properties"]["extra"] = json!({"type": "string", "title": "Extra", "maxLength": 9});
        let fields = || Map::from_iter([("token".to_owned(), "t".into()), ("extra".to_owned(), "e".into())]);
        assert!(catalog.check_fields(&own, fields(), Completeness::Complete).is_ok());
        let github = catalog.get("github").unwrap();
        assert!(catalog.check_fields(&github, fields(), Completeness::Complete).is_err());
        // Nor by one that was kept of another definition of this slug and version.
        own.fields["properties"]["extra"]["maxLength"] = 0.into();
        assert!(catalog.check_fields(&own, fields(), Completeness::Complete).is_err());
    }

    #[test]
    fn the_schema_of_a_tenants_own_component_is_compiled_once_for_each_version_and_not_kept_for_ever() {
        let catalog = Catalog::load().unwrap();
        let mut own = (*catalog.get("github").unwrap()).clone();
        own.slug = "acme/github".to_owned();
        let first = catalog.own(&own).unwrap();
        assert!(Arc::ptr_eq(&first, &catalog.own(&own).unwrap()));
        own.version += 1;
        assert!(!Arc::ptr_eq(&first, &catalog.own(&own).unwrap()));
        // Small and large ones, none of them too large to be kept.
        for (patterns, most) in [(0, OWN_WEIGHT), (32, OWN_WEIGHT / 33)] {
            own.fields["properties"] = (0..patterns)
                .map(|n| (format!("field_{n}"), json!({"type": "string", "title": "F", "pattern": "^a$"})))
                .collect::<Map<_, _>>()
                .into();
            for version in 1..=2 * OWN_WEIGHT as u32 {
                own.version = version;
                let new = catalog.own(&own).unwrap();
                assert!(Arc::ptr_eq(&new, &catalog.own(&own).unwrap()), "{patterns} patterns, {version}");
            }
            assert!(catalog.own.len() as u64 <= most, "{patterns} patterns");
        }
    }
}
