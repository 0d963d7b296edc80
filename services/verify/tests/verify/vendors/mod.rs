//! Each component's recipe against its vendor's answers.

mod answers;
mod monitoring;
mod services;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use keytrail_ports::ComponentCatalog;
use keytrail_verify::Catalog;
use serde_json::Value;

use crate::{
    harness::{Credential, PATIENT, SHORT, pairs},
    stub::{Play, Reply, Stub},
};

/// One kind of credential of one component.
struct Vendor {
    component: &'static str,
    /// The field that the server's address goes into.
    address: &'static str,
    fields: Value,
    request: Request,
    answers: Vec<Row>,
}

/// What the server must see.
#[derive(Default)]
struct Request {
    line: &'static str,
    headers: &'static [(&'static str, &'static str)],
    absent: &'static [&'static str],
    body: Option<Value>,
}

/// An answer and what is to be made of it.
struct Row {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Value,
    verdict: Verdict,
    reason: Option<Reason>,
    identity: Option<&'static str>,
    scopes: &'static [&'static str],
    ends: Option<&'static str>,
}

fn vendors() -> Vec<Vendor> {
    [answers::vendors(), monitoring::vendors(), services::vendors()].into_iter().flatten().collect()
}

fn row(status: u16, body: Value, verdict: Verdict) -> Row {
    Row { status, headers: &[], body, verdict, reason: None, identity: None, scopes: &[], ends: None }
}

fn nothing(status: u16, body: Value, reason: Reason) -> Row {
    Row { reason: Some(reason), ..row(status, body, Verdict::Inconclusive) }
}

impl Vendor {
    /// Its credential, for a server that stands in for the vendor's.
    fn credential(&self, stub: &Stub) -> Credential {
        let mut fields = self.fields.clone();
        fields[self.address] = stub.url("").into();
        Credential::new(self.component, fields)
    }

    async fn told(&self, play: Play, limit: Duration) -> (Verdict, Option<Reason>) {
        let stub = Stub::start(play).await;
        let report = self.credential(&stub).check(limit).await;
        (report.verdict, report.reason)
    }
}

/// These say yes by their status alone: the generic ones because their owner chooses the statuses,
/// the others because what they answer besides is not always the same.
const BY_STATUS: [&str; 6] = ["github", "gitlab", "stripe", "http-api-key", "http-basic", "http-bearer"];

#[tokio::test]
async fn a_vendor_that_is_busy_or_broken_proves_nothing() {
    let reply = |status| Play::Reply(Reply { status, ..Reply::default() });
    for vendor in vendors() {
        let (inconclusive, what) = (Verdict::Inconclusive, vendor.component);
        let busy = vendor.told(reply(429), PATIENT).await;
        assert_eq!(busy, (inconclusive, Some(Reason::RateLimited)), "{what}");
        for status in [500, 502, 503, 504] {
            let (verdict, _) = vendor.told(reply(status), PATIENT).await;
            assert_eq!(verdict, inconclusive, "{what} {status}");
        }
    }
}

#[tokio::test]
async fn a_vendor_that_is_slow_proves_nothing() {
    let mut all = tokio::task::JoinSet::new();
    for vendor in vendors() {
        all.spawn(async move {
            for play in [Play::Hang, Play::Drip] {
                let slow = vendor.told(play, SHORT).await;
                assert_eq!(slow, (Verdict::Inconclusive, Some(Reason::Timeout)), "{}", vendor.component);
            }
        });
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_login_page_in_place_of_the_vendor_is_no_yes() {
    let page = "<html><body>Please log in to the guest network";
    for vendor in vendors().into_iter().filter(|vendor| !BY_STATUS.contains(&vendor.component)) {
        let reply = Reply { status: 200, body: page.to_owned(), ..Reply::default() };
        let told = vendor.told(Play::Reply(reply), PATIENT).await;
        assert_eq!(told, (Verdict::Inconclusive, Some(Reason::Unexpected)), "{}", vendor.component);
    }
}

#[tokio::test]
async fn every_vendors_answers_are_understood() {
    for vendor in vendors() {
        for expected in &vendor.answers {
            let headers = pairs(expected.headers).into_iter().collect();
            let body = expected.body.to_string();
            let stub = Stub::start(Play::Reply(Reply { status: expected.status, headers, body })).await;
            let report = vendor.credential(&stub).check(PATIENT).await;
            let what = format!("{} {} {}", vendor.component, expected.status, expected.body);
            assert_eq!((report.verdict, report.reason), (expected.verdict, expected.reason), "{what}");
            assert_eq!(report.identity.as_deref(), expected.identity, "{what}");
            assert_eq!(report.scopes, expected.scopes, "{what}");
            assert_eq!(report.expires_at.map(|end| end.to_string()).as_deref(), expected.ends, "{what}");
            assert_request(&vendor, &stub);
        }
    }
}

fn assert_request(vendor: &Vendor, stub: &Stub) {
    let seen = stub.only_request();
    assert_eq!(format!("{} {}", seen.method, seen.target), vendor.request.line);
    let wanted = pairs(vendor.request.headers);
    let got: BTreeMap<_, _> = seen.headers.iter().filter(|(name, _)| wanted.contains_key(*name)).collect();
    assert_eq!(got, wanted.iter().collect(), "{}", vendor.component);
    for absent in vendor.request.absent {
        assert!(!seen.headers.contains_key(*absent), "{} sends {absent}", vendor.component);
    }
    let body = (!seen.body.is_empty()).then(|| serde_json::from_str(&seen.body).unwrap());
    assert_eq!(body, vendor.request.body, "{}", vendor.component);
}

#[test]
fn every_component_has_its_vendors_answers_here() {
    let covered: BTreeSet<_> = vendors().iter().map(|vendor| vendor.component.to_owned()).collect();
    let all = Catalog::load().unwrap().list();
    // A driver has tests of its own, against real servers where there are any.
    let by_recipe =
        all.iter().filter(|it| it.verify.as_ref().is_some_and(|verify| verify["checks"].is_array()));
    let all: BTreeSet<_> = by_recipe.map(|it| it.slug.clone()).collect();
    assert_eq!(covered, all);
}
