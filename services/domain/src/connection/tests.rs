//! Given these facts, when that command, then these facts or that refusal.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ConnectionCommand as C, ConnectionEvent as E, ConnectionState as S, *};
use crate::{Aggregate, MemberId, Refusal, credential::VerificationChoice};

fn credential(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

fn new(state: S) -> NewConnection {
    NewConnection {
        tenant: TenantId::of_slug("acme"),
        id: ConnectionId::from_uuid(Uuid::from_u128(1)),
        name: " Grafana ".into(),
        description: None,
        url: Some("https://grafana.example".into()),
        component: "grafana".into(),
        secret_fields: ["api_key".to_owned()].into(),
        owner: Owner::Member(MemberId::from_uuid(Uuid::from_u128(5))),
        management: Management::Unmanaged,
        metadata: object(json!({ "region": "eu" })),
        labels: Labels::default(),
        credentials: vec![credential(1)],
        state,
    }
}

fn given(state: S, commands: &[C]) -> Connection {
    let created = C::Create(Box::new(new(state)));
    std::iter::once(&created).chain(commands).fold(Connection::default(), |connection, command| {
        let decision = connection.decide(command).expect("set-up");
        decision.events.iter().fold(connection, Connection::evolve)
    })
}

fn events(connection: &Connection, command: &C) -> Vec<E> {
    connection.decide(command).expect("taken").events
}

fn go(to: S) -> C {
    let verification = VerificationChoice::Checked;
    C::Move(Move { to, reason: None, verification, transitions: Transitions::default() })
}

fn connected() -> Connection {
    given(S::Registered, &[go(S::Connected)])
}

fn disconnect(number: u128) -> C {
    C::Disconnect { credential: credential(number), reason: "rejected".into() }
}

fn state(connection: &Connection) -> S {
    connection.known().expect("known").state
}

fn after(connection: &Connection, command: &C) -> Connection {
    events(connection, command).iter().fold(connection.clone(), Connection::evolve)
}

/// Ways to stand in each state.
fn standing(state: S) -> Connection {
    match state {
        S::Discovered | S::Registered => given(state, &[]),
        S::Disconnected => given(S::Registered, &[go(S::Connected), go(state)]),
        _ => given(S::Registered, &[go(state)]),
    }
}

#[test]
fn the_table_is_the_one_that_is_promised() {
    use S::{Connected, Deleted, Disconnected, Discovered, Ignored, Maintenance, NotFound, Registered};
    let table: [(S, &[S]); 8] = [
        (Discovered, &[Registered, Ignored, NotFound, Deleted]),
        (Registered, &[Connected, Ignored, Maintenance, NotFound, Deleted]),
        (Connected, &[Disconnected, Maintenance, Ignored, NotFound, Deleted]),
        (Ignored, &[Registered, NotFound, Deleted]),
        (Maintenance, &[Registered, Connected, Ignored, NotFound, Deleted]),
        (Disconnected, &[Connected, Maintenance, Deleted]),
        (NotFound, &[Discovered, Registered, Deleted]),
        (Deleted, &[]),
    ];
    for (from, allowed) in table {
        let connection = standing(from);
        for to in S::ALL.into_iter().filter(|to| *to != from) {
            match connection.decide(&go(to)) {
                Ok(decision) => {
                    assert!(allowed.contains(&to), "{from:?} to {to:?}");
                    let after = decision.events.iter().fold(connection.clone(), Connection::evolve);
                    assert_eq!(state(&after), to);
                }
                Err(Refusal::Rule { reason: "ILLEGAL_TRANSITION", details, .. }) => {
                    assert!(!allowed.contains(&to), "{from:?} to {to:?}");
                    assert_eq!(details["allowed"], json!(allowed));
                }
                Err(Refusal::Rule { reason: "CONNECTION_DELETED", .. }) => assert_eq!(from, Deleted),
                Err(other) => panic!("{from:?} to {to:?}: {other}"),
            }
        }
    }
}

#[test]
fn a_component_narrows_the_table_and_adds_nothing() {
    let only: BTreeSet<S> = [S::Ignored, S::Disconnected].into();
    let transitions: Transitions = [(S::Registered, only)].into_iter().collect();
    assert_eq!(transitions.next(S::Registered), [S::Ignored, S::Deleted]);
    assert_eq!(transitions.next(S::Ignored), S::Ignored.next());
    assert_eq!(transitions.unknown_way(), Some((S::Registered, S::Disconnected)));
    let verification = VerificationChoice::Checked;
    let step = Move { to: S::Connected, reason: None, verification, transitions };
    let refused = given(S::Registered, &[]).decide(&C::Move(step));
    assert!(matches!(refused, Err(Refusal::Rule { reason: "ILLEGAL_TRANSITION", .. })), "{refused:?}");
}

#[test]
fn a_new_one_is_trimmed_and_begins_at_the_beginning() {
    let connection = given(S::Discovered, &[]);
    let state = connection.live().expect("live");
    assert_eq!((state.name.as_str(), state.revision, state.state), ("Grafana", 1, S::Discovered));
    for wrong in S::ALL.into_iter().filter(|it| !matches!(it, S::Discovered | S::Registered)) {
        let refused = Connection::default().decide(&C::Create(Box::new(new(wrong))));
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{wrong:?}");
    }
}

#[test]
fn metadata_is_no_place_for_a_secret() {
    let metadata = object(json!({ "api_key": "hunter2" }));
    let refused =
        Connection::default().decide(&C::Create(Box::new(NewConnection { metadata, ..new(S::Registered) })));
    let Err(Refusal::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].path, "metadata.api_key");
    assert!(!format!("{errors:?}").contains("hunter2"));
    let update = ConnectionUpdate {
        metadata: Some(object(json!({ "api_key": 1 }))),
        secret_fields: ["api_key".to_owned()].into(),
        ..ConnectionUpdate::default()
    };
    assert!(given(S::Registered, &[]).decide(&C::Update(Box::new(update))).is_err());
    let metadata = object(json!({ "note": "x".repeat(16_384) }));
    let large = NewConnection { metadata, ..new(S::Registered) };
    assert!(Connection::default().decide(&C::Create(Box::new(large))).is_err());
}

#[test]
fn an_update_says_only_what_changed() {
    let connection = given(S::Registered, &[]);
    let update = |update| C::Update(Box::new(update));
    let same = ConnectionUpdate { name: Some("Grafana ".into()), ..ConnectionUpdate::default() };
    assert_eq!(events(&connection, &update(same)), []);
    let renamed = ConnectionUpdate { name: Some("Graphs".into()), ..ConnectionUpdate::default() };
    assert_eq!(events(&connection, &update(renamed)), [E::Renamed { name: "Graphs".into() }]);
    let moved = ConnectionUpdate { url: Some(None), ..ConnectionUpdate::default() };
    let metadata = object(json!({ "region": "eu" }));
    let changed = E::DetailsChanged { description: None, url: None, metadata };
    assert_eq!(events(&connection, &update(moved)), [changed]);
}

#[test]
fn credentials_come_and_go_once() {
    let connection = given(S::Registered, &[]);
    let attach = |number| {
        let verification = VerificationChoice::NotNeeded;
        C::Attach { credential: credential(number), verification }
    };
    assert_eq!(events(&connection, &attach(1)), []);
    let both = after(&connection, &attach(2));
    assert_eq!(both.live().expect("live").credentials, [credential(1), credential(2)]);
    let one = after(&both, &C::Detach { credential: credential(1) });
    assert_eq!(one.live().expect("live").credentials, [credential(2)]);
    assert_eq!(events(&one, &C::Detach { credential: credential(1) }), []);
    let full = (3..=65).fold(both, |it, number| if number <= 64 { after(&it, &attach(number)) } else { it });
    let refused = full.decide(&attach(99));
    assert!(matches!(refused, Err(Refusal::Rule { reason: "TOO_MANY_CREDENTIALS", .. })), "{refused:?}");
}

#[test]
fn another_credential_takes_the_place_of_one() {
    let verification = VerificationChoice::NotNeeded;
    let attach = C::Attach { credential: credential(2), verification };
    let connection = given(S::Registered, &[attach]);
    let replaced = |to| C::Replace { from: credential(1), to: credential(to) };
    let other = after(&connection, &replaced(3));
    assert_eq!(other.live().expect("live").credentials, [credential(3), credential(2)]);
    let merged = after(&connection, &replaced(2));
    assert_eq!(merged.live().expect("live").credentials, [credential(2)]);
    assert_eq!(events(&other, &replaced(4)), []);
}

#[test]
fn a_bad_credential_disconnects_and_only_that_reconnects() {
    let connection = connected();
    assert_eq!(events(&connection, &disconnect(9)), [], "it is not one of its credentials");
    let away = after(&connection, &disconnect(1));
    assert_eq!((state(&away), away.revision()), (S::Disconnected, connection.revision()));
    assert_eq!(events(&away, &disconnect(1)), []);
    let back = after(&away, &C::Reconnect { credential: credential(1) });
    assert_eq!((state(&back), back.revision()), (S::Connected, connection.revision()));
    let by_hand = after(&connection, &go(S::Disconnected));
    assert_eq!(events(&by_hand, &C::Reconnect { credential: credential(1) }), []);
}

#[test]
fn what_is_deleted_takes_nothing_and_comes_back_as_it_was() {
    let deleted = after(&connected(), &go(S::Deleted));
    assert!(deleted.live().is_none());
    assert_eq!(events(&deleted, &go(S::Deleted)), []);
    let refused = deleted.decide(&C::Detach { credential: credential(1) });
    assert!(matches!(refused, Err(Refusal::Rule { reason: "CONNECTION_DELETED", .. })), "{refused:?}");
    let restore = |credentials| {
        let verification = VerificationChoice::Skipped;
        C::Restore { credentials, verification }
    };
    let back = after(&deleted, &restore(vec![credential(1), credential(7)]));
    let live = back.live().expect("live");
    assert_eq!((live.state, live.credentials.as_slice()), (S::Connected, [credential(1)].as_slice()));
    assert_eq!(events(&back, &restore(vec![])), []);
}
