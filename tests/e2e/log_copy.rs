//! Moving from the embedded log to an event store: everything is there once, and everything goes on.

use std::collections::BTreeSet;

use keytrail_eventstore_double::{Double, Fault, Method};
use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, Keytrail, Settings, World, bearer, text};

/// A credential with a history, an alert, and an endpoint that has heard of all of it.
struct Story {
    world: World,
    hook: StubServer,
    credential: String,
    /// A cursor of the history, before its last event.
    cursor: String,
}

const HISTORY: &str =
    "history(first: 100) { edges { cursor node { id type } } } alerts { nodes { id state } }";

impl Story {
    async fn told() -> Self {
        let world = World::with(Settings::embedded()).await;
        let hook = StubServer::start().await;
        hook.on("POST", "/hook", Reply::status(204));
        hook.on("GET", "/", Reply::status(401));
        world.alice.mutate("createWebhookEndpoint", "position", json!({ "url": hook.url("/hook") })).await;
        let mut input = bearer("Moving", "s3cr3t");
        input["fields"]["base_url"] = json!(hook.url(""));
        let credential = world.alice.create(input).await;
        let share = json!({ "credentialId": credential, "granteeId": world.team, "level": "USE" });
        world.alice.mutate("shareCredential", "position", share).await;
        world.alice.mutate("verifyCredential", "position", json!({ "credentialId": credential })).await;
        let rename = json!({ "credentialId": credential, "name": "Moved" });
        world.alice.mutate("updateCredential", "position", rename).await;
        // Created, shared, invalidated, renamed, and the alert.
        eventually("all is delivered", async || (delivered(&hook) == 5).then_some(())).await;
        let seen = world.alice.credential(&credential, HISTORY).await;
        let edges = seen["history"]["edges"].as_array().expect("edges").clone();
        let cursor = text(&edges[edges.len() - 2]["cursor"]);
        Self { world, hook, credential, cursor }
    }

    /// The events of the log, by what the embedded server says.
    async fn events(&self) -> usize {
        let log = "{ auditLog(first: 1000) { nodes { id } } }";
        self.world.alice.data(log, Value::Null).await["auditLog"]["nodes"].as_array().expect("events").len()
    }

    async fn copy(&self, to: &Double) -> Result<String, String> {
        let output = self.world.server.try_run(&["log", "copy", "--to", &to.url()]).await;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }
}

fn delivered(hook: &StubServer) -> usize {
    hook.requests().iter().filter(|request| request.method == "POST").count()
}

fn copied(double: &Double) -> Vec<keytrail_eventstore_double::Recorded> {
    double.all().into_iter().filter(|event| event.stream.starts_with("kt.")).collect()
}

async fn sees(client: &Client, id: &str) -> Value {
    client.credential(id, &format!("name status revision grants {{ level }} {HISTORY}")).await
}

#[tokio::test]
async fn a_log_that_was_copied_in_two_goes_is_whole_and_everything_goes_on() {
    let mut story = Story::told().await;
    let before = sees(&story.world.alice, &story.credential).await;
    let of_acme = story.events().await;
    let double = Double::start().await.unwrap();
    let running = story.copy(&double).await.expect_err("it runs");
    assert!(running.contains("in use") && running.contains("stop the server first"), "{running}");
    story.world.server.stop().await;
    // Killed in the middle.
    double.faults().always(Method::Append, Fault::Slow(std::time::Duration::from_millis(40)));
    let mut child = story.world.server.spawn(&["log", "copy", "--to", &double.url()]);
    eventually("some of it is there", async || (copied(&double).len() >= 4).then_some(())).await;
    child.kill().await.unwrap();
    double.faults().clear();
    let there = copied(&double).len();
    assert!(there < of_acme, "it was killed before the end");
    story.world.server.set("KEYTRAIL_EVENT_LOG", double.url());
    let half = story.world.server.refuses_to_start().await;
    assert!(half.contains("or not all, copied") && half.contains("keytrail log copy"), "{half}");
    let elsewhere = Keytrail::refused(Settings::default().set("KEYTRAIL_EVENT_LOG", double.url())).await;
    assert!(elsewhere.contains("not finished") && elsewhere.contains("keytrail log copy"), "{elsewhere}");
    // And cut again and again, before and after a write.
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutBefore, Fault::CutAfter] {
        double.faults().once(Method::Append, fault);
    }
    let said = story.copy(&double).await.expect("it goes on");
    assert!(said.contains("were there already") && said.contains("verified"), "{said}");
    let all = copied(&double);
    let ids: BTreeSet<_> = all.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), all.len(), "nothing is there twice");
    assert!(said.starts_with(&format!("{} events ", all.len())), "{said}");
    let again = story.copy(&double).await.expect("done already");
    assert_eq!(
        (copied(&double).len(), again.contains(&format!("({} were there", all.len()))),
        (all.len(), true)
    );
    goes_on(&mut story, &before, &double.url()).await;
}

/// The server on the copy answers the same, and sends nothing twice.
async fn goes_on(story: &mut Story, before: &Value, to: &str) {
    let server = &mut story.world.server;
    server.up().await;
    let alice = story.world.alice.at(&server.base);
    let ids = |seen: &Value| -> Vec<String> {
        let edges = seen["history"]["edges"].as_array().expect("edges").clone();
        edges.iter().map(|edge| text(&edge["node"]["id"])).collect()
    };
    let after = sees(&alice, &story.credential).await;
    assert_eq!(ids(&after), ids(before));
    for part in ["name", "status", "revision", "grants", "alerts"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    // A cursor of the old log is one of the new one.
    let query = "query($id: ID!, $after: String) { credential(id: $id) { history(first: 9, after: $after) { nodes { id } } } }";
    let rest = alice.data(query, json!({ "id": story.credential, "after": story.cursor })).await;
    let last = ids(before).pop().expect("an event");
    assert_eq!(rest["credential"]["history"]["nodes"], json!([{ "id": last }]));
    let sent = delivered(&story.hook);
    let rename = json!({ "credentialId": story.credential, "name": "Arrived" });
    alice.mutate("updateCredential", "visible", rename).await;
    eventually("the new event arrives", async || (delivered(&story.hook) > sent).then_some(())).await;
    let posted = story.hook.requests().into_iter().filter(|seen| seen.method == "POST");
    let bodies: Vec<Value> = posted.map(|seen| serde_json::from_slice(&seen.body).expect("json")).collect();
    let events: BTreeSet<String> = bodies.iter().map(|body| text(&body["id"])).collect();
    assert_eq!((events.len(), delivered(&story.hook)), (sent + 1, sent + 1), "each once");
    let deliveries = "{ webhookEndpoints { nodes { deliveries { totalCount } } } }";
    let known = async || {
        let seen = alice.data(deliveries, Value::Null).await;
        (seen["webhookEndpoints"]["nodes"][0]["deliveries"]["totalCount"] == sent + 1).then_some(())
    };
    eventually("the old deliveries are known too", known).await;
    server.run(&["vault", "sweep"]).await;
    server.stop().await;
    server.set("KEYTRAIL_EVENT_LOG", "embedded");
    // The same server by another name is the same.
    for address in [to.to_owned(), to.replace("127.0.0.1", "localhost")] {
        let used = server.try_run(&["log", "copy", "--to", &address]).await;
        let used = String::from_utf8_lossy(&used.stderr).into_owned();
        assert!(
            used.contains("somebody uses it already") && used.contains("copied all of it there"),
            "{used}"
        );
    }
    let moved = server.refuses_to_start().await;
    assert!(moved.contains("was copied to 127.0.0.1:") && moved.contains("log.moved"), "{moved}");
}

#[tokio::test]
async fn who_went_back_and_copies_again_has_everything_and_sends_nothing_twice() {
    let mut story = Story::told().await;
    story.world.server.stop().await;
    let double = Double::start().await.unwrap();
    story.world.server.set("KEYTRAIL_EVENT_LOG", double.url());
    let forgotten = story.world.server.refuses_to_start().await;
    assert!(forgotten.contains("or not all, copied"), "{forgotten}");
    assert!(forgotten.contains("`keytrail log copy`"), "{forgotten}");
    assert!(double.events("keytrail-log").is_empty(), "who is refused writes nothing");
    story.world.server.set("KEYTRAIL_EVENT_LOG", "embedded");
    story.copy(&double).await.expect("copied");
    let other = Double::start().await.unwrap();
    let moved = story.copy(&other).await.expect_err("it is somewhere else already");
    assert!(moved.contains(&format!("was copied to 127.0.0.1:{}", double.port())), "{moved}");
    assert!(!moved.contains("log.moved"), "{moved}");
    assert!(other.events("keytrail-log").is_empty(), "who is refused writes nothing");
    std::fs::remove_file(story.world.server.file("log.moved")).unwrap();
    let unclaimed = story.world.server.refuses_to_start().await;
    assert!(unclaimed.contains("belongs to event log") && unclaimed.contains("vault claim"), "{unclaimed}");
    story.world.server.claims(&unclaimed).await;
    story.world.server.up().await;
    let alice = story.world.alice.at(&story.world.server.base);
    let rename = json!({ "credentialId": story.credential, "name": "Between" });
    alice.mutate("updateCredential", "visible", rename).await;
    eventually("it is delivered", async || (delivered(&story.hook) == 6).then_some(())).await;
    story.world.server.stop().await;
    let before = story.copy(&double).await.expect("copied again");
    assert!(before.contains("verified"), "{before}");
    story.world.server.set("KEYTRAIL_EVENT_LOG", double.url());
    story.world.server.up().await;
    let alice = story.world.alice.at(&story.world.server.base);
    let rename = json!({ "credentialId": story.credential, "name": "After" });
    alice.mutate("updateCredential", "visible", rename).await;
    eventually("the new event arrives", async || (delivered(&story.hook) >= 7).then_some(())).await;
    assert_eq!(delivered(&story.hook), 7, "the one between was not sent again");
}

#[tokio::test]
async fn an_older_copy_of_the_log_beside_a_newer_vault_is_refused() {
    let mut story = Story::told().await;
    story.world.server.stop().await;
    let old = std::fs::read(story.world.server.file("log.db")).unwrap();
    story.world.server.up().await;
    story.world.alice.at(&story.world.server.base).create(bearer("Later", "t")).await;
    story.world.server.stop().await;
    std::fs::write(story.world.server.file("log.db"), old).unwrap();
    let double = Double::start().await.unwrap();
    let refused = story.copy(&double).await.expect_err("older");
    assert!(refused.contains("older copy"), "{refused}");
    assert!(copied(&double).is_empty());
}

#[tokio::test]
async fn a_target_that_is_no_copy_or_is_used_already_is_refused_and_left_alone() {
    let mut story = Story::told().await;
    let other = Double::start().await.unwrap();
    let busy = World::with(Settings::default().set("KEYTRAIL_EVENT_LOG", other.url())).await;
    busy.alice.create(bearer("Another", "t")).await;
    let had = copied(&other).len();
    story.world.server.stop().await;
    let foreign = story.copy(&other).await.expect_err("foreign");
    assert!(foreign.contains("no copy of this log"), "{foreign}");
    assert_eq!(copied(&other).len(), had);
    let password = ["log", "copy", "--to", "esdb://admin:s3cr3t@127.0.0.1:1?tls=false"];
    let output = story.world.server.try_run(&password).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("KEYTRAIL_EVENT_LOG") && !said.contains("s3cr3t"), "{said}");
    let nowhere = story.world.server.try_run(&["log", "copy"]).await;
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("--to"));
}

#[tokio::test]
async fn an_event_that_was_altered_is_named_and_nothing_is_copied() {
    let mut story = Story::told().await;
    story.world.server.stop().await;
    let log = story.world.server.file("log.db");
    let mut bytes = std::fs::read(&log).unwrap();
    let place = bytes.windows(8).position(|window| window == b"\"Moving\"").expect("the name is in the log");
    bytes[place + 1] = b'L';
    std::fs::write(&log, &bytes).unwrap();
    let double = Double::start().await.unwrap();
    let refused = story.copy(&double).await.expect_err("altered");
    assert!(refused.contains("was altered") && refused.contains(&story.credential), "{refused}");
    assert!(copied(&double).is_empty(), "all of it is walked before anything is written");
}
