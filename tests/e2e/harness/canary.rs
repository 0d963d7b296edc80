//! A secret that must not be found anywhere, in whatever form.

use std::{collections::BTreeMap, fmt::Write};

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use keytrail_ports::{Clock, Ids, SystemClock, SystemIds};

/// A planted text and the forms in which it could come out.
pub(crate) struct Canary {
    pub(crate) what: &'static str,
    pub(crate) text: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// A secret with everything that some format must escape, around a part that none does.
    pub(crate) fn fresh(what: &'static str) -> Self {
        let part = part();
        Self::of(what, format!("a b\"c\\d<e>&'/+=?%#{part}üß€\u{1F511}\n\tz"), &part)
    }

    /// One that may stand where only visible ASCII characters may.
    pub(crate) fn ascii(what: &'static str) -> Self {
        let part = part();
        Self::of(what, format!("a\"b\\c<d>&'/+=?%#{part}"), &part)
    }

    /// A text that is as it is.
    pub(crate) fn given(what: &'static str, text: &str) -> Self {
        Self::of(what, text.to_owned(), text)
    }

    fn of(what: &'static str, text: String, part: &str) -> Self {
        let both = forms(&text).into_iter().chain(forms(part));
        let distinct: BTreeMap<_, _> = both.map(|(name, form)| (form, name)).collect();
        Self { what, text, forms: distinct.into_iter().map(|(form, name)| (name, form)).collect() }
    }

    /// Each form, for the test of the search itself.
    pub(crate) fn forms(&self) -> &[(&'static str, Vec<u8>)] {
        &self.forms
    }
}

/// Letters and digits that stand nowhere else.
fn part() -> String {
    SystemIds.fresh(SystemClock.now()).simple().to_string()
}

/// Looks for all forms of some canaries at once.
pub(crate) struct Search {
    automaton: AhoCorasick,
    /// What each of its patterns is.
    names: Vec<String>,
}

impl Search {
    pub(crate) fn of<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Self {
        let (mut patterns, mut names) = (Vec::new(), Vec::new());
        for canary in canaries {
            for (form, bytes) in &canary.forms {
                patterns.push(bytes);
                names.push(format!("{} as {form}", canary.what));
            }
        }
        Self { automaton: AhoCorasick::new(patterns).expect("patterns"), names }
    }

    /// The first that stands in these bytes: which, and in what form.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.automaton.find(bytes).map(|found| self.names[found.pattern().as_usize()].as_str())
    }
}

fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let json = escaped(text);
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex(bytes)),
        ("upper hex", hex(bytes).to_ascii_uppercase()),
        ("JSON", json.clone().into()),
        ("JSON in JSON", escaped(&json).into()),
        ("JSON in ASCII", ascii_json(text).into()),
        ("Debug", unquoted(&format!("{text:?}")).into()),
        ("Debug of Debug", unquoted(&format!("{:?}", unquoted(&format!("{text:?}")))).into()),
        ("Debug of bytes", format!("{bytes:?}").trim_matches(['[', ']']).into()),
        ("URL", url(text, |_| false, "%20").into()),
        ("form", url(text, |_| false, "+").into()),
        ("URL path", url(text, |c| b"!$&'()*+,;=:@/?".contains(&c), "%20").into()),
        ("URL in lower case", url(text, |_| false, "%20").to_ascii_lowercase().into()),
    ];
    all.extend((0..3).map(|before| ("base64", inner(&BASE64_STANDARD_NO_PAD, before, bytes))));
    all.extend((0..3).map(|before| ("URL-safe base64", inner(&BASE64_URL_SAFE_NO_PAD, before, bytes))));
    all
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .fold(String::new(), |mut out, byte| {
            write!(out, "{byte:02x}").expect("a string takes it");
            out
        })
        .into()
}

fn escaped(text: &str) -> String {
    unquoted(&serde_json::Value::from(text).to_string()).to_owned()
}

fn unquoted(text: &str) -> &str {
    &text[1..text.len() - 1]
}

fn ascii_json(text: &str) -> String {
    escaped(text).encode_utf16().fold(String::new(), |mut out, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => out.push(char::from(byte)),
            _ => write!(out, "\\u{unit:04x}").expect("a string takes it"),
        }
        out
    })
}

fn url(text: &str, stays: impl Fn(u8) -> bool, space: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push_str(space),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || stays(byte) => {
                out.push(char::from(byte))
            }
            _ => write!(out, "%{byte:02X}").expect("a string takes it"),
        }
        out
    })
}

/// The characters of base64 that depend on these bytes alone, when so many others (modulo 3) come
/// before them and any come after.
fn inner(engine: &impl Engine, before: usize, bytes: &[u8]) -> Vec<u8> {
    let all = engine.encode([&vec![0; before][..], bytes].concat());
    let first = (8 * before).div_ceil(6);
    let end = 8 * (before + bytes.len()) / 6;
    all.as_bytes()[first..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_secret_is_found_inside_other_bytes() {
        let canary = Canary::fresh("scratch");
        let search = Search::of([&canary]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scratch");
        for (name, form) in canary.forms() {
            std::fs::write(&file, [b"\x00before\xff", form.as_slice(), b"\xfeafter"].concat()).unwrap();
            assert!(search.find(&std::fs::read(&file).unwrap()).is_some(), "{name}");
        }
        assert_eq!(search.find(b"a b\"c\\d<e>&'/+=?%#"), None);
    }

    #[test]
    fn a_secret_in_base64_is_found_wherever_it_begins_and_ends() {
        let canary = Canary::fresh("scratch");
        let search = Search::of([&canary]);
        for before in 0..7 {
            for after in 0..7 {
                let whole = [&vec![b'x'; before], canary.text.as_bytes(), &vec![b'y'; after]].concat();
                for encoded in [BASE64_STANDARD_NO_PAD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole)]
                {
                    assert!(search.find(encoded.as_bytes()).is_some(), "{before} before, {after} after");
                }
            }
        }
    }

    #[test]
    fn what_others_make_of_a_secret_is_found() {
        let canary = Canary::fresh("scratch");
        let search = Search::of([&canary]);
        let form: String = url::form_urlencoded::byte_serialize(canary.text.as_bytes()).collect();
        let mut address = url::Url::parse("http://h/").unwrap();
        address.set_path(&canary.text);
        let nested =
            serde_json::json!({ "a": serde_json::json!({ "b": canary.text }).to_string() }).to_string();
        let debugged = format!("{:?}", Some(vec![&canary.text]));
        for made in [form, address.to_string(), nested, debugged] {
            assert!(search.find(made.as_bytes()).is_some(), "{made}");
        }
    }

    #[test]
    fn half_a_secret_is_found_too() {
        let canary = Canary::fresh("scratch");
        let search = Search::of([&canary]);
        let end = canary.text.find('ü').unwrap();
        assert!(search.find(&canary.text.as_bytes()[10..end]).is_some());
    }
}
