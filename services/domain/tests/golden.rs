//! Every event version ever shipped still reads, and says the same when it is written again.

#![expect(clippy::expect_used, reason = "a test that cannot set itself up must fail loudly")]
use std::{collections::BTreeSet, fs, path::PathBuf};

use keytrail_domain::{
    Actor, DomainEvent, EventId, EventMeta, NewEvent, Position, RecordedEvent, StreamId, TenantId, Timestamp,
    alert::AlertEvent, component::ComponentEvent, connection::ConnectionEvent, credential::CredentialEvent,
    environment::EnvironmentEvent, flow::FlowEvent, lease::LeaseEvent, oauth_client::OAuthClientEvent,
    policy::PolicyEvent, service_account::ServiceAccountEvent, team::TeamEvent, tenant::TenantEvent,
    token::TokenEvent, webhook::WebhookEndpointEvent,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn files() -> Vec<Value> {
    let folder = fs::read_dir(golden().join("events")).expect("tests/golden/events");
    folder
        .map(|entry| fs::read(entry.expect("entry").path()).expect("file"))
        .map(|bytes| serde_json::from_slice(&bytes).expect("json"))
        .collect()
}

fn meta() -> EventMeta {
    EventMeta {
        schema_version: 1,
        tenant: TenantId::of_slug("acme"),
        actor: Actor::operator(),
        recorded_at: Timestamp::EPOCH,
        correlation: Uuid::nil(),
        causation: None,
        idempotency: None,
        previous_hash: None,
    }
}

fn recorded(file: &Value) -> RecordedEvent {
    let version = file["version"].as_u64().and_then(|it| u16::try_from(it).ok()).expect("version");
    RecordedEvent {
        id: EventId::from_uuid(Uuid::nil()),
        stream: StreamId::tenant(TenantId::of_slug("acme")),
        revision: 0,
        position: Position::START,
        event_type: file["type"].as_str().expect("type").to_owned(),
        data: serde_json::to_vec(&file["data"]).expect("json").into(),
        metadata: serde_json::to_vec(&EventMeta { schema_version: version, ..meta() }).expect("json").into(),
    }
}

/// Reads a stored event and, when it has the current version, writes it again.
fn reads_and_writes<E: DomainEvent>(file: &Value) {
    let stored = recorded(file);
    let event: E = stored.decode().unwrap_or_else(|error| panic!("{}: {error}", file["type"]));
    let again = NewEvent::encode(stored.id, &event, &meta()).expect("encoded");
    assert_eq!(again.event_type, stored.event_type);
    if u64::from(E::version(&stored.event_type)) == file["version"].as_u64().unwrap_or_default() {
        let data: Value = serde_json::from_slice(&again.data).expect("json");
        assert_eq!(data, file["data"], "{}", stored.event_type);
    }
}

#[test]
fn every_shipped_version_reads_and_writes() {
    for file in files() {
        match file["aggregate"].as_str().expect("aggregate") {
            "tenant" => reads_and_writes::<TenantEvent>(&file),
            "team" => reads_and_writes::<TeamEvent>(&file),
            "credential" => reads_and_writes::<CredentialEvent>(&file),
            "alert" => reads_and_writes::<AlertEvent>(&file),
            "token" => reads_and_writes::<TokenEvent>(&file),
            "webhook" => reads_and_writes::<WebhookEndpointEvent>(&file),
            "policy" => reads_and_writes::<PolicyEvent>(&file),
            "component" => reads_and_writes::<ComponentEvent>(&file),
            "connection" => reads_and_writes::<ConnectionEvent>(&file),
            "environment" => reads_and_writes::<EnvironmentEvent>(&file),
            "serviceaccount" => reads_and_writes::<ServiceAccountEvent>(&file),
            "oauthclient" => reads_and_writes::<OAuthClientEvent>(&file),
            "lease" => reads_and_writes::<LeaseEvent>(&file),
            "flow" => reads_and_writes::<FlowEvent>(&file),
            other => panic!("unknown aggregate {other}"),
        }
    }
}

/// Names and versions. serde lists the stored names when it meets an unknown one.
fn names_of<E: DomainEvent>() -> BTreeSet<(String, u64)> {
    let error = serde_json::from_value::<E>(json!({ "?": {} })).err().expect("unknown").to_string();
    let names = error.split('`').skip(3).step_by(2);
    let versions = |name: &str| (1..=u64::from(E::version(name))).map(|it| (name.to_owned(), it)).collect();
    names.flat_map(|name| -> Vec<_> { versions(name) }).collect()
}

#[test]
fn every_event_has_a_file_of_each_version() {
    let shipped: BTreeSet<(String, u64)> = files()
        .iter()
        .map(|file| {
            (file["type"].as_str().expect("type").to_owned(), file["version"].as_u64().expect("version"))
        })
        .collect();
    let mut known = BTreeSet::new();
    for names in [
        names_of::<TenantEvent>(),
        names_of::<TeamEvent>(),
        names_of::<CredentialEvent>(),
        names_of::<AlertEvent>(),
        names_of::<TokenEvent>(),
        names_of::<PolicyEvent>(),
        names_of::<WebhookEndpointEvent>(),
        names_of::<ComponentEvent>(),
        names_of::<ConnectionEvent>(),
        names_of::<EnvironmentEvent>(),
        names_of::<LeaseEvent>(),
        names_of::<ServiceAccountEvent>(),
        names_of::<OAuthClientEvent>(),
        names_of::<FlowEvent>(),
    ] {
        assert!(!names.is_empty());
        known.extend(names);
    }
    assert_eq!(known, shipped, "add tests/golden/events/<Name>.<version>.json for each new version");
}

#[test]
fn the_stored_metadata_reads_and_writes() {
    let file: Value =
        serde_json::from_slice(&fs::read(golden().join("metadata.json")).expect("file")).expect("json");
    let meta: EventMeta = serde_json::from_value(file.clone()).expect("metadata");
    assert_eq!(serde_json::to_value(meta).expect("json"), file);
}

#[test]
fn a_version_from_the_future_is_refused_and_named() {
    let file = json!({ "type": "TeamRenamed", "version": 9, "data": { "name": "hunter2" } });
    let error = recorded(&file).decode::<TeamEvent>().expect_err("newer").to_string();
    assert!(error.contains("version 9") && error.contains("update keytrail"), "{error}");
    assert!(!error.contains("hunter2"));
}

#[test]
fn an_unreadable_event_is_named_without_its_data() {
    let file = json!({ "type": "TeamRenamed", "version": 1, "data": { "title": "hunter2" } });
    let error = recorded(&file).decode::<TeamEvent>().expect_err("another shape").to_string();
    assert!(error.contains("TeamRenamed") && !error.contains("hunter2"), "{error}");
}
