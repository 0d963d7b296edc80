//! Texts with `{{field}}` in them.

use serde::Deserialize;
use url::Url;

/// A text with placeholders for fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands.
    Text(String),
    /// `{{name}}`: the field's value.
    Field(String),
    /// `{{name:path}}`: the field's value as several path segments.
    Path(String),
}

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// `{{` without `}}`, or the other way round.
    #[error("`{{{{` and `}}}}` do not match")]
    Unbalanced,
    /// Something else than a field's name between them.
    #[error("a placeholder is `{{{{field}}}}` or, in a path, `{{{{field:path}}}}`")]
    NoName,
    /// `:path` outside of a URL.
    #[error("`:path` is for URLs")]
    PathElsewhere,
    /// Neither a fixed https host nor one placeholder at the start.
    #[error("a URL begins with `https://` and a fixed host, or with one placeholder")]
    Start,
    /// Something else than a path after the start.
    #[error("after its start a URL is a path from `/`, without a query (use `query`)")]
    Rest,
}

impl TryFrom<String> for Template {
    type Error = BadTemplate;

    fn try_from(text: String) -> Result<Self, BadTemplate> {
        let parts = parse(&text)?;
        let has_path = parts.iter().any(|part| matches!(part, Part::Path(_)));
        if has_path { Err(BadTemplate::PathElsewhere) } else { Ok(Self(parts)) }
    }
}

impl Template {
    /// Names of the fields in it.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Part::field)
    }

    /// The text with values put in; none when one is missing.
    pub fn fill<T: AsRef<str>>(&self, value: impl Fn(&str) -> Option<T>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Field(name) | Part::Path(name) => text.push_str(value(name)?.as_ref()),
            }
            Some(text)
        })
    }
}

impl Part {
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Field(name) | Self::Path(name) => Some(name),
        }
    }
}

/// The start of a URL: it alone decides where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The same for every credential.
    Fixed(Url),
    /// A destination field.
    Field(String),
}

/// A URL with placeholders: a base, then path segments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UrlTemplate {
    pub(super) base: Base,
    pub(super) path: Vec<Part>,
}

impl TryFrom<String> for UrlTemplate {
    type Error = BadTemplate;

    fn try_from(text: String) -> Result<Self, BadTemplate> {
        let (base, rest) = match text.strip_prefix("{{").and_then(|rest| rest.split_once("}}")) {
            Some((name, rest)) => (Base::Field(field_name(name)?), rest),
            None => fixed_start(&text)?,
        };
        let path = parse(rest)?;
        let starts_well =
            rest.is_empty() || rest.starts_with('/') || matches!(path.first(), Some(Part::Path(_)));
        if !starts_well || rest.contains(['?', '#']) {
            return Err(BadTemplate::Rest);
        }
        Ok(Self { base, path })
    }
}

impl UrlTemplate {
    /// Names of the fields after the start.
    pub fn path_fields(&self) -> impl Iterator<Item = &str> {
        self.path.iter().filter_map(Part::field)
    }

    /// The field that the URL begins with.
    pub fn base_field(&self) -> Option<&str> {
        match &self.base {
            Base::Fixed(_) => None,
            Base::Field(name) => Some(name),
        }
    }
}

fn fixed_start(text: &str) -> Result<(Base, &str), BadTemplate> {
    let host = text.strip_prefix("https://").ok_or(BadTemplate::Start)?;
    let (start, rest) = text.split_at("https://".len() + host.find('/').unwrap_or(host.len()));
    let url = super::parse_base_url(start).filter(|_| !start.contains("{{")).ok_or(BadTemplate::Start)?;
    Ok((Base::Fixed(url), rest))
}

fn parse(text: &str) -> Result<Vec<Part>, BadTemplate> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, behind) = after.split_once("}}").ok_or(BadTemplate::Unbalanced)?;
        push_text(&mut parts, before)?;
        parts.push(match inside.strip_suffix(":path") {
            Some(name) => Part::Path(field_name(name)?),
            None => Part::Field(field_name(inside)?),
        });
        rest = behind;
    }
    push_text(&mut parts, rest)?;
    Ok(parts)
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), BadTemplate> {
    if text.contains("}}") {
        return Err(BadTemplate::Unbalanced);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

fn field_name(text: &str) -> Result<String, BadTemplate> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then(|| text.to_owned()).ok_or(BadTemplate::NoName)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<Template, BadTemplate> {
        text.to_owned().try_into()
    }

    fn url(text: &str) -> Result<UrlTemplate, BadTemplate> {
        text.to_owned().try_into()
    }

    #[test]
    fn values_are_put_in_as_they_are_and_not_read_again() {
        let filled = template("a {{x}}-{{y}} b").unwrap().fill(|name| Some(format!("{{{{{name}}}}}")));
        assert_eq!(filled.as_deref(), Some("a {{x}}-{{y}} b"));
        assert_eq!(template("{{x}}").unwrap().fill(|_| None::<String>), None);
    }

    #[test]
    fn broken_templates_are_refused() {
        for text in ["{{", "{{x", "x}}", "{{}}", "{{a b}}", "{{x|y}}", "{{ x }}", "{{x:path}}", "{{x}} }}"] {
            assert!(template(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_start_decides_where_a_url_goes() {
        assert_eq!(url("{{base_url}}/user").unwrap().base_field(), Some("base_url"));
        assert!(url("https://slack.com/api/{{method}}").is_ok() && url("{{a}}{{b:path}}").is_ok());
        for text in [
            "http://slack.com/",
            "https://{{site}}.example/",
            "https://a.example{{x}}/",
            "https://u@a.example/",
            "{{base}}.example/",
            "{{base}}{{x}}",
            "/{{base}}",
            "{{base}}/a?b=c",
            "{{base}}/a#b",
            "",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
