//! Errors that the transport itself answers with.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use async_graphql::{ErrorExtensionValues, Pos, ServerError, Value};
use keytrail_domain::FieldError;
use keytrail_graphql::limits::{Rejection, persisted::PersistedError};

use crate::auth::AuthError;

pub(super) const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
pub(super) const QUERY_TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
pub(super) const INTERNAL: &str = "INTERNAL";
const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
const RATE_LIMITED: &str = "RATE_LIMITED";
const UNAVAILABLE: &str = "UNAVAILABLE";
const FORBIDDEN: &str = "FORBIDDEN";
const NOT_FOUND: &str = "NOT_FOUND";

/// Why a request was not executed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", detail.message)]
pub(super) struct RequestError {
    pub(super) code: &'static str,
    /// None: the request is sound HTTP and wrong GraphQL, so the media type decides (400 or 200).
    pub(super) status: Option<StatusCode>,
    detail: Box<Detail>,
}

#[derive(Clone, Debug, Default)]
struct Detail {
    message: Cow<'static, str>,
    at: Option<Pos>,
    fields: Vec<FieldError>,
    more: Vec<(&'static str, Value)>,
    header: Option<(HeaderName, String)>,
}

impl RequestError {
    fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let detail = Detail { message: message.into(), ..Detail::default() };
        Self { code, status: None, detail: Box::new(detail) }
    }

    fn http(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Some(status), ..Self::new(code, message) }
    }

    fn with_fields(mut self, fields: impl IntoIterator<Item = FieldError>) -> Self {
        self.detail.fields.extend(fields);
        self
    }

    fn with_extension(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.detail.more.push((name, value.into()));
        self
    }

    fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.detail.header = Some((name, value.into()));
        self
    }

    /// Wrong GraphQL at one place of the request.
    pub(super) fn input(path: impl Into<String>, message: &'static str) -> Self {
        Self::new(BAD_USER_INPUT, message).with_fields([FieldError::new(path, message)])
    }

    /// Not a GraphQL request at all: always 400.
    pub(super) fn malformed(path: &'static str, message: &'static str) -> Self {
        Self { status: Some(StatusCode::BAD_REQUEST), ..Self::input(path, message) }
    }

    /// The HTTP request itself cannot be served.
    pub(super) fn refused(status: StatusCode, message: &'static str) -> Self {
        Self::http(status, BAD_USER_INPUT, message)
    }

    pub(super) fn method_not_allowed(allow: &'static str, message: &'static str) -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, message).with_header(header::ALLOW, allow)
    }

    pub(super) fn not_found() -> Self {
        Self::http(StatusCode::NOT_FOUND, NOT_FOUND, "not found")
    }

    pub(super) fn foreign_origin() -> Self {
        Self::http(StatusCode::FORBIDDEN, FORBIDDEN, "this origin may not open a websocket here")
    }

    pub(super) fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        let error = Self::http(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, message);
        error.with_header(header::WWW_AUTHENTICATE, "Bearer")
    }

    pub(super) fn rate_limited(message: &'static str, seconds: u64) -> Self {
        Self::http(StatusCode::TOO_MANY_REQUESTS, RATE_LIMITED, message)
            .with_extension("retryAfterSeconds", seconds)
            .with_header(header::RETRY_AFTER, seconds.to_string())
    }

    pub(super) fn unavailable(dependency: &'static str) -> Self {
        let message = format!("{dependency} is not available");
        let error = Self::http(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, message);
        error.with_extension("dependency", dependency)
    }

    pub(super) fn missing_variables(names: &[String]) -> Self {
        let fields = names.iter().map(|name| FieldError::new(name, "is required"));
        Self::new(BAD_USER_INPUT, "a variable without default is missing or null").with_fields(fields)
    }

    /// True when there was too much of it.
    pub(super) fn is_about_rate(&self) -> bool {
        self.code == RATE_LIMITED
    }

    /// True when trying again may help.
    pub(super) fn is_passing(&self) -> bool {
        self.code == UNAVAILABLE
    }

    /// The error as it stands in an answer.
    pub(super) fn to_server_error(&self) -> ServerError {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.code);
        if !self.detail.fields.is_empty() {
            extensions.set("fields", fields_value(&self.detail.fields));
        }
        for (name, value) in &self.detail.more {
            extensions.set(name, value.clone());
        }
        let mut error = ServerError::new(self.detail.message.clone(), self.detail.at);
        error.extensions = Some(extensions);
        error
    }

    /// Adds the header that belongs to this error.
    pub(super) fn add_header(&self, response: &mut HttpResponseBuilder) {
        if let Some((name, value)) = &self.detail.header {
            response.insert_header((name.clone(), value.as_str()));
        }
    }
}

/// `extensions.fields`.
pub(super) fn fields_value(fields: &[FieldError]) -> Value {
    fields
        .iter()
        .map(|field| async_graphql::value!({ "path": (field.path.clone()), "message": (field.message.clone()) }))
        .collect::<Vec<_>>()
        .into()
}

impl From<AuthError> for RequestError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid(_) => Self::unauthenticated(error.to_string()),
            AuthError::RateLimited { retry_after_seconds } => {
                Self::rate_limited("too many requests", retry_after_seconds)
            }
            AuthError::Unavailable { dependency } => Self::unavailable(dependency),
        }
    }
}

impl From<Rejection> for RequestError {
    fn from(rejection: Rejection) -> Self {
        let mut error = Self::new(rejection.code(), rejection.to_string());
        if let Rejection::Invalid { at, .. } = rejection {
            error.detail.at = at;
        }
        if rejection.code() == BAD_USER_INPUT {
            return error.with_fields([FieldError::new(rejection.field(), rejection.to_string())]);
        }
        error
    }
}

impl From<PersistedError> for RequestError {
    fn from(error: PersistedError) -> Self {
        match error {
            PersistedError::NotFound => Self::new(error.code(), error.to_string()),
            PersistedError::Mismatch => {
                Self::input("extensions.persistedQuery", "is not the hash of the text, or not version 1")
            }
        }
    }
}

/// Outside GraphQL's own media types an error is plain JSON of the same shape.
impl ResponseError for RequestError {
    fn status_code(&self) -> StatusCode {
        self.status.unwrap_or(StatusCode::BAD_REQUEST)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        self.add_header(&mut response);
        response.json(serde_json::json!({ "errors": [self.to_server_error()] }))
    }
}
