//! Clients and verifiers that may reach loopback.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::IpAddr,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use keytrail_domain::{Timestamp, component::Component, verification::Report};
use keytrail_ports::{CheckRequest, CheckedFields, Clock, Completeness, ComponentCatalog, Verifier};
use keytrail_verify::{
    Catalog, ComponentVerifier,
    guard::{GuardedHttp, HttpConfig, Lookup, SystemLookup},
};
use serde_json::Value;

/// Long enough for an answer from loopback on a busy machine.
pub(crate) const PATIENT: Duration = Duration::from_secs(9);
/// For tests that wait for the limit.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn config(allowed: &[&str], time_limit: Duration) -> HttpConfig {
    let allowed_networks = allowed.iter().map(|network| network.parse().unwrap()).collect();
    HttpConfig { allowed_networks, time_limit, ..HttpConfig::default() }
}

pub(crate) fn client(config: HttpConfig, lookup: &Arc<dyn Lookup>) -> GuardedHttp {
    // Another test of this process may have been first.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    GuardedHttp::new(config, lookup).unwrap()
}

/// A name service with prepared answers; the last one is given again.
#[derive(Default)]
pub(crate) struct Names(Mutex<(VecDeque<Vec<IpAddr>>, usize)>);

impl Names {
    pub(crate) fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new((answers.iter().map(addresses).collect(), 0))))
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        let (answers, asked) = &mut *self.0.lock().unwrap();
        *asked += 1;
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(|| io::Error::other("no such name"))
    }
}

pub(crate) struct FixedClock;

/// The moment that tests have.
pub(crate) const NOW: &str = "2026-01-01T00:00:00.000000Z";

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse(NOW).unwrap()
    }
}

/// A verifier with one of the two limits; each is made once, since reading authorities takes time.
pub(crate) fn verifier(time_limit: Duration) -> Arc<ComponentVerifier> {
    static PATIENT_ONE: LazyLock<Arc<ComponentVerifier>> = LazyLock::new(|| new_verifier(PATIENT));
    static SHORT_ONE: LazyLock<Arc<ComponentVerifier>> = LazyLock::new(|| new_verifier(SHORT));
    if time_limit == PATIENT { PATIENT_ONE.clone() } else { SHORT_ONE.clone() }
}

fn new_verifier(time_limit: Duration) -> Arc<ComponentVerifier> {
    let http = client(config(&["127.0.0.0/8"], time_limit), &SystemLookup::shared());
    Arc::new(ComponentVerifier::with_client(Arc::new(http), Arc::new(FixedClock)))
}

/// A component with checked fields.
pub(crate) struct Credential {
    pub(crate) component: Arc<Component>,
    pub(crate) fields: CheckedFields,
}

impl Credential {
    pub(crate) fn new(slug: &str, fields: Value) -> Self {
        let catalog = Catalog::load().unwrap();
        let component = catalog.get(slug).unwrap();
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        let fields = catalog.check_fields(&component, fields, Completeness::Complete).unwrap();
        Self { component, fields }
    }

    /// One check, with the hosts that are allowed when nobody says otherwise.
    pub(crate) async fn check(&self, time_limit: Duration) -> Report {
        let hosts = self.hosts();
        self.check_for(time_limit, &hosts).await
    }

    pub(crate) fn hosts(&self) -> Vec<String> {
        verifier(PATIENT).default_hosts(&self.component, &self.fields.plain)
    }

    /// One check. No secret may stand in its report, whatever happened.
    pub(crate) async fn check_for(&self, time_limit: Duration, allowed_hosts: &[String]) -> Report {
        let CheckedFields { plain, secrets } = &self.fields;
        let request = CheckRequest { component: &self.component, fields: plain, secrets, allowed_hosts };
        let report = verifier(time_limit).check(request).await;
        let told = serde_json::to_value(&report).unwrap();
        assert!(texts(&told).iter().all(|text| !secrets.appears_in(text)), "a secret is in the report");
        report
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// Headers as a map, for comparing some of them.
pub(crate) fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
