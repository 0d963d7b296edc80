//! What is kept of a receiver's answer: its beginning, unless it tells where it was asked. A webhook's URL
//! is often all that is needed to write to it, and many servers name the path in their error pages.

use html_escape::decode_html_entities;
use keytrail_domain::{SecretPayload, SecretValue};
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use crate::guard::Answer;

/// What is kept, in bytes.
const LONGEST: usize = 1_024;
/// What is read and looked through. More than is kept: a path that is cut off by the end of the excerpt must
/// be known whole.
pub(super) const READ: usize = LONGEST + 3 * 2_048;
/// Shorter parts of a path are no secrets, and stand in many texts by chance.
const SHORTEST_PART: usize = 8;
/// The same for a path as a whole.
const SHORTEST_PATH: usize = 4;
/// Most parts that are looked for, so that a strange URL makes no work.
const MOST_PARTS: usize = 64;

/// The beginning of a public receiver's answer. Nothing when it says something of one of the URLs that were
/// asked, however that is written.
pub(super) fn excerpt(answer: &Answer, asked: &[Url]) -> Option<String> {
    if !answer.public || answer.body.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let parts = parts(asked)?;
    let readings = [text.as_ref(), &decode_html_entities(&text), &json_unescaped(&text)];
    if readings.iter().any(|text| parts.appears_in(text)) {
        return None;
    }
    Some(text[..text.floor_char_boundary(LONGEST)].to_owned())
}

/// What must not come back; none when it is too much to look for.
fn parts(urls: &[Url]) -> Option<SecretPayload> {
    let mut parts: Vec<String> = urls.iter().flat_map(parts_of).collect();
    parts.sort_unstable();
    parts.dedup();
    let named = |(n, part): (usize, String)| (n.to_string(), SecretValue::new(part));
    (parts.len() <= MOST_PARTS).then(|| SecretPayload::new(parts.into_iter().enumerate().map(named)))
}

/// Path and query, what stands between the separators of both, and of that whatever no escaping changes; each
/// as it is sent and as it may be meant.
fn parts_of(url: &Url) -> Vec<String> {
    let sent = &url[Position::BeforePath..Position::AfterQuery];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let mut parts: Vec<_> = sent.split(['/', '?', '&', '=']).flat_map(meanings).collect();
    parts.extend(decoded(sent).split(|c| !plain(c)).map(str::to_owned));
    parts.retain(|part| part.len() >= SHORTEST_PART);
    parts.extend(meanings(sent).into_iter().filter(|path| path.len() >= SHORTEST_PATH));
    parts
}

fn meanings(text: &str) -> [String; 3] {
    [text.to_owned(), decoded(text), decoded(&text.replace('+', " "))]
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Without the escapes of JSON, in whatever document they stand.
fn json_unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let by_number = after
            .strip_prefix('u')
            .and_then(|digits| digits.get(..4))
            .and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
        plain.extend(by_number);
        rest = if by_number.is_some() { &after[5..] } else { after };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests;
