//! Which form of answer a client wants (RFC 9110, section 12.5.1).

use actix_web::{
    HttpRequest,
    http::{StatusCode, header},
};

use super::error::RequestError;

/// The forms that `/graphql` answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: the status says only whether the request was well-formed.
    Json,
    /// `application/graphql-response+json`: the status says whether the request was executed.
    GraphqlResponse,
    /// `text/event-stream`: one event per result.
    EventStream,
}

impl Media {
    /// In the order of our preference; a wildcard never means a stream.
    const ALL: [Self; 3] = [Self::Json, Self::GraphqlResponse, Self::EventStream];

    fn essence(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::GraphqlResponse => ("application", "graphql-response+json"),
            Self::EventStream => ("text", "event-stream"),
        }
    }

    /// The `content-type` of an answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// What the request's `Accept` headers choose.
pub(super) fn negotiated(request: &HttpRequest) -> Result<Media, RequestError> {
    let headers: Vec<_> =
        request.headers().get_all(header::ACCEPT).filter_map(|it| it.to_str().ok()).collect();
    negotiate(&headers.join(",")).ok_or_else(|| {
        RequestError::refused(
            StatusCode::NOT_ACCEPTABLE,
            "answers are application/json, application/graphql-response+json or text/event-stream",
        )
    })
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

fn negotiate(accept: &str) -> Option<Media> {
    let ranges: Vec<_> = accept.split(',').filter_map(range).collect();
    if ranges.is_empty() {
        return accept.trim().is_empty().then_some(Media::Json);
    }
    let rated = Media::ALL.into_iter().filter_map(|media| Some((rate(media, &ranges)?, media)));
    rated.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, media)| media)
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some(Range { kind, subtype, quality: quality.map_or(1_000, thousandths) })
}

/// Anything that is not a number between 0 and 1 is taken as "no".
fn thousandths(quality: &str) -> u16 {
    let value = quality.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value)).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (value * 1_000.0) as u16;
    thousandths
}

/// Higher is better: quality, then how exactly it was named, then how early.
fn rate(media: Media, ranges: &[Range<'_>]) -> Option<(u16, u8, std::cmp::Reverse<usize>)> {
    let named =
        ranges.iter().enumerate().filter_map(|(place, range)| Some((exactness(media, range)?, place, range)));
    let (exactness, place, range) =
        named.max_by_key(|(exactness, place, _)| (*exactness, std::cmp::Reverse(*place)))?;
    (range.quality > 0).then_some((range.quality, exactness, std::cmp::Reverse(place)))
}

fn exactness(media: Media, range: &Range<'_>) -> Option<u8> {
    let (kind, subtype) = media.essence();
    let same_kind = range.kind.eq_ignore_ascii_case(kind);
    if same_kind && range.subtype.eq_ignore_ascii_case(subtype) {
        return Some(2);
    }
    match (range.kind, range.subtype) {
        _ if media == Media::EventStream => None,
        (_, "*") if same_kind => Some(1),
        ("*", "*") => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_quality_wins_then_the_exact_name_then_the_first() {
        use Media::{EventStream, GraphqlResponse, Json};
        let cases = [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            (
                "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
                Some(GraphqlResponse),
            ),
            ("application/json, application/graphql-response+json", Some(Json)),
            ("application/json;q=0.9, application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json;q=0.1, application/json;q=0.2", Some(Json)),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("*/*, application/graphql-response+json", Some(GraphqlResponse)),
            ("text/html, */*;q=0.1", Some(Json)),
            ("text/event-stream", Some(EventStream)),
            ("text/event-stream, application/json;q=0.5", Some(EventStream)),
            ("APPLICATION/JSON", Some(Json)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=nonsense", None),
            ("text/*", None),
            ("nonsense", None),
        ];
        for (accept, wanted) in cases {
            assert_eq!(negotiate(accept), wanted, "{accept}");
        }
    }
}
