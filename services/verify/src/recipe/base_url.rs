//! Texts from fields that become part of a request's shape, and what they may be.

use reqwest::header::HeaderName;
use url::Url;

/// Headers that belong to the transport: setting them could smuggle a second request.
const RESERVED: [&str; 12] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
];

/// A base address: `https` or `http`, a host, perhaps a port and a path; without user information,
/// query and fragment. White space and control characters are refused, not dropped as URL parsers do.
pub fn parse_base_url(text: &str) -> Option<Url> {
    let clean = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '\\');
    let lower = text.to_ascii_lowercase();
    if !clean || !(lower.starts_with("https://") || lower.starts_with("http://")) || text.contains(['?', '#'])
    {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    (bare && url.has_host() && url.query().is_none()).then_some(url)
}

/// A path from the root without dot segments, query and fragment.
pub fn is_url_path(text: &str) -> bool {
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '?' | '#' | '\\');
    text.starts_with('/')
        && text.chars().all(clean)
        && !text.split('/').any(|part| matches!(part, "." | ".."))
}

/// A name for a header that a credential may choose.
pub fn is_header_name(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok_and(|name| !RESERVED.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_has_a_scheme_a_host_and_no_more_than_a_path() {
        for text in
            ["https://a.example", "HTTPS://a.example/api/v3/", "http://127.0.0.1:8080", "https://[::1]/x"]
        {
            assert!(parse_base_url(text).is_some(), "{text}");
        }
        for text in [
            "",
            "a.example",
            "https://",
            "https:a.example",
            "//a.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://a.example?x",
            "https://a.example#x",
            "https://a.ex\nample",
            " https://a.example",
            "https://a.example\\@b.example",
            "javascript:alert(1)",
        ] {
            assert!(parse_base_url(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_path_stays_below_its_root() {
        assert!(is_url_path("/") && is_url_path("/v1/me"));
        for text in ["", "v1", "/a/../b", "/.", "/a?b", "/a#b", "/a b", "/a\nb", "/a\\b"] {
            assert!(!is_url_path(text), "{text}");
        }
    }

    #[test]
    fn the_transports_headers_cannot_be_chosen() {
        assert!(is_header_name("X-API-Key") && is_header_name("Authorization"));
        for text in ["", "Host", "content-length", "Transfer-Encoding", "a b", "a:b", "a\r\nb"] {
            assert!(!is_header_name(text), "{text}");
        }
    }
}
