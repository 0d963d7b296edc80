//! The text filter: what it looks into, and how candidates are found.
//!
//! The truth is `instr(search, wanted)`; the trigram index only narrows what is looked at. Each
//! indexed text begins with a token for its tenant, so that a search never goes through others'.

use keytrail_domain::Labels;
use keytrail_ports::views::CredentialRow;

use super::thing::Tenant;

/// Between the parts of a text; in no part of it, so that nothing is found across two parts.
const BETWEEN: char = '\u{1f}';
/// First of the private characters that tenants' tokens are made of: 4,096 of them.
const TOKEN_BASE: u32 = 0xE000;
/// Most trigrams that are looked up: the rest would narrow little.
const MOST_TRIGRAMS: usize = 12;

/// A text without regard to case: letter by letter, so that a part of a text stays a part of it.
pub(super) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// What the text filter looks into: name, external id, component slug and label values.
pub(super) fn searchable(row: &CredentialRow) -> String {
    let parts = [row.name.as_str(), row.external_id.as_deref().unwrap_or_default(), &row.component.slug];
    joined(parts, &row.labels)
}

/// What the text filter looks into: these parts and the labels' values.
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a str>, labels: &Labels) -> String {
    let mut text = String::new();
    let values = labels.iter().map(|(_, value)| value);
    for part in parts.into_iter().map(str::to_owned).chain(values.map(str::to_owned)) {
        text.extend(folded(&part).chars().filter(|c| *c != BETWEEN));
        text.push(BETWEEN);
    }
    text
}

/// What is looked for; none for a text that nothing can hold.
pub(super) fn wanted(text: &str) -> Option<String> {
    (!text.contains(BETWEEN)).then(|| folded(text))
}

/// What the trigram index is given.
pub(super) fn indexed(tenant: Tenant, searchable: &str) -> String {
    format!("{}{BETWEEN}{searchable}", token(tenant))
}

/// The question to the trigram index; none for a text that is too short for it.
pub(super) fn question(tenant: Tenant, wanted: &str) -> Option<String> {
    let letters: Vec<char> = wanted.chars().collect();
    let mut trigrams: Vec<String> = letters.windows(3).map(|three| three.iter().collect()).collect();
    trigrams.sort_unstable();
    trigrams.dedup();
    // SQLite reads its questions up to the first zero.
    trigrams.retain(|three| !three.contains('\0'));
    trigrams.truncate(MOST_TRIGRAMS);
    if trigrams.is_empty() {
        return None;
    }
    trigrams.push(token(tenant));
    let quoted = trigrams.iter().map(|three| format!("\"{}\"", three.replace('"', "\"\"")));
    Some(quoted.collect::<Vec<_>>().join(" AND "))
}

/// Three private characters: one trigram.
fn token(Tenant(number): Tenant) -> String {
    let letter = |shift: u32| {
        let digit = u32::try_from((number >> shift) & 0xfff).unwrap_or_default();
        char::from_u32(TOKEN_BASE + digit).unwrap_or(BETWEEN)
    };
    [letter(24), letter(12), letter(0)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_a_part_whatever_the_letters() {
        assert!(folded("ΟΔΟΣΑ").contains(&folded("ΔΟΣ")));
        assert!(folded("STRASSE É").contains(&folded("e é")));
    }

    #[test]
    fn each_tenant_has_a_token_of_one_trigram() {
        let tokens = [0, 1, 4_095, 4_096, 16_777_216, 68_719_476_735].map(|number| token(Tenant(number)));
        assert!(tokens.iter().all(|token| token.chars().count() == 3));
        assert_eq!(tokens.iter().collect::<std::collections::BTreeSet<_>>().len(), tokens.len());
    }

    #[test]
    fn quotes_and_zeros_do_not_end_the_question() {
        assert_eq!(question(Tenant(1), "ab"), None);
        assert_eq!(question(Tenant(1), "a\0b"), None);
        assert!(question(Tenant(1), "a\"b").unwrap().starts_with("\"a\"\"b\" AND "));
    }
}
