//! Identifiers: a UUID inside, a readable prefix and Crockford base32 outside.
//!
//! `cred_01JD3M…` is at once the id in an answer, the Relay global id and part of a stream's name.
//! *Format*: the prefixes and the encoding never change.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The alphabet of Crockford's base32, as in ULID: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 128 bits in base32; the first character holds only three bits.
const TEXT_LEN: usize = 26;
/// Name space of tenants' ids (UUIDv5 of the slug). *Format*.
const TENANT_NAMESPACE: Uuid = Uuid::from_u128(0x7d0f_5b1c_9a3e_4c62_8f14_6b65_7974_7261);

/// Why a text is not an id of the wanted kind. Never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected `{prefix}_` and 26 characters of Crockford base32")]
pub struct ParseIdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

fn encode(id: Uuid) -> [u8; TEXT_LEN] {
    let mut rest = id.as_u128();
    let mut text = [b'0'; TEXT_LEN];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    if bytes.len() != TEXT_LEN || bytes[0] > b'7' {
        return None;
    }
    bytes
        .iter()
        .try_fold(0u128, |sum, byte| {
            let digit = ALPHABET.iter().position(|known| known == byte)?;
            Some((sum << 5) | digit as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id around a UUID.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID inside.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Reads the text form, and only its one canonical spelling.
            ///
            /// # Errors
            /// [`ParseIdError`] for another prefix, length or alphabet.
            pub fn parse(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = encode(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A customer organisation: UUIDv5 of its slug, so that two nodes cannot make it twice.
    TenantId = "ten";
    /// A team of one tenant.
    TeamId = "team";
    /// One membership of a person in one tenant; adding the person again makes a new one.
    MemberId = "mem";
    /// A credential.
    CredentialId = "cred";
    /// A link to an external system.
    ConnectionId = "conn";
    /// An integration flow.
    FlowId = "flow";
    /// A set of credentials and connections that is granted as one.
    EnvironmentId = "env";
    /// An open problem: UUIDv5 of what it is about and cause.
    AlertId = "alrt";
    /// A receiver of webhooks.
    WebhookEndpointId = "whe";
    /// A non-human member.
    ServiceAccountId = "svc";
    /// An app of the tenant at an OAuth2 provider.
    OAuthClientId = "oac";
    /// One event, everywhere and for ever.
    EventId = "evt";
    /// One secret payload: the last part of its path in the vault.
    SecretId = "sec";
    /// One lease of a credential's secret.
    LeaseId = "lea";
    /// One minted token of the built-in issuer (its `jti`).
    TokenId = "tok";
}

impl TenantId {
    /// The id of the tenant with this slug.
    pub fn of_slug(slug: &str) -> Self {
        Self(Uuid::new_v5(&TENANT_NAMESPACE, slug.as_bytes()))
    }
}

impl EventId {
    /// The id of an event that follows from another one: the same each time it is derived, so
    /// that a reactor that runs twice appends once.
    pub fn derived(from: EventId, what: &str) -> Self {
        Self(Uuid::new_v5(&from.0, what.as_bytes()))
    }
}

impl AlertId {
    /// The id of the alert for one thing and cause.
    pub fn of(about: impl Into<crate::alert::Subject>, cause: &str) -> Self {
        Self(Uuid::new_v5(&about.into().as_uuid(), cause.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_reads_back_from_its_text(bits: u128) {
            let id = CredentialId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(CredentialId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128) {
            let (a, b) = (TeamId::from_uuid(Uuid::from_u128(a)), TeamId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }

    #[test]
    fn another_prefix_length_or_alphabet_is_no_id() {
        let good = TeamId::from_uuid(Uuid::from_u128(31)).to_string();
        assert!(TeamId::parse(&good).is_ok());
        for bad in [
            good.replace("team", "cred"),
            good.to_lowercase(),
            format!("{good}0"),
            "team_8ZZZZZZZZZZZZZZZZZZZZZZZZZ".into(),
            "team_0000000000000000000000000U".into(),
            "team_".into(),
            String::new(),
        ] {
            assert!(TeamId::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tenants_id_is_fixed_by_its_slug() {
        assert_eq!(TenantId::of_slug("acme").to_string(), "ten_5ZBEAHRPBPATNT7H2PNRVQKJNX");
    }
}
