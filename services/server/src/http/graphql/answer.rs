//! HTTP answers around results.

use actix_web::{HttpResponse, HttpResponseBuilder, http::StatusCode};

use super::finish::{Finished, Refusal};
use crate::http::{accept::Media, error::RequestError, metrics::Outcome};

/// Makes answers.
pub(super) struct Answer;

impl Answer {
    /// One result.
    pub(super) fn of(finished: &Finished, media: Media) -> HttpResponse {
        let status = status_of(finished, media);
        let mut response = HttpResponse::build(status);
        if let Some(Refusal::Before(error)) = &finished.refusal {
            error.add_header(&mut response);
        }
        with_body(response, media, finished.to_json(), outcome_of(finished))
    }

    /// Results of a batch: the status says nothing, each result speaks for itself.
    pub(super) fn of_batch(finished: &[Finished], media: Media) -> HttpResponse {
        let all: Vec<_> = finished.iter().map(Finished::to_json).collect();
        let body = format!("[{}]", all.join(","));
        let worst = finished.iter().map(outcome_of).find(|outcome| *outcome != Outcome::Ok);
        with_body(HttpResponse::Ok(), media, body, worst.unwrap_or(Outcome::Ok))
    }

    /// A request that was not executed; on a stream that did not begin, as JSON.
    pub(super) fn refused(error: &RequestError, media: Media) -> HttpResponse {
        let media = if media == Media::EventStream { Media::Json } else { media };
        Self::of(&Finished::refused(error), media)
    }
}

fn with_body(
    mut response: HttpResponseBuilder,
    media: Media,
    body: String,
    outcome: Outcome,
) -> HttpResponse {
    let mut response = response.content_type(media.content_type()).body(body);
    response.extensions_mut().insert(outcome);
    response
}

/// `application/json` answers sound requests with 200, whatever became of them; the newer media
/// type says with 400 that nothing was executed (GraphQL over HTTP, section 6.4).
fn status_of(finished: &Finished, media: Media) -> StatusCode {
    let fallback = match media {
        Media::GraphqlResponse => StatusCode::BAD_REQUEST,
        Media::Json | Media::EventStream => StatusCode::OK,
    };
    match &finished.refusal {
        None => StatusCode::OK,
        Some(Refusal::Validation) => fallback,
        Some(Refusal::Before(error)) => error.status.unwrap_or(fallback),
    }
}

fn outcome_of(finished: &Finished) -> Outcome {
    match (&finished.refusal, finished.errors()) {
        (Some(_), _) => Outcome::Refused,
        (None, []) => Outcome::Ok,
        (None, _) => Outcome::FieldErrors,
    }
}
