//! Texts that people give: trimmed, bounded and plain.

use crate::{FieldError, Refusal};

/// Longest address of a system, in bytes.
const URL_LEN: usize = 2_048;

/// A text in one line, trimmed: 1 to `longest` bytes.
///
/// # Errors
/// The place and the rule, never the text.
pub(crate) fn line(path: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.len() > longest || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            path,
            format!("must have 1 to {longest} bytes, not only spaces, and no control characters"),
        ));
    }
    Ok(text.to_owned())
}

/// A text that may have several lines; an empty one is none.
///
/// # Errors
/// As [`line`].
pub(crate) fn prose(path: &str, text: Option<&str>, longest: usize) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.len() > longest || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let rule = format!("must have at most {longest} bytes and no control characters but line breaks");
        return Err(Refusal::invalid(path, rule));
    }
    Ok(Some(text.to_owned()))
}

/// An absolute address without a user's name or password in it.
///
/// # Errors
/// The place and the rule, never the address.
pub(crate) fn address(path: &str, url: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(url) = url else { return Ok(None) };
    let url = line(path, url, URL_LEN)?;
    let wrong = |rule: &str| Err(Refusal::Invalid(vec![FieldError::new(path, rule)]));
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("must be an absolute address such as `https://grafana.example`");
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(plain) || authority.is_empty() || url.contains(' ') {
        return wrong("must be an absolute address such as `https://grafana.example`");
    }
    if authority.contains('@') {
        return wrong("must have no user or password in it: those belong into a credential");
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_absolute_and_has_no_password() {
        let given = |url: &str| address("url", Some(url));
        assert_eq!(
            given(" https://a.example:3000/x?y ").unwrap().as_deref(),
            Some("https://a.example:3000/x?y")
        );
        assert!(given("postgres://db.example/app").is_ok());
        for wrong in
            ["a.example", "//a.example", "https://", "https:///x", "https://u:p@a.example", "h t://a", ""]
        {
            assert!(given(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", given("https://bot:hunter2@a.example")).contains("hunter2"));
        assert_eq!(address("url", None), Ok(None));
    }

    #[test]
    fn prose_may_have_lines_and_nothing_is_none() {
        assert_eq!(prose("description", Some(" a\nb "), 10), Ok(Some("a\nb".into())));
        assert_eq!(prose("description", Some("  "), 10), Ok(None));
        assert!(prose("description", Some("a\u{7}"), 10).is_err());
        assert!(prose("description", Some("abc"), 2).is_err());
    }
}
