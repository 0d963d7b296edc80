//! The [`TokenServer`] port over the guarded client.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use keytrail_domain::{SecretValue, oauth_client::ClientAuthentication};
use keytrail_ports::{TokenClient, TokenError, TokenGrant, TokenServer, Tokens};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::guard::{Answer, Destinations, GuardError, GuardedHttp, HttpConfig, Lookup, Outgoing, StartError};

/// Longest token that is taken, in bytes: as the components have it.
const LONGEST_TOKEN: usize = 16_384;
/// Most scopes that are taken from an answer.
const MOST_SCOPES: usize = 100;
/// Longest of them, in bytes.
const LONGEST_SCOPE: usize = 255;

/// Asks authorisation servers through a guarded client of its own.
pub struct GuardedTokenServer {
    http: GuardedHttp,
}

impl GuardedTokenServer {
    /// One that reaches public addresses and these networks. A crypto provider of rustls must be installed.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(allowed_networks: Vec<IpNet>, lookup: &Arc<dyn Lookup>) -> Result<Self, StartError> {
        let config = HttpConfig { allowed_networks, ..HttpConfig::default() };
        Ok(Self { http: GuardedHttp::new(config, lookup)? })
    }

    async fn post(
        &self,
        url: &str,
        client: &TokenClient,
        entries: &[(&str, &str)],
    ) -> Result<Answer, TokenError> {
        let request = form(url, client, entries)?;
        let sent = self.http.send_or_not(request, Destinations::Any).await;
        sent.map_err(|error| not_sent(&error))
    }
}

#[async_trait]
impl TokenServer for GuardedTokenServer {
    async fn tokens(&self, url: &str, client: &TokenClient, grant: TokenGrant) -> Result<Tokens, TokenError> {
        let answer = match &grant {
            TokenGrant::Code { code, verifier, redirect_uri } => {
                let entries = [
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("code_verifier", verifier.expose()),
                    ("redirect_uri", redirect_uri),
                ];
                self.post(url, client, &entries).await?
            }
            TokenGrant::Refresh(token) => {
                let entries = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
                self.post(url, client, &entries).await?
            }
            TokenGrant::Client { scopes } => {
                let scopes = scopes.join(" ");
                let grant = ("grant_type", "client_credentials");
                let scope = (!scopes.is_empty()).then_some(("scope", scopes.as_str()));
                let entries: Vec<_> = std::iter::once(grant).chain(scope).collect();
                self.post(url, client, &entries).await?
            }
        };
        match answer.status {
            // Some say no with 200.
            200 if json(&answer)["error"].is_string() => Err(refused(&answer)),
            200 => given(&answer),
            _ => Err(refused(&answer)),
        }
    }

    async fn revoke(&self, url: &str, client: &TokenClient, token: &SecretValue) -> Result<(), TokenError> {
        let answer = self.post(url, client, &[("token", token.expose())]).await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(refused(&answer)),
        }
    }
}

fn not_sent(error: &GuardError) -> TokenError {
    match error {
        GuardError::AddressNotAllowed => TokenError::NotAllowed(
            "its address is in a network that the operator does not allow (KEYTRAIL_ALLOWED_NETWORKS)",
        ),
        GuardError::SchemeNotAllowed => {
            TokenError::NotAllowed("only https, and http to networks that the operator allows, can be used")
        }
        error => TokenError::Unavailable(error.to_string()),
    }
}

/// A form with the client's own authentication (RFC 6749, 2.3.1).
fn form(url: &str, client: &TokenClient, entries: &[(&str, &str)]) -> Result<Outgoing, TokenError> {
    let url = Url::parse(url).map_err(|_| TokenError::Refused("its address is no URL"))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut entries = entries.to_vec();
    let secret = client.client_secret.as_ref().map(SecretValue::expose);
    match (client.authentication, secret) {
        (ClientAuthentication::Basic, Some(secret)) => {
            headers.insert(AUTHORIZATION, basic(&client.client_id, secret)?);
        }
        (ClientAuthentication::Post, Some(secret)) => {
            entries.extend([("client_id", client.client_id.as_str()), ("client_secret", secret)]);
        }
        (_, None) | (ClientAuthentication::None, _) => entries.push(("client_id", &client.client_id)),
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&entries).finish();
    Ok(Outgoing { method: reqwest::Method::POST, url, headers, body: Some(body.into_bytes()) })
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, TokenError> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
        .map_err(|_| TokenError::Refused("the client's secret cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// RFC 6749, 5.1. A token that could not be stored or sent is none.
fn given(answer: &Answer) -> Result<Tokens, TokenError> {
    let body = json(answer);
    let nothing = || TokenError::Unavailable("its answer has no access token that can be used".to_owned());
    if !body["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::Refused("it gives tokens of another type than Bearer"));
    }
    Ok(Tokens {
        access: token(&body["access_token"]).ok_or_else(nothing)?,
        refresh: token(&body["refresh_token"]),
        expires_in: seconds(&body["expires_in"]),
        scopes: body["scope"].as_str().map(scopes),
    })
}

fn token(value: &Value) -> Option<SecretValue> {
    let text = value.as_str()?;
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (!text.is_empty() && text.len() <= LONGEST_TOKEN && is_visible).then(|| SecretValue::new(text.to_owned()))
}

/// Some servers write it as a text.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn scopes(text: &str) -> Vec<String> {
    let is_plain = |scope: &&str| scope.len() <= LONGEST_SCOPE && scope.bytes().all(|b| b.is_ascii_graphic());
    text.split(' ')
        .filter(|scope| !scope.is_empty())
        .filter(is_plain)
        .take(MOST_SCOPES)
        .map(str::to_owned)
        .collect()
}

/// RFC 6749, 5.2. What is not said in its words proves nothing.
fn refused(answer: &Answer) -> TokenError {
    let body = json(answer);
    match (answer.status, body["error"].as_str()) {
        (429 | 500.., _) | (_, None) => {
            TokenError::Unavailable(format!("it answered with status {}", answer.status))
        }
        (_, Some("invalid_grant")) => TokenError::Revoked,
        (_, Some("invalid_client")) => TokenError::Refused("it does not accept the client's id and secret"),
        (_, Some("unauthorized_client")) => TokenError::Refused("the client may not ask for this"),
        (_, Some("invalid_scope")) => TokenError::Refused("not all of the scopes are for this client"),
        (_, Some("unsupported_grant_type")) => TokenError::Refused("it does not know this kind of grant"),
        (_, Some("invalid_request")) => TokenError::Refused("it does not understand the request"),
        (_, Some("temporarily_unavailable")) => {
            TokenError::Unavailable("it is not ready to answer".to_owned())
        }
        (status, Some(_)) => TokenError::Unavailable(format!("it answered with status {status}")),
    }
}

/// The body's JSON; null when it is none, or was cut.
fn json(answer: &Answer) -> Value {
    if answer.cut { Value::Null } else { serde_json::from_slice(&answer.body).unwrap_or_default() }
}
