//! Collects the texts of all settings: the reference, then a file, then the environment.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use keytrail_domain::SecretValue;
use toml::{Spanned, Value};

use super::{ConfigError, Source, parse::Rule};

/// The reference of every setting, with its default.
pub const REFERENCE: &str = include_str!("../../keytrail.default.toml");
/// Settings that are never read from a file of settings.
const SECRETS: [&str; 2] = ["key", "vault_token"];
/// Variables of ours that are no settings of the server: where the file is, and what the commands
/// of users read.
const OTHER_VARIABLES: [&str; 3] = ["KEYTRAIL_CONFIG", "KEYTRAIL_URL", "KEYTRAIL_TOKEN"];
/// Variables for the test suites only; the server does not look at them.
const TEST_PREFIX: &str = "KEYTRAIL_TEST_";
const PREFIX: &str = "KEYTRAIL_";

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

/// The `KEYTRAIL_*` variables of this process.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, SecretValue>);

impl Environment {
    /// Reads them: the only place that does.
    ///
    /// # Errors
    /// One of them is not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Result<Self, ConfigError> {
        Self::of(std::env::vars_os())
    }

    /// An environment of these variables; others than ours are left out.
    ///
    /// # Errors
    /// One of ours is not UTF-8.
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value))
        });
        let read = |(name, value): (String, OsString)| match value.into_string() {
            Ok(text) if is_service_link(&name, &text) => None,
            Ok(text) => Some(Ok((name, SecretValue::new(text)))),
            Err(_) => Some(Err(invalid(&name, Source::Environment, "UTF-8"))),
        };
        ours.filter_map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Where the file of settings is, when the environment says so.
    fn file(&self) -> Option<PathBuf> {
        let text = self.0.get("KEYTRAIL_CONFIG")?.expose();
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Kubernetes puts `KEYTRAIL_SERVICE_HOST`, `KEYTRAIL_PORT_8080_TCP` and more into every pod beside
/// a service named `keytrail`. They are nobody's settings.
fn is_service_link(name: &str, value: &str) -> bool {
    let link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let of_port = ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol));
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && link)
        || (name.contains("_PORT_") && of_port)
}

fn invalid(spelling: &str, place: Source, rule: &str) -> ConfigError {
    ConfigError::Invalid { spelling: spelling.to_owned(), place, rule: rule.to_owned() }
}

/// A value as text, and where it came from. An empty text is: not set.
struct Given {
    text: SecretValue,
    source: Source,
}

/// The texts of all settings, each taken out once.
pub(super) struct Values(BTreeMap<String, Given>);

impl Values {
    /// The defaults, covered by the file, covered by the environment.
    pub(super) fn collect(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut values = Self::defaults()?;
        if let Some(path) = file.map(Path::to_path_buf).or_else(|| environment.file()) {
            values.cover_with_file(&path)?;
        }
        values.cover_with_environment(environment)?;
        Ok(values)
    }

    fn defaults() -> Result<Self, ConfigError> {
        let mut values = Self(BTreeMap::new());
        for entry in entries(Path::new("keytrail.default.toml"), REFERENCE)? {
            let text = entry.text.map_err(|rule| invalid(&entry.key, Source::Default, rule))?;
            values.0.insert(entry.key, Given { text, source: Source::Default });
        }
        for key in SECRETS {
            values.put(key, SecretValue::new(String::new()), Source::Default);
        }
        Ok(values)
    }

    fn put(&mut self, key: &str, text: SecretValue, source: Source) {
        self.0.insert(key.to_owned(), Given { text, source });
    }

    fn cover_with_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.into(), cause: error.to_string() })?;
        for Entry { key, text, line } in entries(path, &text)? {
            let place = Source::File { path: path.into(), line };
            if !self.0.contains_key(&key) {
                return Err(self.unknown(&key, place, |known| known.to_owned()));
            }
            if SECRETS.contains(&key.as_str()) {
                return Err(invalid(
                    &key,
                    place,
                    "left out: secrets come from the environment or from files",
                ));
            }
            let text = text.map_err(|rule| invalid(&key, place.clone(), rule))?;
            self.put(&key, text, place);
        }
        Ok(())
    }

    fn cover_with_environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let settings = environment
            .0
            .iter()
            .filter(|(name, _)| !OTHER_VARIABLES.contains(&name.as_str()) && !name.starts_with(TEST_PREFIX));
        for (name, text) in settings {
            let key = name[PREFIX.len()..].to_ascii_lowercase();
            if !self.0.contains_key(&key) || variable(&key) != *name {
                return Err(self.unknown(name, Source::Environment, variable));
            }
            self.put(&key, text.clone(), Source::Environment);
        }
        Ok(())
    }

    /// The error for a spelling that is no setting, with the known one that needs the fewest edits.
    fn unknown(&self, spelling: &str, place: Source, spell: impl Fn(&str) -> String) -> ConfigError {
        let nearest = self.0.keys().map(|known| spell(known));
        let nearest = nearest.min_by_key(|known| strsim::damerau_levenshtein(known, spelling));
        ConfigError::Unknown {
            spelling: spelling.escape_debug().to_string(),
            place,
            nearest: nearest.unwrap_or_default(),
        }
    }

    /// Takes a setting that may be unset.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.0.remove(key) else {
            return Err(invalid(key, Source::Default, "in the reference"));
        };
        if given.text.expose().is_empty() {
            return Ok(None);
        }
        let broken = |rule| invalid(&given.source.spelling(key), given.source.clone(), rule);
        parse(given.text.expose()).map(Some).map_err(broken)
    }

    /// Takes a setting that must be set.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Result<T, ConfigError> {
        let source = self.source(key);
        let unset = || invalid(&source.spelling(key), source.clone(), "set: an empty text is no value");
        self.optional(key, parse)?.ok_or_else(unset)
    }

    /// Takes a list.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Result<Vec<T>, ConfigError> {
        let each = |text: &str| text.split(',').map(|part| parse(part.trim())).collect();
        Ok(self.optional(key, each)?.unwrap_or_default())
    }

    /// Takes a secret.
    pub(super) fn secret(&mut self, key: &str) -> Result<Option<SecretValue>, ConfigError> {
        self.optional(key, |text| Ok(SecretValue::new(text.to_owned())))
    }

    /// Where a setting that was not taken yet comes from.
    pub(super) fn source(&self, key: &str) -> Source {
        self.0.get(key).map_or(Source::Default, |given| given.source.clone())
    }

    /// Whether somebody set it to something.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|it| it.source != Source::Default && !it.text.expose().is_empty())
    }

    /// The settings that nobody took.
    #[cfg(test)]
    pub(super) fn left(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// One line of a file of settings.
struct Entry {
    key: String,
    text: Result<SecretValue, Rule>,
    line: usize,
}

/// The entries of a file. Keys are flat; those of a table come out as `table.key`, which no
/// setting is called.
fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let table: BTreeMap<Spanned<String>, Value> =
        toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.into(),
            line: line(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
    let entry = |(key, value): (Spanned<String>, Value)| {
        let line = line(key.span().start);
        match value {
            Value::Table(inner) if !inner.is_empty() => inner
                .into_iter()
                .map(|(below, value)| Entry {
                    key: format!("{}.{below}", key.as_ref()),
                    text: as_text(&value),
                    line,
                })
                .collect(),
            value => vec![Entry { text: as_text(&value), key: key.into_inner(), line }],
        }
    };
    Ok(table.into_iter().flat_map(entry).collect())
}

/// A value as the environment would spell it.
fn as_text(value: &Value) -> Result<SecretValue, Rule> {
    let text = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?.join(","),
        value => scalar(value)?,
    };
    Ok(SecretValue::new(text))
}

fn scalar(value: &Value) -> Result<String, Rule> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(yes) => Ok(yes.to_string()),
        _ => Err("a text, a number, a truth value or a list of these"),
    }
}
