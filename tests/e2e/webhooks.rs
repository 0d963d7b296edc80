//! Webhooks of the real binary, taken by a real receiver and checked with the official libraries.

use std::collections::{BTreeMap, BTreeSet};

use keytrail_test_support::{Reply, Seen, StubServer, Verifier, eventually};
use serde_json::{Value, json};

use crate::{
    component::{erp, register},
    harness::{Canary, Client, Keytrail, Search, Settings, World, bearer, text},
};

const ENDPOINTS: &str = "{ webhookEndpoints(first: 5) { totalCount nodes { id url enabled disabledReason revision
    deliveries(first: 50) { totalCount nodes { id type eventId purpose webhookId
        attempts { status delivered failure answer nextAttemptAt durationMs } } pageInfo { hasNextPage } } } } }";

/// An endpoint and its secret.
struct Endpoint {
    id: String,
    secret: String,
}

async fn endpoint(client: &Client, url: &str, more: Value) -> Endpoint {
    let mut input = json!({ "url": url });
    for (name, value) in more.as_object().expect("object") {
        input[name] = value.clone();
    }
    let selection = "webhookEndpoint { id } secret alreadyShown";
    let made = client.mutate("createWebhookEndpoint", selection, input).await;
    assert_eq!(made["alreadyShown"], false);
    Endpoint { id: text(&made["webhookEndpoint"]["id"]), secret: text(&made["secret"]) }
}

async fn rename(client: &Client, id: &str, name: &str) {
    client.mutate("updateCredential", "visible", json!({ "credentialId": id, "name": name })).await;
}

fn kinds(deliveries: &[Seen]) -> Vec<String> {
    deliveries.iter().map(|seen| text(&body(seen)["type"]).replace("keytrail.", "")).collect()
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).expect("json")
}

#[tokio::test]
async fn the_official_libraries_verify_what_arrives_also_while_two_secrets_count() {
    let (world, hook) = (World::start().await, StubServer::start().await);
    hook.on("POST", "/in", Reply::text(200, "thank you"));
    let made = endpoint(&world.alice, &hook.url("/in"), json!({ "types": ["keytrail.credential.*"] })).await;
    let id = world.alice.create(bearer("Slack", "t")).await;
    rename(&world.alice, &id, "Chat").await;
    let first = hook.wait_for(2).await;
    assert_eq!(kinds(&first), ["credential.created", "credential.renamed"]);
    assert_eq!(body(&first[0])["subject"], id);
    let rotate = json!({ "webhookEndpointId": made.id });
    let rotated = world.alice.mutate("rotateWebhookSecret", "secret", rotate).await;
    rename(&world.alice, &id, "Talk").await;
    let all = hook.wait_for(3).await;
    let wrong = format!("whsec_{}", "A".repeat(43) + "=");
    for verifier in Verifier::ALL {
        let by = async |secret: &str| verifier.verify(secret, &all).await;
        assert_eq!(by(&made.secret).await, [true, true, true], "{verifier:?}");
        assert_eq!(by(&text(&rotated["secret"])).await, [false, false, true], "{verifier:?}");
        assert_eq!(by(&wrong).await, [false; 3], "{verifier:?}");
        let mut forged = all.clone();
        forged.iter_mut().for_each(|seen| seen.body.push(b' '));
        assert_eq!(verifier.verify(&made.secret, &forged).await, [false; 3], "{verifier:?}");
    }
    let listed = world.alice.data(ENDPOINTS, Value::Null).await["webhookEndpoints"].take();
    let deliveries = &listed["nodes"][0]["deliveries"];
    assert_eq!((&listed["totalCount"], &deliveries["totalCount"]), (&json!(1), &json!(3)));
    let attempt = &deliveries["nodes"][0]["attempts"][0];
    assert_eq!((&attempt["status"], &attempt["delivered"]), (&json!(200), &json!(true)));
    assert_eq!(attempt["answer"], Value::Null, "nothing of a private network's answer is kept");
    let audit = world.bob.data("{ webhookEndpoints { totalCount } }", Value::Null).await;
    assert_eq!(audit["webhookEndpoints"]["totalCount"], 0, "a member sees no endpoint");
}

#[tokio::test]
async fn chat_formats_tests_redelivery_and_replay_arrive() {
    let (world, hook) = (World::start().await, StubServer::start().await);
    for path in ["/slack", "/teams", "/in"] {
        hook.on("POST", path, Reply::status(200));
    }
    endpoint(&world.alice, &hook.url("/slack"), json!({ "format": "SLACK" })).await;
    endpoint(&world.alice, &hook.url("/teams"), json!({ "format": "TEAMS" })).await;
    world.alice.create(bearer("Chat <1>", "t")).await;
    let arrived = hook.wait_for(2).await;
    let at = |path: &str| body(arrived.iter().find(|seen| seen.path == path).expect("arrived"));
    assert!(
        text(&at("/slack")["text"]).starts_with("Keytrail: Chat &lt;1&gt; (http-bearer): credential created")
    );
    let card = at("/teams")["attachments"][0]["content"].take();
    assert!(text(&card["body"][0]["text"]).contains("Chat <1>"));
    for node in
        world.alice.data(ENDPOINTS, Value::Null).await["webhookEndpoints"]["nodes"].as_array().unwrap()
    {
        world
            .alice
            .mutate(
                "deleteWebhookEndpoint",
                "webhookEndpoint { deletedAt }",
                json!({ "webhookEndpointId": node["id"] }),
            )
            .await;
    }
    let made = endpoint(&world.alice, &hook.url("/in"), json!({})).await;
    let which = json!({ "webhookEndpointId": made.id });
    world.alice.mutate("sendTestWebhook", "visible", which.clone()).await;
    let before = world.alice.mutate("createTeam", "position", json!({ "name": "Mark" })).await;
    hook.wait_for(3).await;
    world.alice.create(bearer("Two", "t")).await;
    let arrived = hook.wait_for(4).await;
    assert_eq!(kinds(&arrived[2..]), ["webhook.test", "credential.created"]);
    let again = json!({ "webhookEndpointId": made.id, "eventId": body(&arrived[3])["id"] });
    world.alice.mutate("redeliverWebhook", "visible", again).await;
    hook.wait_for(5).await;
    let replay = json!({ "webhookEndpointId": made.id, "from": before["position"] });
    world.alice.mutate("replayWebhooks", "visible", replay).await;
    let arrived = hook.wait_for(6).await;
    let ids: BTreeSet<_> = arrived[3..].iter().map(|seen| seen.header("webhook-id").expect("id")).collect();
    assert_eq!((kinds(&arrived[3..]), ids.len()), (vec!["credential.created".to_owned(); 3], 1));
    assert!(Verifier::Python.verify(&made.secret, &arrived[2..]).await.iter().all(|good| *good));
}

#[tokio::test]
async fn a_receiver_that_is_gone_opens_an_alert_and_enabling_resolves_it() {
    let (world, hook) = (World::start().await, StubServer::start().await);
    hook.on_each("POST", "/in", [Reply::status(410), Reply::status(204)]);
    let made = endpoint(&world.alice, &hook.url("/in"), json!({})).await;
    let first = world.alice.create(bearer("One", "t")).await;
    let alert = async |state: &str| {
        let query = "query($state: AlertState) { alerts(filter: { state: $state }) { nodes {
            cause state webhookEndpoint { id enabled disabledReason } credential { id } } } }";
        eventually("the alert", async || {
            let found = world.alice.data(query, json!({ "state": state })).await;
            found["alerts"]["nodes"].get(0).cloned()
        })
        .await
    };
    let open = alert("OPEN").await;
    assert_eq!((&open["cause"], &open["credential"]), (&json!("WEBHOOK_FAILING"), &Value::Null));
    let gone = json!({ "id": made.id, "enabled": false, "disabledReason": "GONE" });
    assert_eq!(open["webhookEndpoint"], gone);
    let second = world.alice.create(bearer("Two", "t")).await;
    let enable = json!({ "webhookEndpointId": made.id, "enabled": true });
    world.alice.mutate("updateWebhookEndpoint", "visible", enable).await;
    alert("RESOLVED").await;
    let arrived = eventually("both, after all", async || {
        let arrived = hook.requests();
        let seen = |id: &String| arrived.iter().skip(1).any(|seen| body(seen)["subject"] == *id);
        (seen(&first) && seen(&second)).then_some(arrived)
    });
    assert!(!arrived.await.is_empty());
}

/// What must have arrived of each credential, in order, once doubles are taken away.
fn in_order(arrived: &[Seen]) -> BTreeMap<String, Vec<String>> {
    let (mut known, mut found) = (BTreeSet::new(), BTreeMap::<_, Vec<_>>::new());
    for seen in arrived {
        if known.insert(seen.header("webhook-id").expect("id").to_owned()) {
            let body = body(seen);
            found.entry(text(&body["subject"])).or_default().push(text(&body["sequence"]));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_and_views_deleted_nothing_is_lost_and_order_is_kept() {
    const CREDENTIALS: usize = 12;
    const RENAMES: usize = 8;
    let hook = StubServer::start().await;
    hook.on("POST", "/in", Reply::status(204).after(std::time::Duration::from_millis(5)));
    let mut server = Keytrail::start().await;
    let mut alice = server.sign_in("acme", "alice").await;
    let made = endpoint(&alice, &hook.url("/in"), json!({})).await;
    let mut ids = Vec::new();
    for number in 0..CREDENTIALS {
        ids.push(alice.create(bearer(&format!("Number {number}"), "t")).await);
    }
    for round in 0..RENAMES {
        for (number, id) in ids.iter().enumerate() {
            rename(&alice, id, &format!("Number {number} round {round}")).await;
        }
        if round % 3 == 1 {
            server.kill().await;
            if round > 3 {
                for file in ["views.db", "views.db-wal", "views.db-shm"] {
                    _ = std::fs::remove_file(server.file(file));
                }
            }
            server.up().await;
            alice = alice.at(&server.base);
        }
    }
    let wanted: Vec<String> = (0..=RENAMES).map(|number| format!("{number:010}")).collect();
    eventually("everything", async || {
        let found = in_order(&hook.requests());
        ids.iter().all(|id| found.get(id).is_some_and(|found| found.len() > RENAMES)).then_some(())
    })
    .await;
    // What was under way when it was killed comes once more, perhaps only now: it is counted when all is still.
    assert_eq!(server.stop().await.code(), Some(0));
    let arrived = hook.requests();
    for (id, sequence) in in_order(&arrived) {
        assert_eq!(sequence, wanted, "{id}");
    }
    // What was under way at each of the kills, and no more.
    let (sent, events) = (arrived.len(), CREDENTIALS * (RENAMES + 1));
    assert!(sent <= events + 3 * 16 * 2, "{sent} for {events} events");
    // Everything is written down now: views made anew deliver nothing again.
    for file in ["views.db", "views.db-wal", "views.db-shm"] {
        _ = std::fs::remove_file(server.file(file));
    }
    server.up().await;
    let alice = alice.at(&server.base);
    let test = json!({ "webhookEndpointId": made.id });
    alice.mutate("sendTestWebhook", "visible", test).await;
    let last = hook.wait_for(sent + 1).await;
    assert_eq!(kinds(&last[sent..]), ["webhook.test"]);
    assert!(Verifier::Node.verify(&made.secret, &last).await.iter().all(|good| *good));
}

#[tokio::test]
async fn metrics_tell_what_arrived_and_what_waits_for_an_endpoint_that_is_away() {
    let (world, hook) = (World::start().await, StubServer::start().await);
    hook.on("POST", "/in", Reply::status(204));
    hook.on("POST", "/away", Reply::status(503));
    for path in ["/in", "/away"] {
        let types = json!({ "types": ["keytrail.credential.created"] });
        endpoint(&world.alice, &hook.url(path), types).await;
    }
    world.alice.create(bearer("One", "t")).await;
    hook.wait_for(2).await;
    eventually("the numbers", async || {
        let text = world.alice.get("/metrics").await.text().await.expect("text");
        let has = |line: &str| text.lines().any(|known| known == line);
        let refused = "keytrail_webhooks_attempts_total{outcome=\"refused\"} ";
        let all = has("keytrail_webhooks_attempts_total{outcome=\"delivered\"} 1")
            && text.contains(refused)
            && !has(&format!("{refused}0"))
            && has("keytrail_webhooks_delay_seconds_count 1")
            && has("keytrail_webhooks_in_flight 0")
            && has("keytrail_webhooks_waiting 1")
            && has("keytrail_webhooks_endpoints_away 1");
        all.then_some(())
    })
    .await;
}

#[tokio::test]
async fn bad_endpoints_are_refused_by_place_and_rule() {
    let world = World::start().await;
    for (input, path) in [
        (json!({ "url": "https://169.254.169.254/x" }), "input.url"),
        (json!({ "url": "http://10.0.0.1/x" }), "input.url"),
        (json!({ "url": "https://user:pass@example.com/" }), "input.url"),
        (json!({ "url": "no url" }), "input.url"),
        (json!({ "url": "https://example.com/", "types": ["team.created"] }), "input.types.0"),
        (json!({ "url": "https://example.com/", "components": ["github", "gihub"] }), "input.components.1"),
    ] {
        let refused = world.alice.refused("createWebhookEndpoint", input.clone()).await;
        assert_eq!(
            (&refused["code"], &refused["fields"][0]["path"]),
            (&json!("BAD_USER_INPUT"), &json!(path)),
            "{input}"
        );
        let rule = text(&refused["fields"][0]["message"]);
        assert!(!rule.contains("169.254") && !rule.contains("pass"), "{rule}");
    }
}

#[tokio::test]
async fn a_filter_on_an_own_component_lets_its_credentials_through_alone() {
    let (world, hook) = (World::start().await, StubServer::start().await);
    hook.on("POST", "/in", Reply::status(204));
    register(&world.alice, erp("erp", "https://erp.example")).await;
    endpoint(&world.alice, &hook.url("/in"), json!({ "components": ["acme/erp"] })).await;
    world.alice.create(bearer("Another", "t")).await;
    let input =
        json!({ "component": "acme/erp", "name": "Ours", "fields": { "token": "t" }, "verify": false });
    let id = world.alice.create(input).await;
    assert_eq!(body(&hook.wait_for(1).await[0])["subject"], id);
}

#[tokio::test]
async fn an_event_shows_of_a_url_what_people_may_see_and_no_place_in_the_vault() {
    let world = World::start().await;
    endpoint(&world.alice, "https://hooks.example.com/services/T0000/B0000/s3cr3t", json!({})).await;
    let log = world.alice.data("{ auditLog(first: 50) { nodes { type data } } }", Value::Null).await;
    let all = log["auditLog"]["nodes"].as_array().expect("nodes");
    let made = all.iter().find(|event| event["type"] == "WebhookEndpointCreated").expect("it was made");
    assert_eq!(made["data"]["target"], json!({ "shown": "https://hooks.example.com/…cr3t" }));
    assert!(!log.to_string().contains("sec_"), "{log:#}");
}

#[tokio::test]
async fn a_signing_secret_is_in_the_first_answer_and_nowhere_else() {
    let mut world = World::with(Settings::default().set("KEYTRAIL_LOG", "trace")).await;
    let hook = StubServer::start().await;
    hook.on_each("POST", "/in", [Reply::status(500), Reply::status(204)]);
    let key = json!({ "url": hook.url("/in"), "idempotencyKey": "k" });
    let selection = "webhookEndpoint { id } secret alreadyShown replayed";
    let made = world.alice.mutate("createWebhookEndpoint", selection, key.clone()).await;
    let id = text(&made["webhookEndpoint"]["id"]);
    let rotate = json!({ "webhookEndpointId": id, "idempotencyKey": "r" });
    let rotated = world.alice.mutate("rotateWebhookSecret", "secret", rotate.clone()).await;
    let secrets = [&made, &rotated].map(|answer| {
        let secret = text(&answer["secret"]);
        Canary::given("a signing secret", secret.trim_start_matches("whsec_").trim_end_matches('='))
    });
    let search = Search::of(&secrets);
    assert!(search.find(made.to_string().as_bytes()).is_some(), "the search works");
    let mut heard = vec![
        world.alice.mutate("createWebhookEndpoint", selection, key).await,
        world.alice.mutate("rotateWebhookSecret", "secret alreadyShown", rotate).await,
    ];
    assert_eq!((&heard[0]["secret"], &heard[0]["alreadyShown"]), (&Value::Null, &json!(true)));
    assert_eq!((&heard[1]["secret"], &heard[1]["alreadyShown"]), (&Value::Null, &json!(true)));
    world.alice.create(bearer("One", "t")).await;
    hook.wait_for(1).await;
    heard.push(world.alice.data(ENDPOINTS, Value::Null).await);
    heard.push(world.alice.data("{ auditLog(first: 1000) { nodes { type data } } }", Value::Null).await);
    for answer in heard {
        assert_eq!(search.find(answer.to_string().as_bytes()), None, "{answer:#}");
    }
    for seen in hook.requests() {
        assert_eq!(search.find(format!("{:?}", seen.headers).as_bytes()), None);
        assert_eq!(search.find(&seen.body), None);
    }
    assert_eq!(world.server.stop().await.code(), Some(0));
    assert_eq!(search.find(world.server.log().as_bytes()), None, "the log");
    for file in std::fs::read_dir(world.server.data_dir()).expect("folder") {
        let path = file.expect("entry").path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("readable");
            assert_eq!(search.find(&bytes), None, "{}", path.display());
        }
    }
}
