//! `/graphql` over plain HTTP, as the GraphQL-over-HTTP draft has it.

mod answer;
mod finish;
mod params;
mod run;
mod sse;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web,
};
use futures_util::{StreamExt, stream};

use self::{answer::Answer, params::Call};
pub(super) use self::{
    finish::Finished,
    params::Params,
    run::{Event, Ready, Session, Via},
};
use super::{
    HttpState,
    accept::{Media, negotiated},
    body,
    error::RequestError,
    ws,
};

/// `POST /graphql`.
pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> HttpResponse {
    let media = match negotiated(&request) {
        Ok(media) => media,
        Err(refused) => return Answer::refused(&refused, Media::Json),
    };
    let answered = answer_post(&request, payload, &state, media).await;
    answered.unwrap_or_else(|refused| Answer::refused(&refused, media))
}

async fn answer_post(
    request: &HttpRequest,
    payload: web::Payload,
    state: &web::Data<HttpState>,
    media: Media,
) -> Result<HttpResponse, RequestError> {
    check_content_type(request)?;
    let session = Session::begin(request, state).await?;
    let body = body::read(request, payload, &state.options).await?;
    match (Call::read(&body, state.options.batch)?, media) {
        (Call::Single(params), Media::EventStream) => {
            sse::answer(state, &session, &params, request.method()).await
        }
        (Call::Single(params), media) => single(state, &session, &params, media, Via::Post).await,
        (Call::Batch(_), Media::EventStream) => {
            Err(RequestError::malformed("query", "a batch cannot be answered as an event stream"))
        }
        (Call::Batch(batch), media) => Ok(all(state, &session, &batch, media).await),
    }
}

/// `GET /graphql`: a query, an event stream, or the upgrade to a websocket.
pub(super) async fn get(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> HttpResponse {
    if request.headers().contains_key(header::UPGRADE) {
        let upgraded = ws::upgrade(&request, payload, state.into_inner()).await;
        return upgraded.unwrap_or_else(|refused| Answer::refused(&refused, Media::Json));
    }
    let media = match negotiated(&request) {
        Ok(media) => media,
        Err(refused) => return Answer::refused(&refused, Media::Json),
    };
    let answered = answer_get(&request, &state, media).await;
    answered.unwrap_or_else(|refused| Answer::refused(&refused, media))
}

async fn answer_get(
    request: &HttpRequest,
    state: &web::Data<HttpState>,
    media: Media,
) -> Result<HttpResponse, RequestError> {
    let session = Session::begin(request, state).await?;
    let params = Params::from_query_string(request.query_string())?;
    match media {
        Media::EventStream => sse::answer(state, &session, &params, request.method()).await,
        media => single(state, &session, &params, media, Via::Get).await,
    }
}

async fn single(
    state: &HttpState,
    session: &Session,
    params: &Params,
    media: Media,
    via: Via,
) -> Result<HttpResponse, RequestError> {
    let ready = Ready::prepare(state, session, params, via).await?;
    let finished = ready.run(state).await;
    Ok(Answer::of(&finished, media))
}

/// Answers stand in the order of the requests; with a mutation among them they also run in it.
async fn all(state: &HttpState, session: &Session, batch: &[Params], media: Media) -> HttpResponse {
    let prepared: Vec<_> =
        stream::iter(batch).then(|params| Ready::prepare(state, session, params, Via::Post)).collect().await;
    let in_order = prepared.iter().flatten().any(Ready::is_mutation);
    let width = if in_order { 1 } else { prepared.len().max(1) };
    let finished: Vec<_> = stream::iter(prepared)
        .map(|ready| async move {
            match ready {
                Ok(ready) => ready.run(state).await,
                Err(refused) => Finished::refused(&refused),
            }
        })
        .buffered(width)
        .collect()
        .await;
    Answer::of_batch(&finished, media)
}

/// Only a content type that a foreign page cannot send without asking first.
fn check_content_type(request: &HttpRequest) -> Result<(), RequestError> {
    let refused = |message| RequestError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    debug_assert_eq!(request.method(), Method::POST);
    if !request.content_type().eq_ignore_ascii_case("application/json") {
        return Err(refused("the content type must be application/json"));
    }
    let given =
        request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let charset = given.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    if charset.is_some_and(|charset| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(refused("the charset must be utf-8"));
    }
    let encoded = request.headers().get(header::CONTENT_ENCODING);
    if encoded.is_some_and(|encoding| encoding != "identity") {
        return Err(refused("compressed bodies are not read"));
    }
    Ok(())
}
