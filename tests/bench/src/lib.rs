//! The limit programs and loads that speed targets are measured against.
