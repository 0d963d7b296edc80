//! The real binary when its event store goes away in the middle of something, and behind TLS.

use std::{path::Path, time::Duration};

use keytrail_eventstore_double::{Double, Fault, Method, Rights};
use keytrail_test_support::{Authority, eventually};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    harness::{Client, Keytrail, Settings, World, bearer, mutation},
    kurrent::{Cluster, PASSWORD, names},
};

/// No mutation takes longer, whatever becomes of the event store.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer in time.
async fn ask(client: &Client, name: &str, input: &Value) -> Value {
    let text = mutation(name, "position credential { id name }");
    timeout(PATIENCE, client.ask(&text, json!({ "input": input }))).await.expect("an answer in time")
}

fn keyed(mut input: Value, key: &str) -> Value {
    input["idempotencyKey"] = json!(key);
    input
}

/// The same mutation again, as soon as the event store is back.
async fn at_last(client: &Client, name: &str, input: &Value) -> Value {
    let done = eventually("the event store is back", async || {
        let answer = ask(client, name, input).await;
        answer["errors"].is_null().then_some(answer)
    });
    done.await["data"][name]["credential"].clone()
}

fn count(double: &Double, kind: &str) -> usize {
    double.all().iter().filter(|event| event.kind == kind).count()
}

#[tokio::test]
async fn while_the_event_store_is_away_mutations_are_refused_in_time_and_nothing_is_half_done() {
    let cluster = Cluster::start().await;
    let world = World::with(cluster.settings.clone()).await;
    let id = world.alice.create(bearer("Before", "t")).await;
    let create = keyed(bearer("Later", "t"), "create");
    let rename = keyed(json!({ "credentialId": id, "name": "After" }), "rename");
    cluster.double.stop().await;
    for (name, input) in [("createCredential", &create), ("updateCredential", &rename)] {
        let refused = ask(&world.alice, name, input).await;
        let error = &refused["errors"][0];
        let told = json!({ "code": "UNAVAILABLE", "dependency": "event log", "retryAfterSeconds": 1 });
        assert_eq!(error["extensions"], told, "{name}: {refused:#}");
        assert_eq!(error["message"], "event log is not available: try again", "{name}");
    }
    assert_eq!(names(&world.alice).await, ["Before"], "queries go on");
    assert_eq!(
        (count(&cluster.double, "CredentialCreated"), count(&cluster.double, "CredentialRenamed")),
        (1, 0)
    );
    cluster.double.resume().await.unwrap();
    assert_eq!(at_last(&world.alice, "createCredential", &create).await["name"], "Later");
    assert_eq!(
        at_last(&world.alice, "updateCredential", &rename).await,
        json!({ "id": id, "name": "After" })
    );
    assert_eq!(
        (count(&cluster.double, "CredentialCreated"), count(&cluster.double, "CredentialRenamed")),
        (2, 1)
    );
}

/// Of the server's log, what it said of its own at this level.
fn said(log: &str, level: &str) -> Vec<String> {
    let ours = |line: &&str| line.contains(&format!(" {level} ")) && line.contains("keytrail_");
    log.lines().filter(ours).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_event_store_that_goes_away_is_named_once_and_readiness_and_a_stop_do_not_wait_for_it() {
    let cluster = Cluster::start().await;
    let mut world = World::with(cluster.settings.clone().set("KEYTRAIL_LOG", "info")).await;
    world.alice.create(bearer("Before", "t")).await;
    let alice = world.alice.clone();
    let ready = async |wanted: bool| {
        let answer = alice.get("/readyz").await;
        (answer.status().is_success() == wanted).then_some(answer)
    };
    let server = format!("nothing listens at 127.0.0.1:{}", cluster.double.port());
    cluster.double.stop().await;
    let told =
        async || said(&world.server.log(), "WARN").iter().any(|line| line.contains(&server)).then_some(());
    eventually("the log names the server", told).await;
    let asked = std::time::Instant::now();
    let answer = eventually("it is not ready", async || ready(false).await).await.text().await.unwrap();
    assert!(answer.contains("\"log\":{\"ready\":false"), "{answer}");
    let answered = world.alice.get("/readyz").await.status();
    assert!(answered == 503 && asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // Long enough that whoever does the work loses the right to it, and everybody has tried again.
    let lost = async || (world.server.log().matches("the lease is lost").count() == 6).then_some(());
    eventually("the leases are lost", lost).await;
    cluster.double.resume().await.unwrap();
    eventually("it is ready again", async || ready(true).await).await;
    eventually("and says so", async || world.server.log().contains("answers again").then_some(())).await;
    let log = world.server.log();
    assert_eq!(said(&log, "ERROR"), Vec::<String>::new(), "{log}");
    for what in ["the event log is away", "the journal is away"] {
        assert_eq!(log.matches(what).count(), 1, "{what}: {log}");
    }
    assert!(said(&log, "WARN").len() <= 20, "{log}");
    cluster.double.stop().await;
    eventually("it is away again", async || ready(false).await).await;
    assert!(world.server.stop().await.success());
    for what in ["some tasks did not end in time", "the vault was not told"] {
        assert!(!world.server.log().contains(what), "{}", world.server.log());
    }
}

/// An empty server where another one was.
async fn another_in_place_of(double: &Double) -> Double {
    double.stop().await;
    let another = Double::builder().port(double.port()).start().await.unwrap();
    another.users(&[("keytrail", PASSWORD, Rights::Write)]);
    another
}

#[tokio::test]
async fn a_server_that_comes_back_with_another_log_is_not_written_to_and_a_start_says_what_to_do() {
    let cluster = Cluster::start().await;
    let mut world = World::with(cluster.settings.clone().set("KEYTRAIL_LOG", "info")).await;
    world.alice.create(bearer("Before", "t")).await;
    let wrong = another_in_place_of(&cluster.double).await;
    let told = async || world.server.log().contains("has another event log").then_some(());
    eventually("it is found out", told).await;
    assert_eq!(said(&world.server.log(), "ERROR").len(), 1, "{}", world.server.log());
    assert_eq!(world.alice.get("/readyz").await.status(), 503);
    let refused = ask(&world.alice, "createCredential", &bearer("Lost", "t")).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{refused:#}");
    assert_eq!(names(&world.alice).await, ["Before"], "queries go on");
    let ours = |double: &Double| double.all().iter().filter(|event| event.stream.starts_with("kt")).count();
    assert_eq!(ours(&wrong), 0, "neither an event nor a mark of the journal");
    world.server.stop().await;
    let said = world.server.refuses_to_start().await;
    assert!(said.contains("belongs to event log") && said.contains("keytrail vault claim"), "{said}");
    wrong.stop().await;
    cluster.double.resume().await.unwrap();
    world.server.up().await;
    let alice = world.alice.at(&world.server.base);
    assert_eq!(names(&alice).await, ["Before"]);
    // The right one comes back to a server that runs.
    let wrong = another_in_place_of(&cluster.double).await;
    eventually("it is found out", async || {
        world.server.log().contains("has another event log").then_some(())
    })
    .await;
    wrong.stop().await;
    cluster.double.resume().await.unwrap();
    at_last(&alice, "createCredential", &bearer("After", "t")).await;
    // Who means it says so.
    world.server.stop().await;
    let anew = another_in_place_of(&cluster.double).await;
    let refused = world.server.refuses_to_start().await;
    assert!(refused.contains("the server has none"), "{refused}");
    assert!(anew.events("keytrail-log").is_empty(), "who is refused writes nothing");
    let wrong = ["vault", "claim", "--instead-of", "00000000-0000-0000-0000-000000000001"];
    let wrong = world.server.try_run(&wrong).await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("and not to"), "{wrong:?}");
    let claimed = world.server.claims(&refused).await;
    assert!(claimed.contains("the vault belongs to event log"), "{claimed}");
    world.server.up().await;
}

#[tokio::test]
async fn an_older_copy_of_the_log_is_refused_and_who_means_it_gets_views_that_lack_nothing() {
    let mut world = World::with(Settings::embedded()).await;
    world.alice.create(bearer("Kept", "t")).await;
    world.server.stop().await;
    let older = std::fs::read(world.server.file("log.db")).unwrap();
    world.server.up().await;
    for number in 0..9 {
        world.alice.at(&world.server.base).create(bearer(&format!("Lost {number}"), "t")).await;
    }
    world.server.stop().await;
    std::fs::write(world.server.file("log.db"), older).unwrap();
    let refused = world.server.refuses_to_start().await;
    assert!(refused.contains("older copy"), "{refused}");
    world.server.claims(&refused).await;
    world.server.up().await;
    let alice = world.alice.at(&world.server.base);
    assert_eq!(names(&alice).await, ["Kept"], "the views are made anew");
    alice.create(bearer("New", "t")).await;
    let mut seen = names(&alice).await;
    seen.sort();
    assert_eq!(seen, ["Kept", "New"], "what comes after is seen, also where the old views had been further");
}

#[tokio::test]
async fn an_older_copy_that_the_vault_does_not_know_of_is_found_by_the_views() {
    let cluster = Cluster::start().await;
    let mut world = World::with(cluster.settings.clone().set("KEYTRAIL_LOG", "info")).await;
    world.alice.create(bearer("Kept", "t")).await;
    let older = cluster.double.all().len();
    world.alice.create(bearer("Lost", "t")).await;
    // Sooner back than anybody tells of, and the vault learned last how far the log was when the node began.
    cluster.double.stop().await;
    cluster.double.restore(older);
    cluster.double.resume().await.unwrap();
    let told = async || world.server.log().contains("another history").then_some(());
    eventually("it is found out", told).await;
    let refused = ask(&world.alice, "createCredential", &bearer("Unseen", "t")).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{refused:#}");
    world.server.kill().await;
    let refused = world.server.refuses_to_start().await;
    assert!(refused.contains("lacks what this node's views have seen"), "{refused}");
    std::fs::remove_file(world.server.file("views.db")).unwrap();
    world.server.up().await;
    let alice = world.alice.at(&world.server.base);
    assert_eq!(names(&alice).await, ["Kept"]);
    at_last(&alice, "createCredential", &bearer("New", "t")).await;
}

#[tokio::test]
async fn without_its_vault_no_node_begins_a_log_or_goes_on_with_another_one() {
    let cluster = Cluster::start().await;
    let mut world = World::with(cluster.settings.clone()).await;
    world.alice.create(bearer("Before", "t")).await;
    world.server.stop().await;
    cluster.vault.stop();
    let anew = another_in_place_of(&cluster.double).await;
    let refused = world.server.refuses_to_start().await;
    assert!(refused.contains("has no event log yet"), "{refused}");
    assert!(anew.events("keytrail-log").is_empty(), "who is refused writes nothing");
    anew.stop().await;
    let other = Cluster::on(Double::builder().port(cluster.double.port()).start().await.unwrap()).await;
    let elsewhere = World::with(other.settings.clone()).await;
    elsewhere.alice.create(bearer("Of others", "t")).await;
    let refused = world.server.refuses_to_start().await;
    assert!(refused.contains("were made from another event log"), "{refused}");
    drop(elsewhere);
    other.double.stop().await;
    cluster.double.resume().await.unwrap();
    world.server.up().await;
    assert_eq!(names(&world.alice.at(&world.server.base)).await, ["Before"]);
}

#[tokio::test]
async fn a_mutation_whose_answer_was_lost_for_good_says_so_and_is_done_once_when_it_is_asked_again() {
    let cluster = Cluster::start().await;
    let world = World::with(cluster.settings.clone()).await;
    let id = world.alice.create(bearer("Before", "t")).await;
    for (name, kind, input) in [
        ("createCredential", "CredentialCreated", keyed(bearer("Lost", "t"), "create")),
        (
            "updateCredential",
            "CredentialRenamed",
            keyed(json!({ "credentialId": id, "name": "After" }), "rename"),
        ),
    ] {
        let before = count(&cluster.double, kind);
        // It is written, nobody hears of it, and then nobody is there any more.
        cluster.double.faults().always(Method::Append, Fault::CutAfter);
        let goes = async {
            let written = async || (count(&cluster.double, kind) > before).then_some(());
            eventually("it is written", written).await;
            cluster.double.stop().await;
        };
        let (lost, ()) = tokio::join!(ask(&world.alice, name, &input), goes);
        let error = &lost["errors"][0];
        assert_eq!(
            error["extensions"],
            json!({ "code": "UNAVAILABLE", "dependency": "event log" }),
            "{lost:#}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("not known") && message.contains("same idempotencyKey"), "{message}");
        cluster.double.faults().clear();
        cluster.double.resume().await.unwrap();
        at_last(&world.alice, name, &input).await;
        assert_eq!(count(&cluster.double, kind), before + 1, "{name} is done once");
    }
    let mut seen = names(&world.alice).await;
    seen.sort();
    assert_eq!(seen, ["After", "Lost"]);
}

/// The address with the certificate of whoever is trusted.
fn trusting(address: &str, file: &Path, authority: &Authority) -> String {
    std::fs::write(file, authority.pem()).unwrap();
    format!("{address}&tlsCaFile={}", file.display())
}

#[tokio::test]
async fn an_event_store_behind_tls_is_used_when_the_file_names_its_authority_and_else_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let identity = ours.identity(&["127.0.0.1"]);
    let double = Double::builder().tls(&identity.certificate, &identity.key).start().await.unwrap();
    let cluster = Cluster::on(double).await;
    let folder = tempfile::tempdir().unwrap();
    let address = cluster.address();
    let right = trusting(&address, &folder.path().join("ours.pem"), &ours);
    let world = World::with(cluster.settings.clone().set("KEYTRAIL_EVENT_LOG", right)).await;
    world.alice.create(bearer("Behind TLS", "t")).await;
    assert_eq!(names(&world.alice).await, ["Behind TLS"]);
    assert_eq!(count(&cluster.double, "CredentialCreated"), 1);
    let wrong = trusting(&address, &folder.path().join("theirs.pem"), &theirs);
    for address in [wrong, address] {
        let said = Keytrail::refused(
            cluster.settings.clone().set("KEYTRAIL_LOG", "info").set("KEYTRAIL_EVENT_LOG", address),
        )
        .await;
        for part in ["KEYTRAIL_EVENT_LOG", "tlsCaFile", "certificate"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("panicked") && !said.contains("s3cr3t"), "{said}");
    }
}
