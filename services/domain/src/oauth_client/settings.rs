//! What people choose for an OAuth client, and what of it is allowed.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

use crate::{FieldError, Refusal, text};

/// Longest name, in bytes.
const NAME_LEN: usize = 255;
/// Longest id that a provider gives, in bytes.
const CLIENT_ID_LEN: usize = 255;
/// Longest scope, in bytes.
const SCOPE_LEN: usize = 255;
/// Most scopes.
const MOST_SCOPES: usize = 100;
/// Most components.
const MOST_COMPONENTS: usize = 50;

/// How a client says who it is where tokens are given (RFC 6749, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientAuthentication {
    /// Id and secret in the header.
    Basic,
    /// Id and secret in the form.
    Post,
    /// Only by its id: a public client, without a secret.
    None,
}

/// Where a provider is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// Where a person agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<String>,
    /// Where tokens are given.
    pub token_url: String,
    /// Where tokens are given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_url: Option<String>,
    /// Who the provider says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// What people choose for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSettings {
    /// Its name, unique in the tenant.
    pub name: String,
    /// For credentials of which components, by slug: at least one.
    pub components: BTreeSet<String>,
    /// Where the provider is.
    pub provider: Provider,
    /// What is asked for when nobody says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// How it says who it is.
    pub authentication: ClientAuthentication,
}

/// All that is wrong in one input, so that a person hears of it at once.
#[derive(Default)]
pub(super) struct Checked(Vec<FieldError>);

impl Checked {
    pub(super) fn wrong(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// What was checked, or anything while the whole is refused at the end.
    pub(super) fn keep<T: Default>(&mut self, checked: Result<T, Refusal>) -> Result<T, Refusal> {
        match checked {
            Err(Refusal::Invalid(fields)) => {
                self.0.extend(fields);
                Ok(T::default())
            }
            other => other,
        }
    }

    /// The settings as they are kept: texts without spaces around them.
    pub(super) fn settings(&mut self, given: &ClientSettings) -> Result<ClientSettings, Refusal> {
        let name = self.keep(text::line("name", &given.name, NAME_LEN))?;
        if !(1..=MOST_COMPONENTS).contains(&given.components.len()) {
            self.wrong(FieldError::new("components", format!("must be 1 to {MOST_COMPONENTS} slugs")));
        }
        self.scopes(&given.scopes);
        Ok(ClientSettings { name, provider: self.provider(&given.provider)?, ..given.clone() })
    }

    fn scopes(&mut self, scopes: &[String]) {
        if scopes.len() > MOST_SCOPES {
            self.wrong(FieldError::new("scopes", format!("at most {MOST_SCOPES} are allowed")));
        }
        for (place, _) in scopes.iter().enumerate().take(MOST_SCOPES).filter(|(_, scope)| !is_scope(scope)) {
            let rule = format!("must have 1 to {SCOPE_LEN} visible ASCII characters without `\"` and `\\`");
            self.wrong(FieldError::new(format!("scopes.{place}"), rule));
        }
    }

    fn provider(&mut self, given: &Provider) -> Result<Provider, Refusal> {
        Ok(Provider {
            authorization_url: self.keep(authorization_url(given.authorization_url.as_deref()))?,
            token_url: self.keep(address("tokenUrl", Some(&given.token_url)))?.unwrap_or_default(),
            revocation_url: self.keep(address("revocationUrl", given.revocation_url.as_deref()))?,
            issuer: self.keep(address("issuer", given.issuer.as_deref()))?,
        })
    }

    pub(super) fn end(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.0)) }
    }
}

/// The id that a provider gave.
pub(super) fn client_id(text: &str) -> Result<String, Refusal> {
    let id = text::line("clientId", text, CLIENT_ID_LEN)?;
    if id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(id);
    }
    Err(Refusal::invalid("clientId", "must be visible ASCII characters without spaces"))
}

/// A scope-token of RFC 6749, 3.3.
fn is_scope(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=SCOPE_LEN).contains(&text.len()) && text.bytes().all(of_token)
}

/// An address that secrets and tokens may be sent to: nobody reads along on the way.
fn address(path: &str, url: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(url) = text::address(path, url)? else { return Ok(None) };
    if is_safe(&url) {
        return Ok(Some(url));
    }
    let rule =
        "must begin with `https://` (or `http://` on 127.0.0.0/8, [::1] or localhost), without a fragment";
    Err(Refusal::invalid(path, rule))
}

/// What Keytrail says itself cannot stand in it (RFC 6749, 4.1.1; RFC 7636, 4.3).
fn authorization_url(url: Option<&str>) -> Result<Option<String>, Refusal> {
    const OURS: [&str; 7] = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    ];
    let url = address("authorizationUrl", url)?;
    let query = url.as_deref().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    match query.split('&').map(name).find(|name| OURS.contains(&name.as_str())) {
        Some(ours) => {
            Err(Refusal::invalid("authorizationUrl", format!("must not have `{ours}`: Keytrail adds it")))
        }
        None => Ok(url),
    }
}

fn is_safe(url: &str) -> bool {
    // Some take a backslash for a slash: what is the host would be a matter of opinion.
    let (Some((scheme, rest)), false) = (url.split_once("://"), url.contains(['#', '\\'])) else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let Some(host) = host_of(authority) else { return false };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => is_loopback(host),
        _ => false,
    }
}

/// The host without its port; none for what has no host or a port that is none.
fn host_of(authority: &str) -> Option<&str> {
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end..].find(':') {
        Some(colon) => (&authority[..end + colon], Some(&authority[end + colon + 1..])),
        None => (authority, None),
    };
    let good =
        port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    (good && !host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let six = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let six = six.and_then(|address| address.parse::<Ipv6Addr>().ok());
    let four = host.parse::<Ipv4Addr>().ok();
    host.eq_ignore_ascii_case("localhost")
        || four.is_some_and(|address| address.is_loopback())
        || six.is_some_and(|address| address.is_loopback())
}
