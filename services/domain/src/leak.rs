//! Finding a secret in a text that came from outside, however it was written there.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use crate::SecretPayload;

/// Shorter pieces of base64 stand in any text by chance.
const SHORTEST_BASE64: usize = 4;

impl SecretPayload {
    /// True when the text contains a value of this payload: as it is, in other case, in base64
    /// (also inside a longer encoded text), in hex, or escaped for a URL or for JSON.
    ///
    /// It errs towards true: a payload with a very short value is found in most texts.
    pub fn appears_in(&self, text: &str) -> bool {
        let readings = readings(text);
        self.iter().filter(|(_, value)| !value.expose().is_empty()).any(|(_, value)| {
            forms(value.expose()).iter().any(|form| readings.iter().any(|text| text.contains(form.as_str())))
        })
    }
}

/// The text as it is and with its escapes taken away, each also in lower case.
fn readings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned(), percent_decoded(text), percent_decoded(&text.replace('+', " "))];
    all.extend(all.clone().iter().filter_map(|text| json_unescaped(text)));
    all.extend(all.clone().iter().map(|text| text.to_lowercase()));
    all
}

fn json_unescaped(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.get(..2).and_then(hex_byte)).flatten();
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What the value looks like when somebody writes it down. Wiped after use.
fn forms(value: &str) -> Vec<Zeroizing<String>> {
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![value.to_owned(), value.to_lowercase(), hex];
    for shift in 0..3 {
        all.extend(base64_core(value, shift, &STANDARD_NO_PAD));
        all.extend(base64_core(value, shift, &URL_SAFE_NO_PAD));
    }
    all.into_iter().map(Zeroizing::new).collect()
}

/// The characters of base64 that depend on the value alone when `shift` bytes (modulo three)
/// stand before it and anything behind it.
fn base64_core(value: &str, shift: usize, alphabet: &impl Engine) -> Option<String> {
    let bytes = Zeroizing::new([&[0; 3][..shift], value.as_bytes()].concat());
    let text = Zeroizing::new(alphabet.encode(bytes.as_slice()));
    let start = [0, 2, 3][shift];
    let end = text.len() - usize::from(!bytes.len().is_multiple_of(3));
    (end >= start + SHORTEST_BASE64).then(|| text[start..end].to_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::SecretValue;

    const VALUE: &str = "pa+ss/w\"rd é9";

    fn found(text: &str) -> bool {
        let field = |value: &str| SecretValue::new(value.to_owned());
        SecretPayload::new([("a".to_owned(), field("")), ("b".to_owned(), field(VALUE))]).appears_in(text)
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let hex: String = VALUE.bytes().map(|byte| format!("{byte:02X}")).collect();
        let json = serde_json::to_string(VALUE).unwrap();
        for text in [
            VALUE,
            "PA+SS/W\"RD É9",
            "pa%2Bss%2Fw%22rd%20%C3%A9%39",
            "pa%2Bss%2Fw%22rd+%c3%a99",
            "pa+ss/w\\u0022rd \\u00e99",
            json.trim_matches('"'),
            &hex,
            &hex.to_lowercase(),
        ] {
            assert!(found(text) && found(&format!("id: {text}, x")), "{text}");
        }
    }

    #[test]
    fn a_value_is_found_inside_a_longer_encoded_text() {
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = format!("{before}{VALUE}{after}");
                assert!(found(&STANDARD.encode(&text)), "{text}");
                assert!(found(&URL_SAFE_NO_PAD.encode(&text)), "{text}");
            }
        }
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in ["", "octocat", "repo, user:email", "%", "%zz%2", "cGFzc3dvcmQ=", "pa+ss/w"] {
            assert!(!found(text), "{text}");
        }
        assert!(!SecretPayload::default().appears_in("anything"));
    }
}
