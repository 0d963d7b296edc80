//! The types of event as receivers see them: `keytrail.credential.secret_rotated`. *Format*.

/// What every type begins with.
const ROOT: &str = "keytrail";
/// The nouns whose events are delivered.
const NOUNS: [(&str, &str); 2] = [("Credential", "credential"), ("Alert", "alert")];
/// The type of a test.
pub const TEST_KIND: &str = "keytrail.webhook.test";
/// Longest pattern, in bytes.
const LONGEST: usize = 100;

/// The type of a stored event's name; none for an event that is delivered to nobody.
pub fn kind_of(event_type: &str) -> Option<String> {
    let (verb, noun) = NOUNS.iter().find_map(|(name, noun)| Some((event_type.strip_prefix(name)?, noun)))?;
    let mut kind = format!("{ROOT}.{noun}.");
    for (place, letter) in verb.chars().enumerate() {
        if place > 0 && letter.is_ascii_uppercase() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    (!verb.is_empty()).then_some(kind)
}

/// One type, or (with `*` as its last part) all below a noun or the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPattern<'a>(&'a str);

impl<'a> EventPattern<'a> {
    /// Reads a pattern; none for a text that could never fit.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let (root, noun, verb, end) = (parts.next()?, parts.next()?, parts.next(), parts.next());
        let known = NOUNS.iter().any(|(_, known)| *known == noun);
        let verb_fits = |verb: &str| {
            verb == "*" || (!verb.is_empty() && verb.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        };
        let fits = match verb {
            None => noun == "*",
            Some(verb) => known && verb_fits(verb),
        };
        (text.len() <= LONGEST && root == ROOT && fits && end.is_none()).then_some(Self(text))
    }

    /// True for a type that it means.
    pub fn fits(self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(begin) => kind.starts_with(begin),
            None => kind == self.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_made_from_the_stored_name() {
        assert_eq!(kind_of("CredentialInvalidated").as_deref(), Some("keytrail.credential.invalidated"));
        assert_eq!(kind_of("CredentialSecretRotated").as_deref(), Some("keytrail.credential.secret_rotated"));
        assert_eq!(kind_of("AlertOpened").as_deref(), Some("keytrail.alert.opened"));
        for other in ["TeamCreated", "MemberAdded", "TokenMinted", "WebhookEndpointCreated", "Credential"] {
            assert_eq!(kind_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_pattern_means_one_type_or_all_below() {
        let fits = |pattern: &str, kind: &str| EventPattern::parse(pattern).expect("a pattern").fits(kind);
        assert!(fits("keytrail.credential.invalidated", "keytrail.credential.invalidated"));
        assert!(!fits("keytrail.credential.invalidated", "keytrail.credential.verified"));
        assert!(fits("keytrail.credential.*", "keytrail.credential.verified"));
        assert!(!fits("keytrail.credential.*", "keytrail.alert.opened"));
        assert!(fits("keytrail.*", "keytrail.alert.opened"));
        for bad in [
            "*",
            "",
            "keytrail",
            "keytrail.",
            "keytrail.team.created",
            "keytrail.credential.in*",
            "a.b.c",
            "keytrail.credential.*.x",
            "keytrail.credential.",
            "Keytrail.credential.created",
        ] {
            assert_eq!(EventPattern::parse(bad), None, "{bad}");
        }
    }
}
