//! The whole of monitoring, as a user would try it: a database's password is changed behind Keytrail's
//! back, and within the check interval a subscriber, the query `alerts` and a webhook receiver that
//! verifies with the official libraries all say so, once; it is put right, and all three say so again.

use keytrail_test_support::{Postgres, Reply, Seen, StubServer, Verifier, eventually};
use serde_json::{Value, json};

use crate::harness::{Keytrail, Settings, Socket, text};

const ALERTS: &str = "subscription { credentialAlerts { ... on AlertChange { \
                      event { type } alert { state cause credential { name } } } } }";

async fn told(socket: &mut Socket) -> Value {
    let change = socket.next_data().await["credentialAlerts"].clone();
    json!([change["event"]["type"], change["alert"]["cause"], change["alert"]["credential"]["name"]])
}

/// Type, and for an alert its state as the body has it.
fn kind(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).expect("json");
    text(&body["type"])
}

#[tokio::test]
async fn a_changed_password_is_said_once_by_subscription_query_and_webhook_and_so_is_its_mending() {
    let (database, hook) = (Postgres::start().await, StubServer::start().await);
    hook.on("POST", "/hook", Reply::status(204));
    database.sql("create role shop login password 'right'").await;
    let server = Keytrail::with(Settings::default().set("KEYTRAIL_CHECK_INTERVAL_SECONDS", "1")).await;
    let alice = server.sign_in("acme", "alice").await;
    let fields = json!({
        "host": "localhost", "port": database.port(), "database": "postgres", "username": "shop",
        "password": "right", "ca": database.authority().pem(),
    });
    let input = json!({ "component": "postgres", "name": "Shop", "fields": fields });
    let made = alice.mutate("createCredential", "credential { id status }", input).await;
    assert_eq!(made["credential"]["status"], "VALID");
    let endpoint = json!({ "url": hook.url("/hook"), "types": ["keytrail.alert.*"] });
    let secret = text(&alice.mutate("createWebhookEndpoint", "secret", endpoint).await["secret"]);
    let mut socket = alice.socket().await;
    socket.subscribe(ALERTS, json!({})).await;
    let open = async |count: usize| {
        let query = "{ alerts(filter: { state: OPEN }) { nodes { cause credential { name } } } }";
        eventually("the query says so", async || {
            let nodes = alice.data(query, Value::Null).await["alerts"]["nodes"].clone();
            (nodes.as_array().map(Vec::len) == Some(count)).then_some(nodes)
        })
        .await
    };

    database.sql("alter role shop password 'changed'").await;
    assert_eq!(told(&mut socket).await, json!(["AlertOpened", "INVALID", "Shop"]));
    assert_eq!(open(1).await, json!([{ "cause": "INVALID", "credential": { "name": "Shop" } }]));
    hook.wait_for(1).await;

    database.sql("alter role shop password 'right'").await;
    assert_eq!(told(&mut socket).await, json!(["AlertResolved", "INVALID", "Shop"]));
    open(0).await;
    let all = hook.wait_for(2).await;
    assert_eq!(
        all.iter().map(kind).collect::<Vec<_>>(),
        ["keytrail.alert.opened", "keytrail.alert.resolved"]
    );
    for verifier in Verifier::ALL {
        assert_eq!(verifier.verify(&secret, &all).await, [true, true], "{verifier:?}");
    }
    assert!(socket.hear_soon().await.is_none(), "said once");
    assert_eq!(hook.requests().len(), 2, "delivered once");
}
