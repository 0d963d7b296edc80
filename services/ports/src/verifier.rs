//! Asking the real system whether a credential works.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use keytrail_domain::{SecretPayload, component::Component, verification::Report};
use serde_json::Value;

/// Everything that a check needs. The secret fields leave it only towards `allowed_hosts`.
#[derive(Debug)]
pub struct CheckRequest<'a> {
    /// How to check.
    pub component: &'a Component,
    /// The fields that are no secret.
    pub fields: &'a BTreeMap<String, Value>,
    /// The fields that are.
    pub secrets: &'a SecretPayload,
    /// Hosts (`name` or `name:port`) that may get the secret; no other is ever contacted.
    pub allowed_hosts: &'a [String],
}

/// Makes the harmless request and judges the answer.
///
/// Promises: it never fails: what goes wrong is an inconclusive [`Report`]; it answers within
/// `LONGEST`; no text in the report contains a secret value in any usual encoding; it
/// follows no redirect; it connects only to addresses that the operator allows.
#[async_trait]
pub trait Verifier: Send + Sync + 'static {
    /// One check, now.
    async fn check(&self, request: CheckRequest<'_>) -> Report;

    /// The hosts that a credential with these fields may be sent to when nobody says otherwise.
    fn default_hosts(&self, component: &Component, fields: &BTreeMap<String, Value>) -> Vec<String>;
}

impl dyn Verifier {
    /// No check takes longer than this.
    pub const LONGEST: Duration = Duration::from_secs(10);
}
