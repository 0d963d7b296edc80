//! A look at the characters of a query before the parser sees it.
//!
//! The parser recurses on brackets and builds a tree many times the size of the text, so both are
//! limited first. The scan knows strings and comments, and nothing else of the grammar.

use super::{QueryLimits, Rejection};

/// Counts the tokens of a text.
///
/// # Errors
/// [`Rejection::TooComplex`]: too long, too many tokens, or brackets too deep inside each other.
pub fn scan(text: &str, limits: &QueryLimits) -> Result<usize, Rejection> {
    if text.len() > limits.bytes {
        return Err(too_many("bytes", limits.bytes));
    }
    let (mut rest, mut tokens, mut nesting) = (text.as_bytes(), 0usize, 0usize);
    while let Some((&first, _)) = rest.split_first() {
        let (length, kind) = token(rest, first);
        rest = rest.get(length..).unwrap_or_default();
        tokens += usize::from(kind != Kind::Blank);
        match kind {
            Kind::Open => nesting += 1,
            Kind::Close => nesting = nesting.saturating_sub(1),
            Kind::Blank | Kind::Other => {}
        }
        if tokens > limits.tokens {
            return Err(too_many("tokens", limits.tokens));
        }
        if nesting > limits.nesting {
            return Err(too_many("nested brackets", limits.nesting));
        }
    }
    Ok(tokens)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Open,
    Close,
    Other,
}

fn too_many(limit: &'static str, most: usize) -> Rejection {
    Rejection::TooComplex { limit, most: most as u64 }
}

fn token(rest: &[u8], first: u8) -> (usize, Kind) {
    match first {
        b' ' | b',' | b'\t' | b'\r' | b'\n' => (1, Kind::Blank),
        b'#' => (run(rest, |byte| byte != b'\n' && byte != b'\r'), Kind::Blank),
        b'{' | b'[' | b'(' => (1, Kind::Open),
        b'}' | b']' | b')' => (1, Kind::Close),
        b'"' => (string(rest), Kind::Other),
        b'.' => (run(rest, |byte| byte == b'.'), Kind::Other),
        _ if is_word(first) => (run(rest, is_word), Kind::Other),
        _ => (1, Kind::Other),
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn run(rest: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len())
}

/// The length of a string with its quotes; one without an end takes the rest of its line (or, in
/// block form, of the text).
fn string(rest: &[u8]) -> usize {
    if rest.starts_with(b"\"\"\"") { block_string(rest) } else { line_string(rest) }
}

fn line_string(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' | b'\r' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

fn block_string(rest: &[u8]) -> usize {
    let mut at = 3;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if here.starts_with(b"\"\"\"") {
            return at + 3;
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> usize {
        scan(text, &QueryLimits::default()).unwrap()
    }

    fn limit_of(text: &str) -> &'static str {
        match scan(text, &QueryLimits::default()) {
            Err(Rejection::TooComplex { limit, .. }) => limit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_numbers_strings_and_signs_are_one_token_each() {
        assert_eq!(tokens("{ a(b: \"c d\", e: 12) ...f } # g h"), 13);
        assert_eq!(tokens("\"\"\" a { \\\"\"\" [[[ \"\"\" b"), 2);
    }

    #[test]
    fn brackets_inside_strings_and_comments_do_not_count() {
        let many = "[".repeat(500);
        tokens(&format!("{{ a(b: \"{many}\") }} # {many}\n"));
    }

    #[test]
    fn brackets_after_a_string_without_an_end_count_on_the_next_line() {
        assert_eq!(limit_of(&format!("{{ a(b: \"\n{}", "[".repeat(500))), "nested brackets");
    }

    #[test]
    fn long_texts_many_tokens_and_deep_brackets_are_refused() {
        assert_eq!(limit_of(&",".repeat(70_000)), "bytes");
        assert_eq!(limit_of(&"a ".repeat(9_000)), "tokens");
        assert_eq!(limit_of(&format!("{{a(b:{}", "[".repeat(30_000))), "nested brackets");
    }
}
