//! JSONPath (RFC 9535), without the parts that a hostile answer could make slow.

use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

/// A JSONPath of names, indexes, slices and wildcards.
///
/// Descendants (`..`), filters (`?`) and unions (`,`) are left out: on a body of some hundred
/// kilobytes they can visit nodes many times over, and a recipe has no need of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(JsonPath);

/// Why a text is no path.
#[derive(Debug, thiserror::Error)]
pub enum BadPath {
    /// The grammar.
    #[error("is not a JSONPath (RFC 9535)")]
    Grammar,
    /// A part that is left out here.
    #[error("a path here has no `..`, `?` or `,`")]
    Costly,
    /// Too long.
    #[error("a path has at most 200 characters")]
    Long,
}

impl TryFrom<String> for Path {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, BadPath> {
        if text.len() > 200 {
            return Err(BadPath::Long);
        }
        if text.contains("..") || text.contains(['?', ',']) {
            return Err(BadPath::Costly);
        }
        JsonPath::parse(&text).map(Self).map_err(|_| BadPath::Grammar)
    }
}

impl Path {
    /// All nodes that it leads to.
    pub fn find<'a>(&self, body: &'a Value) -> Vec<&'a Value> {
        self.0.query(body).all()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_its_nodes() {
        let path = Path::try_from("$.a[*].b".to_owned()).unwrap();
        assert_eq!(path.find(&json!({"a": [{"b": 1}, {"c": 2}, {"b": 3}]})), [&json!(1), &json!(3)]);
    }

    #[test]
    fn costly_and_broken_paths_are_refused() {
        for text in ["$..a", "$[?@.a]", "$['a','b']", "a.b", "$.", "", &format!("$.{}", "a".repeat(200))] {
            assert!(Path::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
