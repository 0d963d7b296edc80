//! What can be wrong with the settings. No error quotes a value: it may be a secret.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The compiled-in reference.
    Default,
    /// A file of settings.
    File {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
    },
    /// A `KEYTRAIL_*` variable.
    Environment,
}

impl Source {
    /// How the key is written there.
    pub(super) fn spelling(&self, key: &str) -> String {
        match self {
            Self::Environment => super::source::variable(key),
            Self::Default | Self::File { .. } => key.to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("by default"),
            Self::File { path, line } => write!(f, "in {}, line {line}", path.display()),
            Self::Environment => f.write_str("in the environment"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such setting.
    #[error("unknown setting `{spelling}` {place}")]
    Unknown {
        /// As it was written.
        spelling: String,
        /// Where.
        place: Source,
        /// The known setting that looks most like it.
        nearest: String,
    },
    /// A value breaks the rule of its setting.
    #[error("`{spelling}` {place} must be {rule}")]
    Invalid {
        /// The setting, as it is spelled there.
        spelling: String,
        /// Where the value came from.
        place: Source,
        /// What it must be.
        rule: String,
    },
    /// The file of settings cannot be read.
    #[error("cannot read the settings in {path}: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The file of settings is not TOML.
    #[error("{path}, line {line}: {message}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What the parser said; it does not quote the line.
        message: String,
    },
    /// Settings that are right alone do not go together.
    #[error("{message}")]
    Together {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl ConfigError {
    pub(super) fn together(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Together { message: message.into(), hint: hint.into() }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { nearest, .. } => format!("did you mean `{nearest}`?"),
            Self::Invalid { spelling, .. } if spelling.to_ascii_lowercase().ends_with("event_log") => {
                "docs/kurrentdb.md has examples of addresses".into()
            }
            Self::Invalid { .. } => {
                "every setting is explained in keytrail.default.toml, which comes with the source".into()
            }
            Self::Unreadable { .. } => "check the path in --config or KEYTRAIL_CONFIG".into(),
            Self::Syntax { .. } => "the file is TOML: `key = \"value\"`, one on a line".into(),
            Self::Together { hint, .. } => hint.clone(),
        }
    }
}
