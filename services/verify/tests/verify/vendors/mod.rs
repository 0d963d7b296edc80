//! Each component's recipe against its vendor's answers.

mod answers;

use std::collections::{BTreeMap, BTreeSet};

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use keytrail_ports::ComponentCatalog;
use keytrail_verify::Catalog;
use serde_json::Value;

use self::answers::vendors;
use crate::{
    harness::{Credential, PATIENT, pairs},
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

fn row(status: u16, body: Value, verdict: Verdict) -> Row {
    Row { status, headers: &[], body, verdict, reason: None, identity: None, scopes: &[], ends: None }
}

fn nothing(status: u16, body: Value, reason: Reason) -> Row {
    Row { reason: Some(reason), ..row(status, body, Verdict::Inconclusive) }
}

#[tokio::test]
async fn every_vendors_answers_are_understood() {
    for vendor in vendors() {
        for expected in &vendor.answers {
            let headers = pairs(expected.headers).into_iter().collect();
            let body = expected.body.to_string();
            let stub = Stub::start(Play::Reply(Reply { status: expected.status, headers, body })).await;
            let mut fields = vendor.fields.clone();
            fields[vendor.address] = stub.url("").into();
            let report = Credential::new(vendor.component, fields).check(PATIENT).await;
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
