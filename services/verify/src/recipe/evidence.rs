//! Who we are, what we may do and until when, as the system says: small, clean, and never a secret.

use std::collections::BTreeSet;

use keytrail_domain::{SecretPayload, Timestamp};
use reqwest::header::HeaderName;
use serde_json::Value;

use super::{Check, Expiry, MomentFormat, Place, Scopes};
use crate::guard::Answer;

/// Longest identity or scope, in characters.
const LONGEST: usize = 256;
/// Most scopes.
const MOST_SCOPES: usize = 64;

/// What an answer tells besides the verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Who we are.
    pub identity: Option<String>,
    /// What we may do; sorted, so that another order is no change.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Evidence {
    /// The same without what must not be stored: long, unprintable, or with a secret in it.
    #[must_use]
    pub fn cleaned(self, secrets: &SecretPayload) -> Self {
        let identity = self.identity.and_then(|text| clean(&text, secrets));
        let fitting = self.scopes.iter().filter_map(|name| clean(name, secrets));
        Self {
            identity: identity.map(|text| text.chars().take(LONGEST).collect()),
            scopes: few(fitting),
            expires_at: self.expires_at,
        }
    }
}

/// Where evidence is read from and when.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The answer.
    pub answer: &'a Answer,
    /// Its JSON.
    pub body: Option<&'a Value>,
    /// What may not come back out.
    pub secrets: &'a SecretPayload,
    /// For ends that are given as a number of seconds.
    pub now: Timestamp,
}

/// Reads what a check knows how to read.
pub fn evidence(check: &Check, from: Reading<'_>) -> Evidence {
    Evidence {
        identity: check.identity.as_ref().and_then(|place| from.identity(place)),
        scopes: check.scopes.as_ref().map(|scopes| from.scopes(scopes)).unwrap_or_default(),
        expires_at: check.expires_at.iter().find_map(|expiry| from.moment(expiry)),
    }
}

impl Reading<'_> {
    fn identity(&self, place: &Place) -> Option<String> {
        let texts = self.texts(place);
        let clean = clean(texts.first()?, self.secrets)?;
        Some(clean.chars().take(LONGEST).collect())
    }

    fn scopes(&self, scopes: &Scopes) -> Vec<String> {
        let texts = self.texts(&scopes.from);
        let names = texts.iter().flat_map(|text| match &scopes.separator {
            Some(separator) => text.split(separator.as_str()).collect(),
            None => vec![text.as_str()],
        });
        few(names.filter_map(|name| clean(name, self.secrets)))
    }

    fn moment(&self, expiry: &Expiry) -> Option<Timestamp> {
        let texts = self.texts(&expiry.from);
        let text = texts.first()?.trim();
        match expiry.format {
            MomentFormat::Rfc3339 => Timestamp::parse(&without_spaces(text)).ok(),
            MomentFormat::Unix => seconds(text).map(|seconds| Timestamp::EPOCH.plus_seconds(seconds)),
            MomentFormat::Seconds => seconds(text).map(|seconds| self.now.plus_seconds(seconds)),
        }
    }

    /// All texts and numbers at a place; of an array its items.
    fn texts(&self, place: &Place) -> Vec<String> {
        match place {
            Place::Header(name) => {
                let name = HeaderName::from_bytes(name.as_bytes()).ok();
                name.and_then(|name| self.answer.header(&name)).map(str::to_owned).into_iter().collect()
            }
            Place::Json(path) => {
                let nodes = self.body.map(|body| path.find(body)).unwrap_or_default();
                nodes.into_iter().flat_map(items).filter_map(text).collect()
            }
        }
    }
}

/// The trimmed text, unless it is empty, holds characters that do not print, or a secret.
fn clean(text: &str, secrets: &SecretPayload) -> Option<String> {
    let text = text.trim();
    let good = !text.is_empty() && text.chars().all(prints) && !secrets.appears_in(text);
    good.then(|| text.to_owned())
}

/// Sorted, each once, and not too many or too long.
fn few(names: impl Iterator<Item = String>) -> Vec<String> {
    let short = names.filter(|name| name.chars().count() <= LONGEST);
    short.collect::<BTreeSet<_>>().into_iter().take(MOST_SCOPES).collect()
}

fn items(node: &Value) -> Vec<&Value> {
    match node {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

fn text(node: &Value) -> Option<String> {
    match node {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Control characters, and those that turn or hide text, could make a report lie to its reader.
fn prints(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A positive number of seconds; fractions are cut.
fn seconds(text: &str) -> Option<i64> {
    text.split('.').next()?.parse().ok().filter(|seconds| *seconds > 0)
}

/// `2026-11-22 05:00:00 UTC` and `2026-11-22 05:00:00 -0700` as RFC 3339.
fn without_spaces(text: &str) -> String {
    text.replacen(' ', "T", 1).replace(" UTC", "Z").replace(' ', "")
}
