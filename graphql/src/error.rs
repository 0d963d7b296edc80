//! Error codes: one enum, and one function that maps to it.

use async_graphql::{Context, Error, ErrorExtensionValues, ErrorExtensions, Value};
use keytrail_app::AppError;
use keytrail_domain::{FieldError, ParseIdError};
use serde_json::json;

use crate::context::request_id;

/// The argument of every mutation.
const INPUT: &str = "input";

/// After this, whoever found something away, or asked for a position that was not there yet, asks again.
const RETRY_SECONDS: u64 = 1;

/// `extensions.code` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract; README.md explains them")]
pub enum Code {
    Unauthenticated,
    Forbidden,
    NotFound,
    BadUserInput,
    Conflict,
    Refused,
    RateLimited,
    Unavailable,
    QueryTooComplex,
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::BadUserInput,
        Self::Conflict,
        Self::Refused,
        Self::RateLimited,
        Self::Unavailable,
        Self::QueryTooComplex,
        Self::Internal,
    ];

    /// As it goes out.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Conflict => "CONFLICT",
            Self::Refused => "REFUSED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::Internal => "INTERNAL",
        }
    }
}

/// An error with a code and nothing else.
pub(crate) fn failure(code: Code, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code.as_str()))
}

/// One wrong place in an input.
pub(crate) fn bad_input(path: &str, message: &str) -> Error {
    let fields = json!([{ "path": path, "message": message }]);
    failure(Code::BadUserInput, "the input is not valid")
        .extend_with(|_, extensions| set_json(extensions, "fields", fields))
}

/// An id that is none, at this place.
pub(crate) fn bad_id(path: &str, error: &ParseIdError) -> Error {
    bad_input(path, &error.to_string())
}

fn unavailable(message: String, dependency: &str) -> Error {
    failure(Code::Unavailable, message).extend_with(|_, extensions| {
        extensions.set("dependency", dependency);
        extensions.set("retryAfterSeconds", RETRY_SECONDS);
    })
}

fn set_json(extensions: &mut ErrorExtensionValues, name: &str, value: serde_json::Value) {
    extensions.set(name, Value::from_json(value).unwrap_or(Value::Null));
}

/// Turns errors of the application into GraphQL's.
pub(crate) trait OrFail<T> {
    /// The value, or the error as callers see it.
    fn or_fail(self, ctx: &Context<'_>) -> async_graphql::Result<T>;
}

impl<T> OrFail<T> for Result<T, AppError> {
    fn or_fail(self, ctx: &Context<'_>) -> async_graphql::Result<T> {
        self.map_err(|error| from_app(&in_argument(error, ctx), request_id(ctx)))
    }
}

/// The application knows an input's fields by their names alone; callers find them in the argument
/// `input`. Arguments of lists have the same names here and there.
fn in_argument(error: AppError, ctx: &Context<'_>) -> AppError {
    match error {
        AppError::BadInput(fields) if ctx.item.node.get_argument(INPUT).is_some() => {
            AppError::BadInput(fields.into_iter().map(in_input).collect())
        }
        error => error,
    }
}

fn in_input(field: FieldError) -> FieldError {
    FieldError { path: format!("{INPUT}.{}", field.path), ..field }
}

/// The one mapping. The detail of our own mistakes goes to the log, with the request's id.
pub(crate) fn from_app(error: &AppError, request: uuid::Uuid) -> Error {
    let message = error.to_string();
    match error {
        AppError::Unauthenticated => failure(Code::Unauthenticated, message),
        AppError::Forbidden | AppError::OutOfScope(_) => failure(Code::Forbidden, message),
        AppError::NotFound => failure(Code::NotFound, message),
        AppError::BadInput(fields) => failure(Code::BadUserInput, message)
            .extend_with(|_, extensions| set_json(extensions, "fields", json!(fields))),
        AppError::Conflict { expected, actual, .. } => {
            failure(Code::Conflict, message).extend_with(|_, extensions| {
                set_json(extensions, "expectedRevision", json!(expected));
                set_json(extensions, "currentRevision", json!(actual));
            })
        }
        AppError::Refused { reason, details, .. } => {
            failure(Code::Refused, message).extend_with(|_, extensions| {
                extensions.set("reason", *reason);
                for (name, value) in details.as_object().into_iter().flatten() {
                    set_json(extensions, name, value.clone());
                }
            })
        }
        AppError::RateLimited { retry_after_seconds } => failure(Code::RateLimited, message)
            .extend_with(|_, extensions| extensions.set("retryAfterSeconds", *retry_after_seconds)),
        AppError::Unavailable { dependency, source } => {
            if let Some(source) = source {
                tracing::warn!(request.id = %request, dependency, error = &**source as &dyn std::error::Error, "not available");
            }
            unavailable(message, dependency)
        }
        AppError::Behind => unavailable(message, "views"),
        AppError::OutcomeUnknown(source) => {
            tracing::warn!(request.id = %request, error = &**source as &dyn std::error::Error, "outcome unknown");
            // Without `retryAfterSeconds`: who asks again without a key could do it twice.
            failure(Code::Unavailable, message)
                .extend_with(|_, extensions| extensions.set("dependency", "event log"))
        }
        AppError::Internal(source) => {
            tracing::error!(request.id = %request, error = &**source as &dyn std::error::Error, "internal error");
            failure(Code::Internal, "internal error")
                .extend_with(|_, extensions| extensions.set("requestId", request.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn extension(error: &Error, name: &str) -> serde_json::Value {
        let extensions = error.extensions.as_ref().expect("extensions");
        extensions
            .get(name)
            .cloned()
            .map_or(serde_json::Value::Null, |value| value.into_json().expect("json"))
    }

    #[test]
    fn every_error_of_the_application_has_its_code() {
        let cases = [
            (AppError::Unauthenticated, Code::Unauthenticated),
            (AppError::Forbidden, Code::Forbidden),
            (AppError::NotFound, Code::NotFound),
            (AppError::BadInput(vec![FieldError::new("a", "b")]), Code::BadUserInput),
            (AppError::conflict("taken"), Code::Conflict),
            (AppError::Refused { reason: "R", message: "no".into(), details: json!({}) }, Code::Refused),
            (AppError::RateLimited { retry_after_seconds: 3 }, Code::RateLimited),
            (AppError::Unavailable { dependency: "vault", source: None }, Code::Unavailable),
            (AppError::Behind, Code::Unavailable),
            (AppError::OutcomeUnknown("detail".into()), Code::Unavailable),
            (AppError::Internal("secret detail".into()), Code::Internal),
        ];
        for (error, code) in cases {
            assert_eq!(extension(&from_app(&error, Uuid::nil()), "code"), code.as_str());
        }
        assert_eq!(Code::ALL.len(), 10);
    }

    #[test]
    fn who_is_ahead_of_the_views_is_told_when_to_ask_again() {
        let error = from_app(&AppError::Behind, Uuid::nil());
        assert_eq!(extension(&error, "dependency"), "views");
        assert_eq!(extension(&error, "retryAfterSeconds"), 1);
        assert!(error.message.contains("ask again"), "{}", error.message);
    }

    #[test]
    fn an_unknown_outcome_says_what_to_do_and_not_what_happened_inside() {
        let error = from_app(&AppError::OutcomeUnknown("hunter2".into()), Uuid::nil());
        assert_eq!(extension(&error, "dependency"), "event log");
        assert!(extension(&error, "retryAfterSeconds").is_null(), "it may have been done");
        assert!(error.message.contains("not known") && error.message.contains("idempotencyKey"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn our_own_mistakes_show_a_request_id_and_nothing_else() {
        let error = from_app(&AppError::Internal("hunter2".into()), Uuid::nil());
        assert_eq!(error.message, "internal error");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(extension(&error, "requestId"), Uuid::nil().to_string());
    }

    #[test]
    fn a_refusal_carries_its_reason_and_details() {
        let details = json!({ "verdict": "INVALID" });
        let refused = AppError::Refused { reason: "VERIFICATION_FAILED", message: "no".into(), details };
        let error = from_app(&refused, Uuid::nil());
        assert_eq!(extension(&error, "reason"), "VERIFICATION_FAILED");
        assert_eq!(extension(&error, "verdict"), "INVALID");
    }
}
