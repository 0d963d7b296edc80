//! Which pages may open a websocket: browsers let any page try, and say which one it is.

use actix_web::http::header::{self, HeaderMap};
use url::Url;

use super::error::RequestError;

/// Lets requests through that come from no page, from our own host, or from an allowed origin.
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), RequestError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_allowed = allowed.iter().any(|one| one.trim_end_matches('/').eq_ignore_ascii_case(origin));
    if is_allowed || is_same_host(origin, host) { Ok(()) } else { Err(RequestError::foreign_origin()) }
}

fn is_same_host(origin: &str, host: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let Ok(here) = Url::parse(&format!("{}://{host}", origin.scheme())) else { return false };
    matches!(origin.scheme(), "http" | "https")
        && origin.host().is_some()
        && origin.host() == here.host()
        && origin.port_or_known_default() == here.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn passes(origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("keys.example:8080"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        check_origin(&headers, &["https://board.example/".to_owned()]).is_ok()
    }

    #[test]
    fn our_own_pages_allowed_ones_and_programs_may_open_sockets() {
        for origin in [None, Some("http://keys.example:8080"), Some("https://board.example")] {
            assert!(passes(origin), "{origin:?}");
        }
        for origin in [
            "null",
            "",
            "http://keys.example",
            "http://evil.example",
            "http://keys.example.evil:8080",
            "file://keys.example:8080",
        ] {
            assert!(!passes(Some(origin)), "{origin}");
        }
    }
}
