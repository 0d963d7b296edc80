//! Secret versions that are not the current one any more: until when they can be leased, and what a credential
//! becomes that goes back to one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Health, State};
use crate::{Refusal, SecretRef, Timestamp, component::ComponentRef};

/// Longest overlap of two versions, in seconds: thirty days.
pub const MOST_OVERLAP_SECONDS: u32 = 30 * 24 * 3_600;
/// Earlier versions that a credential can go back to: the newest ones.
pub const MOST_EARLIER: usize = 100;

/// Everything that came and goes with one secret version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Where the secret lies.
    pub secret: SecretRef,
    /// The fields that are no secret.
    pub fields: BTreeMap<String, Value>,
    /// Names of the secret fields that are set.
    pub secret_fields: BTreeSet<String>,
    /// Where its secret may be sent.
    pub allowed_hosts: Vec<String>,
    /// The definition that it follows.
    pub component: ComponentRef,
    /// When it ends, by the user's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A version that another one took the place of, and that is not retired.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// What it was.
    pub version: Version,
    /// Until when it can still be leased.
    pub leasable_until: Option<Timestamp>,
    /// What verification had proved of it when another one took its place.
    pub health: Health,
}

impl Earlier {
    /// True while it can still be leased.
    pub fn is_leasable(&self, now: Timestamp) -> bool {
        self.leasable_until.is_some_and(|until| now < until)
    }

    /// True while it can be leased, and nothing says that it does not work.
    fn is_of_use(&self, now: Timestamp) -> bool {
        let is_rejected = matches!(self.health, Health::Invalid | Health::Expired);
        self.is_leasable(now) && !is_rejected && self.version.expires_at.is_none_or(|end| now < end)
    }
}

/// Why a credential went back to an earlier version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RollbackReason {
    /// Somebody wanted it.
    Asked,
    /// The newer version was rejected while the earlier one could still be leased.
    Rejected,
}

/// Why a version is not leased any more, and cannot be gone back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetirementReason {
    /// Somebody wanted it.
    Asked,
    /// Everybody who had leased it has leased the newer one.
    AllMoved,
    /// The overlap is over.
    OverlapOver,
    /// There are too many: the oldest went.
    TooMany,
    /// It was marked as compromised.
    Compromised,
}

impl State {
    /// The current version, with everything that goes with it.
    pub fn current(&self) -> Version {
        Version {
            secret: self.secret,
            fields: self.fields.clone(),
            secret_fields: self.secret_fields.clone(),
            allowed_hosts: self.allowed_hosts.clone(),
            component: self.component.clone(),
            expires_at: self.stated_end,
        }
    }

    /// A version that can be leased, with where its secret may be sent: the current one when none is named, or one
    /// whose overlap is not over.
    ///
    /// # Errors
    /// `VERSION_NOT_LEASABLE`.
    pub fn leasable(&self, version: Option<u32>, now: Timestamp) -> Result<(u32, Version), Refusal> {
        let number = version.unwrap_or(self.version);
        if number == self.version {
            return Ok((number, self.current()));
        }
        let earlier = self.earlier.get(&number).filter(|earlier| earlier.is_leasable(now));
        earlier.map(|earlier| (number, earlier.version.clone())).ok_or_else(|| {
            Refusal::rule(
                "VERSION_NOT_LEASABLE",
                format!(
                    "version {number} is not leased, or not any more: leave `version` out for version {}, which counts now",
                    self.version
                ),
            )
        })
    }

    /// A token's life: not longer than its version can be leased, and a second at least.
    pub fn lease_seconds(&self, version: u32, wanted: u32, now: Timestamp) -> u32 {
        let until = self.earlier.get(&version).and_then(|earlier| earlier.leasable_until);
        let left = until.map_or(i64::MAX, |until| until.as_seconds() - now.as_seconds());
        wanted.min(u32::try_from(left.max(1)).unwrap_or(u32::MAX))
    }

    /// True while the secret that lies there can be leased.
    pub fn is_leasable(&self, secret: SecretRef, now: Timestamp) -> bool {
        self.secret == secret
            || self
                .earlier
                .values()
                .any(|earlier| earlier.version.secret == secret && earlier.is_leasable(now))
    }

    /// The newest version before the current one that can still be leased and may work.
    pub fn overlapping(&self, now: Timestamp) -> Option<u32> {
        let before = self.earlier.range(..self.version).rev();
        before.into_iter().find(|(_, earlier)| earlier.is_of_use(now)).map(|(number, _)| *number)
    }

    /// When the next overlap ends that has not been noted.
    pub fn next_overlap_end(&self) -> Option<Timestamp> {
        self.earlier.values().filter_map(|earlier| earlier.leasable_until).min()
    }
}
