//! The one place that prints.

use std::io::Write;

/// A line of progress, for people: on standard error.
pub(crate) fn line(text: &str) {
    // Nobody reads it when the terminal is gone; that is no reason to stop.
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A line of result, for programs too: on standard output.
pub(crate) fn result(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}
