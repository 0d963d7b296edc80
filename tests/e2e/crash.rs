//! `kill -9` under load: what was acknowledged is there with its secret, and nothing is half there.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::StreamExt;
use keytrail_domain::{RecordedEvent, chain};
use keytrail_ports::{EventStore, Filter, LogSignal};
use keytrail_sqlite::SqliteEventStore;
use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Client, Keytrail, Settings};

const CLIENTS: usize = 16;
/// After how many acknowledgements each round is killed: early, and when batches are full.
const ROUNDS: [usize; 3] = [3, 30, 70];
const CREATE: &str =
    "mutation($input: CreateCredentialInput!) { createCredential(input: $input) { credential { id } } }";

/// What the clients did, by the name of the credential: its id where that was acknowledged.
type Attempts = BTreeMap<String, Option<String>>;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_create_survives_a_kill_and_nothing_is_half_there() {
    let stub = StubServer::start().await;
    stub.on("GET", "/", Reply::status(204));
    // What is acknowledged must be in the file that is looked into.
    let mut server = Keytrail::with(Settings::embedded()).await;
    let owner = server.sign_in("acme", "alice").await;
    let mut attempts = Attempts::new();
    for (round, kill_after) in ROUNDS.into_iter().enumerate() {
        let made = create_until_killed(&mut server, &owner, &stub, (round, kill_after)).await;
        assert!(made.values().flatten().count() >= kill_after);
        attempts.extend(made);
        check_log(&server).await;
        server.up().await;
        everything_is_whole(&owner.at(&server.base), &stub, &attempts).await;
    }
    assert!(attempts.values().any(Option::is_none), "each kill came between the creates, not into them");
    doing_it_again_makes_nothing_twice(&owner.at(&server.base), &stub, &attempts).await;
    let swept = server.run(&["vault", "sweep", "--dry-run"]).await;
    assert!(swept.starts_with("would delete 0 of"), "{swept}");
    assert_eq!(server.stop().await.code(), Some(0));
    check_log(&server).await;
}

/// Sixteen clients create one credential after the other until the server is gone.
async fn create_until_killed(
    server: &mut Keytrail,
    owner: &Client,
    stub: &StubServer,
    (round, kill_after): (usize, usize),
) -> Attempts {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (owner, url) = (owner.at(&server.base), stub.url(""));
        let acknowledged = Arc::clone(&acknowledged);
        clients.spawn(async move {
            let mut made = Attempts::new();
            for number in 0.. {
                let name = format!("round {round} client {client} number {number}");
                let answer = owner.try_ask(CREATE, json!({ "input": input(&name, &url) })).await;
                let id = answer.map(|answer| created_id(&answer));
                made.insert(name, id.clone());
                if id.is_none() {
                    break;
                }
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            made
        });
    }
    eventually("so many acknowledgements", async || {
        (acknowledged.load(Ordering::SeqCst) >= kill_after).then_some(())
    })
    .await;
    server.kill().await;
    clients.join_all().await.into_iter().flatten().collect()
}

fn created_id(answer: &Value) -> String {
    let id = answer.pointer("/data/createCredential/credential/id").and_then(Value::as_str);
    id.unwrap_or_else(|| panic!("a create failed: {answer:#}")).to_owned()
}

/// The name is the idempotency key, and decides the secret.
fn input(name: &str, url: &str) -> Value {
    json!({
        "component": "http-bearer",
        "name": name,
        "verify": false,
        "idempotencyKey": name,
        "fields": { "base_url": url, "token": secret(name) },
    })
}

fn secret(name: &str) -> String {
    format!("secret-of-{}", name.replace(' ', "-"))
}

/// All acknowledged ones are listed under their ids, all listed ones were asked for, and each has
/// its one event, its fields and its secret.
async fn everything_is_whole(owner: &Client, stub: &StubServer, attempts: &Attempts) {
    let listed = listed(owner).await;
    for (name, id) in attempts {
        if let Some(id) = id {
            assert_eq!(listed.get(name).map(|node| &node["id"]), Some(&json!(id)), "{name} was acknowledged");
        }
    }
    for (name, node) in &listed {
        assert!(attempts.contains_key(name), "{name} was never asked for");
        assert_eq!(node["fields"][0]["value"], stub.url(""), "{name}");
        let created = node["history"]["nodes"].as_array().expect("history");
        let types: Vec<_> = created.iter().map(|event| &event["type"]).collect();
        assert_eq!(types.iter().filter(|kind| **kind == "CredentialCreated").count(), 1, "{name}: {types:?}");
        has_its_secret(owner, stub, name, node).await;
    }
}

/// The check sends the stored secret to the stub.
async fn has_its_secret(owner: &Client, stub: &StubServer, name: &str, node: &Value) {
    let verify = "mutation($id: ID!) {
        verifyCredential(input: { credentialId: $id }) { report { verdict } }
    }";
    let done = owner.data(verify, json!({ "id": node["id"] })).await;
    assert_eq!(done["verifyCredential"]["report"]["verdict"], "VALID", "{name}");
    let sent = stub.requests().pop().expect("a request");
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", secret(name)).as_str()), "{name}");
}

async fn listed(owner: &Client) -> BTreeMap<String, Value> {
    let query = "query($after: String) { credentials(first: 100, after: $after) {
        nodes { id name fields { name value } history(first: 100) { nodes { type } } }
        pageInfo { hasNextPage endCursor }
    } }";
    let (mut all, mut after) = (BTreeMap::new(), Value::Null);
    loop {
        let page = owner.data(query, json!({ "after": after })).await["credentials"].take();
        for node in page["nodes"].as_array().expect("nodes") {
            let before = all.insert(node["name"].as_str().expect("name").to_owned(), node.clone());
            assert!(before.is_none(), "listed twice: {node:#}");
        }
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// A client that never heard the answer asks again with its key.
async fn doing_it_again_makes_nothing_twice(owner: &Client, stub: &StubServer, attempts: &Attempts) {
    let before = listed(owner).await;
    for (name, id) in attempts {
        let answer = owner.data(CREATE, json!({ "input": input(name, &stub.url("")) })).await;
        let known = id.clone().map(Value::from).or_else(|| Some(before.get(name)?["id"].clone()));
        let again = &answer["createCredential"]["credential"]["id"];
        assert!(known.is_none_or(|known| known == *again), "{name}");
    }
    assert_eq!(listed(owner).await.len(), attempts.len());
}

/// The stopped server's log: every page, and every stream's hash chain.
async fn check_log(server: &Keytrail) {
    let log = SqliteEventStore::open(&server.file("log.db")).expect("opened");
    log.verify().await.expect("the file is whole");
    let mut streams: BTreeMap<String, Vec<RecordedEvent>> = BTreeMap::new();
    let mut signals = log.subscribe(None, Filter::default()).await.expect("subscribed");
    while let Some(signal) = signals.next().await {
        match signal.expect("readable") {
            LogSignal::Event(event) => streams.entry(event.stream.to_string()).or_default().push(event),
            LogSignal::Checkpoint(_) => {}
            LogSignal::CaughtUp => break,
        }
    }
    assert!(streams.len() > 1);
    for (name, events) in &streams {
        chain::walk(events).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    }
}
