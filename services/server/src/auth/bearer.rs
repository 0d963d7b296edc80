//! The `Authorization` header.

use super::InvalidToken;

/// Longer tokens are not looked at.
const LONGEST: usize = 8 * 1024;

/// The token in an `Authorization: Bearer …` value (RFC 6750).
///
/// # Errors
/// Another scheme, an empty token, or one longer than 8 KiB.
pub fn bearer_token(header: &str) -> Result<&str, InvalidToken> {
    let (scheme, token) = header.trim().split_once(' ').ok_or(InvalidToken::Malformed)?;
    let token = token.trim();
    let is_sound = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= LONGEST;
    if is_sound { Ok(token) } else { Err(InvalidToken::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer_token("Bearer abc"), Ok("abc"));
        assert_eq!(bearer_token("bEARER  abc "), Ok("abc"));
        for bad in ["abc", "Basic abc", "Bearer ", "Bearer", "", &format!("Bearer {}", "a".repeat(9_000))] {
            assert_eq!(bearer_token(bad), Err(InvalidToken::Malformed));
        }
    }
}
