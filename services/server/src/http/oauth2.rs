//! `GET /oauth2/callback`: where a provider sends the browser of the person who allowed something. Plain pages, without
//! scripts; nothing that came is shown.

use std::{fmt::Write, net::IpAddr, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use keytrail_app::{App, CALLBACK_PATH, Callback, CallbackError, CompletionPage};
use keytrail_domain::SecretValue;
use serde::Deserialize;

use super::{ExtraRoutes, observe::Arrival};
use crate::auth::{Rate, RateLimiter};

/// Answers from one address: enough for an office, too few to try states out.
const RATE: Rate = Rate { per_minute: 60, burst: 20 };
/// Addresses that are remembered.
const ADDRESSES: usize = 10_000;

struct Callbacks {
    app: App,
    limit: RateLimiter<IpAddr>,
}

/// The route.
pub fn callback_route(app: App, clock: Arc<dyn keytrail_ports::Clock>) -> ExtraRoutes {
    let callbacks = web::Data::new(Callbacks { app, limit: RateLimiter::new(RATE, ADDRESSES, clock) });
    Arc::new(move |config| {
        config.app_data(callbacks.clone()).service(
            web::resource(CALLBACK_PATH).route(web::get().to(callback)).default_service(web::to(
                async || said(StatusCode::METHOD_NOT_ALLOWED, "Not allowed", "use GET"),
            )),
        );
    })
}

/// What a provider adds to the address (RFC 6749, 4.1.2; RFC 9207).
#[derive(Deserialize)]
struct Parameters {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

async fn callback(request: HttpRequest, callbacks: web::Data<Callbacks>) -> HttpResponse {
    let Ok(arrival) = Arrival::of(&request) else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "Not done", "internal error");
    };
    if callbacks.limit.take(&arrival.peer.0).is_err() {
        return said(StatusCode::TOO_MANY_REQUESTS, "Not done", "too many requests: try again later");
    }
    let Ok(parameters) = web::Query::<Parameters>::from_query(request.query_string()) else {
        return said(StatusCode::BAD_REQUEST, "Not done", "the address has not the form of an answer");
    };
    let Parameters { state, code, iss, error } = parameters.into_inner();
    let callback = Callback { state, code: code.map(SecretValue::new), iss, error };
    match callbacks.app.oauth2_callback(callback).await {
        Ok(page) => completion(&page),
        Err(error) => refused(&error),
    }
}

fn completion(page: &CompletionPage) -> HttpResponse {
    let (person, tenant, client) = (escaped(&page.person), escaped(&page.tenant), escaped(&page.client));
    let credential = escaped(&page.credential);
    let scopes = match page.scopes.as_slice() {
        [] => "what the provider gives by default".to_owned(),
        scopes => format!("<b>{}</b>", escaped(&scopes.join(" "))),
    };
    let (first, second) = page.code.split_at(page.code.len() / 2);
    let text = format!(
        "<p><b>{person}</b> of <b>{tenant}</b> asked for this: <b>{client}</b> is to get tokens for the credential \
         <b>{credential}</b> there, for {scopes}.</p>\
         <p>{person} completes it with this code (<code>completeOAuth2</code>), within ten minutes:</p>\
         <p class=\"code\">{first}-{second}</p>\
         <p>If that is you, or somebody whom you want to give this: pass the code on. If it is not, close this page and give \
         the code to nobody: without it nobody gets to use what you allowed.</p>"
    );
    html(StatusCode::OK, "Allowed", &text)
}

fn refused(error: &CallbackError) -> HttpResponse {
    let status = match error {
        CallbackError::App(error) => {
            tracing::warn!(error = error as &dyn std::error::Error, "an authorization could not go on");
            StatusCode::SERVICE_UNAVAILABLE
        }
        CallbackError::NoTokens(error) => {
            tracing::warn!(error = error as &dyn std::error::Error, "a provider gave no tokens for a code");
            StatusCode::BAD_GATEWAY
        }
        _ => StatusCode::BAD_REQUEST,
    };
    said(status, "Nothing was taken", &error.to_string())
}

fn said(status: StatusCode, title: &str, message: &str) -> HttpResponse {
    html(status, title, &format!("<p>{}</p>", escaped(message)))
}

fn html(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{title} - Keytrail</title>\
         <style>body{{font:16px system-ui;margin:4em auto;max-width:34em}}.code{{font:2em monospace}}</style>\
         <h1>{title}</h1>{body}</html>"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("x-frame-options", "DENY"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header((
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .body(page)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a text cannot fail.
                let _ = write!(safe, "&#{};", u32::from(letter));
            }
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_named_is_text_and_never_markup() {
        assert_eq!(
            escaped("<b onclick='x'>&\"</b>"),
            "&#60;b onclick=&#39;x&#39;&#62;&#38;&#34;&#60;/b&#62;"
        );
    }
}
