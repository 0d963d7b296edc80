//! The real binary with its log and journal on a double of the event store: alone, and two nodes at once,
//! of which one dies or freezes.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use keytrail_eventstore_double::{Double, Rights};
use keytrail_test_support::{OpenBao, eventually};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Canary, Client, Keytrail, Proxy, Search, Settings, World, bearer};

const NAMES: &str = "{ credentials(first: 50) { nodes { name } } }";
pub(crate) const PASSWORD: &str = "s3cr3t-0f-the-l0g";
const WORK: [&str; 6] = ["alerts", "schedule", "webhooks", "upkeep", "refresh", "usage"];

pub(crate) struct Cluster {
    pub(crate) double: Double,
    pub(crate) settings: Settings,
    pub(crate) vault: OpenBao,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::on(Double::start().await.unwrap()).await
    }

    /// On this event store. The address lacks what its TLS needs.
    pub(crate) async fn on(double: Double) -> Self {
        let vault = OpenBao::raft_with_policy().await;
        double.users(&[("keytrail", PASSWORD, Rights::Write)]);
        let access = vault.fresh_access().await;
        let settings = Settings::default()
            .set("KEYTRAIL_EVENT_LOG", double.url_of("keytrail", PASSWORD))
            .set("KEYTRAIL_LOG", "trace")
            .set("KEYTRAIL_VAULT", vault.address())
            .set("KEYTRAIL_VAULT_MOUNT", access.mount)
            .set("KEYTRAIL_VAULT_ROLE_ID", access.role_id)
            .set("KEYTRAIL_VAULT_SECRET_ID_FILE", access.secret_id_file.to_str().expect("path"));
        Self { double, settings, vault }
    }

    /// Where the event store is, with how to log in.
    pub(crate) fn address(&self) -> String {
        self.double.url_of("keytrail", PASSWORD)
    }

    /// One more node, and alice on it.
    async fn node(&self) -> (Keytrail, Client) {
        let node = Keytrail::beside(self.settings.clone()).await;
        let alice = node.sign_in("acme", "alice").await;
        (node, alice)
    }
}

pub(crate) async fn names(client: &Client) -> Vec<String> {
    let listed = client.data(NAMES, Value::Null).await;
    let nodes = listed["credentials"]["nodes"].as_array().expect("nodes").clone();
    nodes.iter().map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
}

/// Which work a node does, as its metrics say; none while it does not answer.
async fn held(client: &Client) -> Option<Vec<&'static str>> {
    let text = client.try_get("/metrics").await?.text().await.ok()?;
    let line = |work: &str| format!("keytrail_work_held{{work=\"{work}\"}} 1");
    Some(WORK.into_iter().filter(|work| text.contains(&line(work))).collect())
}

async fn holds_everything(client: &Client) {
    let all = async || held(client).await.filter(|held| *held == WORK);
    eventually("it does all of the work", all).await;
}

#[tokio::test]
async fn a_node_with_another_vault_does_not_start() {
    let cluster = Cluster::start().await;
    let _world = World::with(cluster.settings.clone()).await;
    // Who forgets KEYTRAIL_VAULT gets the embedded vault, which is empty.
    let forgotten = Settings::default().set("KEYTRAIL_EVENT_LOG", cluster.address());
    let said = Keytrail::refused(forgotten).await;
    assert!(
        said.contains("the vault has nothing of the tenants") && said.contains("KEYTRAIL_VAULT"),
        "{said}"
    );
}

#[tokio::test]
async fn a_log_on_the_event_store_is_used_like_the_embedded_one() {
    let cluster = Cluster::start().await;
    let mut world = World::with(cluster.settings.clone()).await;
    let id = world.alice.create(bearer("Kept", "t0k3n")).await;
    assert_eq!(names(&world.alice).await, ["Kept"], "what was answered is shown by the next query");
    let all = cluster.double.all();
    let stored = all.iter().find(|event| event.kind == "CredentialCreated").expect("it is in the store");
    assert!(
        stored.stream.starts_with("kt.credential-ten_") && stored.stream.ends_with(&id),
        "{}",
        stored.stream
    );
    assert!(!all.iter().any(|event| String::from_utf8_lossy(&event.data).contains("t0k3n")));
    assert!(!world.server.file("log.db").exists() && !world.server.file("journal.db").exists());
    world.server.stop().await;
    std::fs::remove_file(world.server.file("views.db")).unwrap();
    world.server.up().await;
    let alice = world.alice.at(&world.server.base);
    assert_eq!(names(&alice).await, ["Kept"], "the views are made from the store");
    cluster.double.restart().await.unwrap();
    let input = json!({ "input": { "credentialId": id, "name": "Renamed" } });
    let rename = "mutation($input: UpdateCredentialInput!) { updateCredential(input: $input) { visible } }";
    let renamed = eventually("the store is back", async || {
        let answer = alice.ask(rename, input.clone()).await;
        answer["errors"].is_null().then_some(answer)
    });
    assert_eq!(renamed.await["data"]["updateCredential"]["visible"], true);
    assert_eq!(names(&alice).await, ["Renamed"]);
    // Everything was logged, also that the store was away: how to log in there was not.
    let canary = Canary::given("the password of the log", PASSWORD);
    let (log, login) = (world.server.log(), BASE64_STANDARD.encode(format!("keytrail:{PASSWORD}")));
    assert!(log.contains("TRACE"));
    assert_eq!(Search::of([&canary]).find(log.as_bytes()), None);
    assert!(!log.contains(&login));
}

#[tokio::test]
async fn views_of_another_log_are_made_anew() {
    let mut server = Keytrail::start().await;
    let alice = server.sign_in("acme", "alice").await;
    alice.create(bearer("In the embedded log", "t")).await;
    server.stop().await;
    let cluster = Cluster::start().await;
    let settings = cluster.settings.clone();
    let other = World::with(settings).await;
    other.alice.create(bearer("In the store", "t")).await;
    std::fs::copy(server.file("views.db"), other.server.file("foreign.db")).unwrap();
    let mut other = other;
    other.server.stop().await;
    std::fs::rename(other.server.file("foreign.db"), other.server.file("views.db")).unwrap();
    other.server.up().await;
    assert_eq!(names(&other.alice.at(&other.server.base)).await, ["In the store"]);
}

#[tokio::test]
async fn two_nodes_answer_from_one_log_and_the_work_of_a_dead_one_goes_on() {
    let cluster = Cluster::start().await;
    let mut first = World::with(cluster.settings.clone()).await;
    holds_everything(&first.alice).await;
    let (_second, alice) = cluster.node().await;
    first.alice.create(bearer("By the first", "t")).await;
    let seen = async || names(&alice).await.contains(&"By the first".to_owned()).then_some(());
    eventually("the second node shows it", seen).await;
    alice.create(bearer("By the second", "t")).await;
    assert_eq!(names(&alice).await.len(), 2);
    assert_eq!(held(&alice).await.unwrap(), Vec::<&str>::new(), "one at a time does the work");
    first.server.kill().await;
    holds_everything(&alice).await;
}

/// Asks a node to wait until it shows a position.
async fn names_after(client: &Client, position: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}/graphql", client.base)).bearer_auth(client.token.as_deref().unwrap());
    let request = request.header("keytrail-after", position).json(&json!({ "query": NAMES }));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_caller_reads_on_another_node_what_he_wrote_or_is_told_that_it_is_behind() {
    let cluster = Cluster::start().await;
    let first = World::with(cluster.settings.clone()).await;
    let wire = Proxy::before(&format!("http://127.0.0.1:{}", cluster.double.port())).await;
    let behind = cluster.double.url_of("keytrail", PASSWORD);
    let behind =
        behind.replace(&format!("127.0.0.1:{}", cluster.double.port()), &wire.url()["http://".len()..]);
    let second = Keytrail::beside(cluster.settings.clone().set("KEYTRAIL_EVENT_LOG", behind)).await;
    let alice = second.sign_in("acme", "alice").await;
    wire.fall_silent();
    let made = first.alice.mutate("createCredential", "position", bearer("Far", "t")).await;
    let position = made["position"].as_str().unwrap();
    assert_eq!(names(&alice).await, Vec::<String>::new(), "nothing comes through");
    let late = timeout(Duration::from_secs(10), names_after(&alice, position)).await.expect("a bounded wait");
    let error = &late["errors"][0];
    let told = json!({ "code": "UNAVAILABLE", "dependency": "views", "retryAfterSeconds": 1 });
    assert_eq!(error["extensions"], told, "{late:#}");
    assert!(error["message"].as_str().unwrap().contains("does not show that position yet"), "{late:#}");
    wire.speak();
    let seen = eventually("the second node goes on", async || {
        let answer = names_after(&alice, position).await;
        answer["errors"].is_null().then_some(answer)
    });
    assert_eq!(seen.await["data"]["credentials"]["nodes"], json!([{ "name": "Far" }]));
    for number in 0..20 {
        let made =
            first.alice.mutate("createCredential", "position", bearer(&format!("N{number}"), "t")).await;
        let seen = names_after(&alice, made["position"].as_str().unwrap()).await;
        let nodes = seen["data"]["credentials"]["nodes"].as_array().map(Vec::len);
        assert_eq!(nodes, Some(number + 2), "{seen:#}");
    }
}

#[tokio::test]
async fn the_work_of_a_frozen_node_goes_on_and_it_does_nothing_when_it_wakes_up() {
    let cluster = Cluster::start().await;
    let first = World::with(cluster.settings.clone()).await;
    holds_everything(&first.alice).await;
    let (_second, alice) = cluster.node().await;
    first.server.signal(first.server.pid(), "STOP").await;
    holds_everything(&alice).await;
    first.server.signal(first.server.pid(), "CONT").await;
    let nothing = async || held(&first.alice).await.filter(Vec::is_empty);
    eventually("it knows that it was replaced", nothing).await;
    assert_eq!(held(&alice).await.expect("it answers"), WORK);
}

#[tokio::test]
async fn an_event_store_that_cannot_be_used_is_named_with_its_setting() {
    let double = Double::start().await.unwrap();
    double.users(&[("keytrail", "right", Rights::Write)]);
    let port = double.port();
    for (address, part) in [
        (format!("esdb://keytrail:wr0ng@127.0.0.1:{port}?tls=false"), "denied access"),
        (format!("esdb://keytrail:wr0ng@127.0.0.1:{port}?tsl=false"), "`tsl`"),
        ("esdb://keytrail:wr0ng@127.0.0.1:1?tls=false".to_owned(), "nothing listens at 127.0.0.1:1"),
        (format!("esdb://keytrail:wr0ng@127.0.0.1:{port}?tls=true"), "`tls=false`"),
    ] {
        let said = Keytrail::refused(Settings::default().set("KEYTRAIL_EVENT_LOG", &address)).await;
        assert!(said.contains(part) && said.contains("KEYTRAIL_EVENT_LOG"), "{address}: {said}");
        assert!(!said.contains("wr0ng") && !said.contains("panicked"), "{said}");
        assert!(!said.contains("ERROR"), "one error is enough: {said}");
    }
}
