//! OAuth2: whatever of userinfo, introspection and client credentials the fields allow.
//!
//! A refresh token is never used: many providers give a new one for it and forget the old one, so
//! that the check would destroy what is stored. Introspection answers for it.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use keytrail_domain::verification::Verdict;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    Driver, Found, Outside, Question, Role, Wanted, judged, unproven,
    web::{bearer, form, json, proves_nothing, with_secret},
};
use crate::{
    guard::{Answer, Outgoing},
    recipe::{Evidence, Judgement},
};

const WANTS: [Wanted; 9] = [
    Wanted::always("client_id", Role::Plain),
    Wanted::always("client_authentication", Role::Plain),
    Wanted::perhaps("client_secret", Role::Secret),
    Wanted::perhaps("access_token", Role::Secret),
    Wanted::perhaps("refresh_token", Role::Secret),
    Wanted::perhaps("token_uri", Role::Destination),
    Wanted::perhaps("introspection_uri", Role::Destination),
    Wanted::perhaps("userinfo_uri", Role::Destination),
    Wanted::perhaps("scopes", Role::Plain),
];

/// Asks an authorisation server.
pub(super) struct OAuth2;

#[async_trait]
impl Driver for OAuth2 {
    fn name(&self) -> &'static str {
        "oauth2"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let is_set = |name: &str| question.fields.is_set(name);
        let token = ["refresh_token", "access_token"].into_iter().find(|name| is_set(name));
        match token {
            Some(token) if is_set("introspection_uri") => introspect(&question, outside, token).await,
            Some("access_token") if is_set("userinfo_uri") => ask_userinfo(&question, outside).await,
            None if is_set("token_uri") && is_set("client_secret") => get_token(&question, outside).await,
            Some("access_token") => Err(judged(
                Verdict::Unsupported,
                "an access token alone cannot be checked: give userinfo_uri or introspection_uri, if the server has one",
            )),
            _ => Err(judged(
                Verdict::Unsupported,
                "without introspection or userinfo this cannot be checked: using a refresh token could replace it",
            )),
        }
    }
}

async fn introspect(
    question: &Question<'_>,
    outside: &Outside,
    token: &'static str,
) -> Result<Found, Judgement> {
    let value = question.needed(token)?;
    let entries = [("token", value.as_ref()), ("token_type_hint", token)];
    let answer = question.send(outside, as_client(question, "introspection_uri", &entries)?).await?;
    let body = json(&answer);
    match (answer.status, body["active"].as_bool()) {
        (200, Some(true)) => {
            Ok((judged(Verdict::Valid, "the server says that the token is active"), told(&body)))
        }
        (200, Some(false)) if token == "refresh_token" => {
            Err(judged(Verdict::Revoked, "the server says that the refresh token is not active any more"))
        }
        (200, Some(false)) => {
            Err(judged(Verdict::Invalid, "the server says that the access token is not active"))
        }
        _ => Err(refused(&answer, &body)),
    }
}

async fn ask_userinfo(question: &Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
    let request = Outgoing {
        method: reqwest::Method::GET,
        url: question.address("userinfo_uri")?,
        headers: bearer(&question.needed("access_token")?)?,
        body: None,
    };
    let answer = question.send(outside, request).await?;
    let body = json(&answer);
    match answer.status {
        200 if body["sub"].is_string() => {
            Ok((judged(Verdict::Valid, "the server accepts the access token"), told(&body)))
        }
        401 => Err(judged(Verdict::Invalid, "the server rejects the access token")),
        403 => {
            Err(judged(Verdict::Limited, "the server knows the token, but its scopes do not allow userinfo"))
        }
        status => Err(proves_nothing(status)),
    }
}

/// The token that comes back is dropped.
async fn get_token(question: &Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
    let scopes = question.fields.text("scopes");
    let grant = [("grant_type", "client_credentials")];
    let entries: Vec<_> =
        grant.into_iter().chain(scopes.as_deref().map(|scopes| ("scope", scopes))).collect();
    let answer = question.send(outside, as_client(question, "token_uri", &entries)?).await?;
    let body = json(&answer);
    if answer.status == 200 && body["access_token"].is_string() {
        // A token made for the check says nothing of how long the credential lasts.
        let evidence = Evidence { expires_at: None, ..told(&body) };
        return Ok((judged(Verdict::Valid, "the server gives a token to the client"), evidence));
    }
    Err(refused(&answer, &body))
}

/// A form to one of the server's addresses, with the client's own authentication (RFC 6749, 2.3.1).
fn as_client(question: &Question<'_>, to: &str, entries: &[(&str, &str)]) -> Result<Outgoing, Judgement> {
    let (id, secret) = (question.needed("client_id")?, question.fields.text("client_secret"));
    let url = question.address(to)?;
    let mut entries = entries.to_vec();
    match (secret.as_deref(), question.needed("client_authentication")?.as_ref()) {
        (Some(secret), "basic") => {
            let pair = STANDARD.encode(format!("{}:{}", encoded(&id), encoded(secret)));
            Ok(form(url, with_secret(AUTHORIZATION, &format!("Basic {pair}"))?, &entries))
        }
        (secret, _) => {
            entries.push(("client_id", &id));
            entries.extend(secret.map(|secret| ("client_secret", secret)));
            Ok(form(url, HeaderMap::new(), &entries))
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What an error means (RFC 6749, 5.2).
fn refused(answer: &Answer, body: &Value) -> Judgement {
    match (answer.status, body["error"].as_str()) {
        (429 | 500.., _) => proves_nothing(answer.status),
        (_, Some("invalid_client")) => {
            judged(Verdict::Invalid, "the server rejects the client's id or secret")
        }
        (_, Some("invalid_grant")) => {
            judged(Verdict::Revoked, "the server says that the grant is not valid any more")
        }
        (_, Some("unauthorized_client")) => {
            judged(Verdict::Limited, "the server knows the client, but it may not ask for this")
        }
        (_, Some("invalid_scope")) => {
            judged(Verdict::Limited, "the server knows the client, but not all of the scopes are for it")
        }
        (_, Some("temporarily_unavailable")) => unproven(
            keytrail_domain::verification::InconclusiveReason::Unreachable,
            "the server is not ready to answer",
        ),
        (status, _) => proves_nothing(status),
    }
}

fn told(body: &Value) -> Evidence {
    let who = ["username", "preferred_username", "sub", "client_id"];
    let scopes = body["scope"].as_str().unwrap_or_default();
    let end = body["exp"].as_i64().filter(|end| *end > 0);
    Evidence {
        identity: who.iter().find_map(|name| body[*name].as_str()).map(str::to_owned),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        expires_at: end.map(|end| keytrail_domain::Timestamp::EPOCH.plus_seconds(end)),
    }
}
