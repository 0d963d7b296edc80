//! From a recipe and the fields to one request.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use keytrail_domain::{SecretPayload, component::Component};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{
    Auth, Body, Check, Method, RequestTemplate, Template, UrlTemplate, is_header_name, is_url_path,
    parse_base_url,
    template::{Base, Part},
};
use crate::guard::Outgoing;

/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The values of one credential, with the component's defaults behind them.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Gives the defaults.
    pub component: &'a Component,
    /// Fields that are no secret.
    pub plain: &'a BTreeMap<String, Value>,
    /// Fields that are.
    pub secrets: &'a SecretPayload,
}

/// Why no request could be made. The texts name rules, never values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotBuild {
    /// A placeholder without a value.
    #[error("a field that the check needs is not set")]
    NotSet,
    /// The destination is no base address.
    #[error("the address is not a plain https or http URL")]
    Address,
    /// A value that cannot stand in a path.
    #[error("a field cannot be part of a path")]
    Path,
    /// A value that cannot stand in a header.
    #[error("a field cannot be sent in a header")]
    Header,
}

impl<'a> Fields<'a> {
    /// A field that is no secret, or its default.
    pub fn plain_value(&self, name: &str) -> Option<&'a Value> {
        self.plain.get(name).or_else(|| self.component.fields["properties"][name].get("default"))
    }

    /// True when the field has a value.
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The value as text: of texts, numbers and truth values.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        if let Some(secret) = self.secrets.get(name) {
            return Some(Cow::Borrowed(secret.expose()));
        }
        match self.plain_value(name)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(Cow::Owned(value.to_string())),
            _ => None,
        }
    }

    fn fill(&self, template: &Template) -> Option<String> {
        template.fill(|name| self.text(name))
    }
}

/// The request of a check.
///
/// # Errors
/// [`CannotBuild`]: a value is missing, or could change the request's shape.
pub fn build(check: &Check, fields: &Fields<'_>) -> Result<Outgoing, CannotBuild> {
    let template = &check.request;
    let mut request = Outgoing {
        method: match template.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
        },
        url: url(&template.url, fields)?,
        headers: headers(template, fields)?,
        body: None,
    };
    add_query(
        &mut request.url,
        template.query.iter().map(|(name, value)| (name.as_str(), fields.fill(value))),
    );
    if let Some(body) = &template.body {
        add_body(&mut request, body, fields)?;
    }
    if let Some(auth) = &template.auth {
        add_auth(&mut request, auth, fields)?;
    }
    Ok(request)
}

fn url(template: &UrlTemplate, fields: &Fields<'_>) -> Result<Url, CannotBuild> {
    let base = match &template.base {
        Base::Fixed(url) => url.clone(),
        Base::Field(name) => {
            let text = fields.text(name).ok_or(CannotBuild::NotSet)?;
            parse_base_url(&text).ok_or(CannotBuild::Address)?
        }
    };
    let mut text = base.as_str().trim_end_matches('/').to_owned();
    for part in &template.path {
        push_path(&mut text, part, fields)?;
    }
    let url = Url::parse(&text).map_err(|_| CannotBuild::Path)?;
    // Whatever the path did, the request goes where the base says.
    if url.origin() == base.origin() { Ok(url) } else { Err(CannotBuild::Path) }
}

fn push_path(text: &mut String, part: &Part, fields: &Fields<'_>) -> Result<(), CannotBuild> {
    let value = |name: &str| fields.text(name).ok_or(CannotBuild::NotSet);
    match part {
        Part::Text(fixed) => text.push_str(fixed),
        Part::Field(name) => match value(name)?.as_ref() {
            "" | "." | ".." => return Err(CannotBuild::Path),
            segment => text.extend(utf8_percent_encode(segment, SEGMENT)),
        },
        Part::Path(name) => {
            let path = value(name)?;
            if !is_url_path(&path) {
                return Err(CannotBuild::Path);
            }
            for segment in path.split('/').skip(1) {
                text.push('/');
                text.extend(utf8_percent_encode(segment, SEGMENT));
            }
        }
    }
    Ok(())
}

fn add_query<'a>(url: &mut Url, entries: impl Iterator<Item = (&'a str, Option<String>)>) {
    let entries: Vec<_> = entries.filter_map(|(name, value)| Some((name, value?))).collect();
    if !entries.is_empty() {
        url.query_pairs_mut().extend_pairs(entries);
    }
}

fn headers(template: &RequestTemplate, fields: &Fields<'_>) -> Result<HeaderMap, CannotBuild> {
    let mut headers = HeaderMap::new();
    for (name, value) in &template.headers {
        if let Some(value) = fields.fill(value) {
            headers.insert(header_name(name)?, header_value(&value)?);
        }
    }
    Ok(headers)
}

fn header_name(text: &str) -> Result<HeaderName, CannotBuild> {
    let name = is_header_name(text).then(|| HeaderName::from_bytes(text.as_bytes()).ok()).flatten();
    name.ok_or(CannotBuild::Header)
}

/// Refuses control characters, so that no value can begin a header of its own.
fn header_value(text: &str) -> Result<HeaderValue, CannotBuild> {
    let mut value = HeaderValue::from_str(text).map_err(|_| CannotBuild::Header)?;
    value.set_sensitive(true);
    Ok(value)
}

fn add_body(request: &mut Outgoing, body: &Body, fields: &Fields<'_>) -> Result<(), CannotBuild> {
    let (kind, bytes) = match body {
        Body::Form(entries) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in entries {
                if let Some(value) = fields.fill(value) {
                    form.append_pair(name, &value);
                }
            }
            ("application/x-www-form-urlencoded", form.finish())
        }
        Body::Json(value) => ("application/json", json(value, fields)?.to_string()),
    };
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    request.body = Some(bytes.into_bytes());
    Ok(())
}

fn json(value: &Value, fields: &Fields<'_>) -> Result<Value, CannotBuild> {
    Ok(match value {
        Value::String(text) => {
            let template = Template::try_from(text.clone()).map_err(|_| CannotBuild::NotSet)?;
            Value::String(fields.fill(&template).ok_or(CannotBuild::NotSet)?)
        }
        Value::Array(items) => items.iter().map(|item| json(item, fields)).collect::<Result<_, _>>()?,
        Value::Object(entries) => {
            let filled = entries.iter().map(|(name, value)| Ok((name.clone(), json(value, fields)?)));
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

fn add_auth(request: &mut Outgoing, auth: &Auth, fields: &Fields<'_>) -> Result<(), CannotBuild> {
    let fill = |template: &Template| fields.fill(template).ok_or(CannotBuild::NotSet);
    let (name, value) = match auth {
        Auth::Query { name, value } => {
            let name = fill(name)?;
            add_query(&mut request.url, [(name.as_str(), Some(fill(value)?))].into_iter());
            return Ok(());
        }
        Auth::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", fill(token)?)),
        Auth::Basic { user, password } => {
            let user = fill(user)?;
            if user.contains(':') {
                return Err(CannotBuild::Header);
            }
            (AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{}", fill(password)?))))
        }
        Auth::Header { name, value } => (header_name(&fill(name)?)?, fill(value)?),
    };
    request.headers.insert(name, header_value(&value)?);
    Ok(())
}
