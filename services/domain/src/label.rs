//! Free labels on things: key and value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most labels on one thing.
const MOST: usize = 64;
/// Longest key, in bytes.
const KEY_LEN: usize = 63;
/// Longest value, in bytes.
const VALUE_LEN: usize = 255;

/// Labels of one thing, checked and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// Why labels are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// Too many.
    #[error("at most {MOST} labels are allowed")]
    TooMany,
    /// A key is wrong.
    #[error("a label key has 1 to {KEY_LEN} characters of a-z, A-Z, 0-9, `.`, `_`, `-` and `/`")]
    Key,
    /// A value is wrong.
    #[error("a label value has at most {VALUE_LEN} bytes and no control characters")]
    Value,
}

impl Labels {
    /// Checks and takes labels; a key that stands twice keeps its last value.
    ///
    /// # Errors
    /// [`LabelsError`] names the rule.
    pub fn new(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelsError> {
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        if labels.len() > MOST {
            return Err(LabelsError::TooMany);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        for (key, value) in &labels {
            if key.is_empty() || key.len() > KEY_LEN || !key.chars().all(plain) {
                return Err(LabelsError::Key);
            }
            if value.len() > VALUE_LEN || value.chars().any(char::is_control) {
                return Err(LabelsError::Value);
            }
        }
        Ok(Self(labels))
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_have_limits() {
        let one = |key: &str, value: &str| Labels::new([(key.to_owned(), value.to_owned())]);
        assert!(one("team/env", "prod").is_ok());
        assert_eq!(one("", "x"), Err(LabelsError::Key));
        assert_eq!(one("a b", "x"), Err(LabelsError::Key));
        assert_eq!(one("a", &"x".repeat(256)), Err(LabelsError::Value));
        assert_eq!(one("a", "x\ny"), Err(LabelsError::Value));
        let many = (0..65).map(|n| (n.to_string(), String::new()));
        assert_eq!(Labels::new(many), Err(LabelsError::TooMany));
    }
}
