//! What a command says when it fails.

use std::{error::Error, fmt};

use crate::{
    admin::{AdminError, SocketError},
    config::ConfigError,
    data_dir::DataDirError,
    launch::StartError,
    lifecycle::Failed,
};

/// One line of what is wrong, one of what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Failure {
    pub(super) fn new(message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { message: message.to_string(), hint: hint.into() }
    }

    /// Something that the operating system refuses.
    pub(super) fn system(what: &str, cause: &dyn Error) -> Self {
        Self::new(
            format!("{what}: {cause}"),
            "see what limits this process: its user, container or service manager",
        )
    }

    /// Standard output is closed or full.
    pub(super) fn output(cause: &std::io::Error) -> Self {
        Self::new(format!("cannot write to standard output: {cause}"), "see where the output goes")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}\nhint: {}", one_line(&self.message), one_line(&self.hint))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(&error, error.hint())
    }
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        Self::new(&error, error.hint())
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self { message: error.message, hint: error.hint }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self { message: error.message, hint: error.hint }
    }
}

impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Self {
        Self::new(
            &error,
            "its path must be shorter than 100 bytes: set KEYTRAIL_DATA_DIR to a shorter or relative one",
        )
    }
}

impl From<Failed> for Failure {
    fn from(error: Failed) -> Self {
        Self::new(error, "the log lines above say why")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_error_line_and_one_hint_line() {
        let shown = Failure::new("a\nb", "c\n\t d").to_string();
        assert_eq!(shown, "error: a b\nhint: c d\n");
    }
}
