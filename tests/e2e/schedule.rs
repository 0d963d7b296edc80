//! Routine checks: the system turns against a credential, and people hear of it without asking.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, Keytrail, Settings, Socket, history, text};

const ALERTS: &str = "subscription($after: String) { credentialAlerts(after: $after) {
    ... on AlertChange { cursor event { type } alert { state cause severity occurrences } } } }";

/// A server that checks each credential once a second, and a system that is checked.
struct Watched {
    server: Keytrail,
    stub: StubServer,
    alice: Client,
    id: String,
    position: String,
}

impl Watched {
    async fn begin() -> Self {
        let server = Keytrail::with(Settings::default().set("KEYTRAIL_CHECK_INTERVAL_SECONDS", "1")).await;
        let stub = StubServer::start().await;
        stub.on("GET", "/", Reply::status(200));
        let alice = server.sign_in("acme", "alice").await;
        let fields = json!({ "base_url": stub.url(""), "token": "t0k3n" });
        let input = json!({ "component": "http-bearer", "name": "Watched", "fields": fields });
        let made = alice.mutate("createCredential", "position credential { id status }", input).await;
        assert_eq!(made["credential"]["status"], "VALID");
        let (id, position) = (text(&made["credential"]["id"]), text(&made["position"]));
        Self { server, stub, alice, id, position }
    }

    async fn hears(&self, after: &str) -> Socket {
        let mut socket = self.alice.socket().await;
        socket.subscribe(ALERTS, json!({ "after": after })).await;
        socket
    }

    /// Lets the schedule go round some more.
    async fn rounds(&self, more: usize) {
        let so_far = self.stub.requests().len();
        self.stub.wait_for(so_far + more).await;
    }

    async fn alerts(&self) -> Value {
        let query = "{ alerts { nodes { state cause occurrences } } \
                     stats { openAlerts openAlertsByCause { cause count } openAlertsBySeverity { severity count } } }";
        self.alice.data(query, Value::Null).await
    }

    async fn up_again(&mut self) {
        self.server.up().await;
        self.alice = self.alice.at(&self.server.base);
    }
}

async fn next(socket: &mut Socket) -> (String, Value) {
    let change = socket.next_data().await["credentialAlerts"].clone();
    let told = json!([change["event"]["type"], change["alert"]["cause"], change["alert"]["severity"]]);
    (text(&change["cursor"]), told)
}

#[tokio::test]
async fn a_credential_that_goes_bad_is_told_once_and_once_again_when_it_is_good() {
    let mut watched = Watched::begin().await;
    let mut socket = watched.hears(&watched.position).await;
    watched.rounds(3).await;
    assert_eq!(watched.alerts().await["alerts"]["nodes"], json!([]), "nothing is wrong yet");

    watched.stub.on("GET", "/", Reply::status(401));
    let (cursor, told) = next(&mut socket).await;
    assert_eq!(told, json!(["AlertOpened", "INVALID", "CRITICAL"]));
    watched.rounds(3).await;
    let open = json!([{ "state": "OPEN", "cause": "INVALID", "occurrences": 1 }]);
    let seen = watched.alerts().await;
    assert_eq!(seen["alerts"]["nodes"], open);
    let stats = json!({
        "openAlerts": 1,
        "openAlertsByCause": [{ "cause": "INVALID", "count": 1 }],
        "openAlertsBySeverity": [{ "severity": "CRITICAL", "count": 1 }],
    });
    assert_eq!(seen["stats"], stats);

    // Another process goes on where this one was, and says nothing again.
    watched.server.kill().await;
    watched.up_again().await;
    watched.rounds(3).await;
    assert_eq!(watched.alerts().await["alerts"]["nodes"], open);
    watched.stub.on("GET", "/", Reply::status(200));
    let mut socket = watched.hears(&cursor).await;
    assert_eq!(next(&mut socket).await.1, json!(["AlertResolved", "INVALID", "CRITICAL"]));
    watched.rounds(2).await;
    assert_eq!(watched.alerts().await["stats"]["openAlerts"], 0);
    assert!(socket.hear_soon().await.is_none(), "said once");
    let turns = ["CredentialCreated by alice", "CredentialVerified by alice"];
    let found = ["CredentialInvalidated by schedule", "CredentialVerified by schedule"];
    assert_eq!(history(&watched.alice, &watched.id).await, [turns, found].concat());
}

#[tokio::test]
async fn checks_that_tell_nothing_new_are_seen_among_the_others_and_are_no_events() {
    let watched = Watched::begin().await;
    watched.rounds(5).await;
    let (alice, id) = (&watched.alice, &watched.id);
    let seen = eventually("five checks", async || {
        let selection = "lastVerification { id trigger verdict } \
                         verifications(first: 100) { totalCount nodes { id trigger } }";
        let seen = alice.credential(id, selection).await;
        seen["verifications"]["totalCount"].as_u64().is_some_and(|count| count >= 5).then_some(seen)
    })
    .await;
    assert_eq!(seen["lastVerification"]["trigger"], "ROUTINE");
    let nodes = seen["verifications"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.last().unwrap()["trigger"], "CREATE");
    let ids = all_pages(alice, id, "first: 2, after", "endCursor", "hasNextPage").await;
    assert!(
        ids.len() >= nodes.len()
            && ids.ends_with(&nodes.iter().map(|it| text(&it["id"])).collect::<Vec<_>>())
    );
    let mut back = all_pages(alice, id, "last: 2, before", "startCursor", "hasPreviousPage").await;
    back.retain(|id| ids.contains(id));
    assert_eq!(back.len(), ids.len());
    assert_eq!(history(alice, id).await.len(), 2, "made and verified, and nothing more");
    let metrics = alice.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("keytrail_checks_results_total{verdict=\"VALID\"}"), "{metrics}");
    assert!(metrics.contains("keytrail_checks_scheduled 1"), "{metrics}");
}

/// Ids of all checks, two at a time from one end; each once.
async fn all_pages(client: &Client, id: &str, arguments: &str, cursor: &str, more: &str) -> Vec<String> {
    let (mut after, mut ids) = (Value::Null, Vec::new());
    loop {
        let selection = format!(
            "verifications({arguments}: {after}) {{ nodes {{ id }} pageInfo {{ {cursor} {more} }} }}"
        );
        let page = client.credential(id, &selection).await["verifications"].clone();
        let mut these: Vec<_> = page["nodes"].as_array().unwrap().iter().map(|it| text(&it["id"])).collect();
        if cursor == "startCursor" {
            these.reverse();
        }
        assert!(these.iter().all(|id| !ids.contains(id)), "each once");
        ids.extend(these);
        if page["pageInfo"][more] == false {
            return ids;
        }
        after = page["pageInfo"][cursor].clone();
    }
}
