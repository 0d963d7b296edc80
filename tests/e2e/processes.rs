//! Processes: how they start, share a directory, answer operators, and stop.

use std::{
    process::Output,
    time::{Duration, Instant},
};

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, Keytrail, Socket, World, bearer, create_bearer};

const CREATE: &str = "mutation($input: CreateCredentialInput!) {
    createCredential(input: $input) { credential { id status } }
}";
const EVENTS: &str = "subscription { credentialEvents {
    ... on CredentialChange { event { type } } ... on AccessLost { id }
} }";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_second_process_on_a_directory_is_refused_and_told_who_holds_it() {
    let server = Keytrail::start().await;
    let refused = server.refuses_to_start().await;
    assert!(refused.contains(&format!("process {}", server.pid())), "{refused}");
    assert!(refused.contains(server.data_dir().to_str().unwrap()), "{refused}");
    assert_eq!(server.anonymous().get("/readyz").await.status(), 200, "the first one goes on");
}

#[tokio::test]
async fn a_directory_of_a_killed_process_can_be_used_at_once() {
    let mut server = Keytrail::start().await;
    server.kill().await;
    server.up().await;
    assert_eq!(server.anonymous().get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn sigterm_closes_sockets_finishes_what_runs_and_exits_with_0_in_ten_seconds() {
    let mut server = Keytrail::start().await;
    let alice = server.sign_in("acme", "alice").await;
    let mut socket = alice.socket().await;
    socket.subscribe(EVENTS, Value::Null).await;
    let stub = StubServer::start().await;
    stub.on("GET", "/", Reply::status(204).after(Duration::from_secs(2)));
    let mut input = bearer("In flight", "s3cr3t");
    input["verify"] = json!(true);
    input["fields"]["base_url"] = json!(stub.url(""));
    let create = tokio::spawn({
        let alice = alice.clone();
        async move { alice.data(CREATE, json!({ "input": input })).await }
    });
    stub.wait_for(1).await;

    let began = Instant::now();
    let (status, code) = tokio::join!(server.stop(), socket.closed());
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert_eq!((status.code(), code), (Some(0), 1001));
    let made = create.await.unwrap();
    assert_eq!(made["createCredential"]["credential"]["status"], "VALID", "what runs is finished");
    let beside = std::fs::metadata(server.file("log.db-wal")).map_or(0, |found| found.len());
    assert_eq!(beside, 0, "the log is one file, to be copied as it is");

    server.up().await;
    let kept = alice.at(&server.base).data("{ credentials { nodes { name } } }", Value::Null).await;
    assert_eq!(kept["credentials"]["nodes"], json!([{ "name": "In flight" }]));
}

#[tokio::test]
async fn a_token_is_one_line_and_nothing_else_from_a_running_or_a_stopped_server() {
    let mut server = Keytrail::start().await;
    let arguments = ["token", "--tenant", "acme", "--user", "alice", "--ttl", "15m"];
    for is_running in [true, false] {
        if !is_running {
            server.stop().await;
        }
        let output = server.try_run(&arguments).await;
        let token = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
        let parts = token.strip_suffix('\n').expect("a line").split('.').count();
        assert!(parts == 3 && !token.trim_end().contains(char::is_whitespace));
        if !is_running {
            server.up().await;
        }
        let alice = Client::new(&server.base, Some(token.trim().to_owned()));
        let role = alice.data("{ viewer { role } }", Value::Null).await;
        assert_eq!(role["viewer"]["role"], "OWNER");
    }
    for arguments in
        [["token", "--tenant", "acme", "--user", "nobody"], ["token", "--tenant", "no", "--user", "alice"]]
    {
        let output = server.try_run(&arguments).await;
        assert!(!output.status.success() && output.stdout.is_empty() && said(&output).contains("hint: "));
    }
}

#[tokio::test]
async fn a_tenant_is_made_once_also_by_a_stopped_server() {
    let mut server = Keytrail::start().await;
    for is_running in [true, false] {
        if !is_running {
            server.stop().await;
        }
        let output = server.try_run(&["tenant", "create", "acme", "--owner", "mallory"]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("error: ") && said(&output).contains("hint: "), "{}", said(&output));
    }
    server.up().await;
    let taken = server.try_run(&["token", "--tenant", "acme", "--user", "mallory"]).await;
    assert!(!taken.status.success(), "the second owner is none");
}

#[tokio::test]
async fn the_printed_schema_is_the_one_that_is_checked_in() {
    let server = Keytrail::start().await;
    let printed = server.run(&["schema"]).await;
    assert!(printed == include_str!("../../graphql/schema.graphql"), "run `cargo xtask schema`");
}

#[tokio::test]
async fn serve_refuses_the_directory_of_dev() {
    let mut server = Keytrail::start().await;
    server.stop().await;
    std::fs::write(server.file("keytrail-mode"), "dev\n").unwrap();
    let refused = server.refuses_to_start().await;
    assert!(refused.contains("keytrail dev") && refused.contains("hint: "), "{refused}");
    std::fs::write(server.file("keytrail-mode"), "serve\n").unwrap();
    server.up().await;
}

#[tokio::test]
async fn bent_foreign_and_expired_tokens_are_refused_alike() {
    let server = Keytrail::start().await;
    let other = Keytrail::start().await;
    let good = server.token("acme", "alice").await;
    let bent = format!("{}A{}", &good[..good.len() - 20], &good[good.len() - 19..]);
    for token in [bent, other.token("acme", "alice").await, "x".to_owned(), String::new()] {
        let caller = Client::new(&server.base, Some(token));
        let error = caller.error("{ viewer { role } }", Value::Null).await;
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED", "{error:#}");
    }
    let brief = server.run(&["token", "--tenant", "acme", "--user", "alice", "--ttl", "1s"]).await;
    let caller = Client::new(&server.base, Some(brief.trim().to_owned()));
    eventually("the token has expired", async || {
        let answer = caller.ask("{ viewer { role } }", Value::Null).await;
        (answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED").then_some(())
    })
    .await;
    assert_eq!(
        Client::new(&server.base, Some(good)).ask("{ viewer { role } }", Value::Null).await["errors"],
        Value::Null
    );
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let server = Keytrail::start().await;
    let brief = server.run(&["token", "--tenant", "acme", "--user", "alice", "--ttl", "3s"]).await;
    let mut socket = Client::new(&server.base, Some(brief.trim().to_owned())).socket().await;
    socket.subscribe(EVENTS, Value::Null).await;
    assert!((4400..4500).contains(&socket.closed().await));
}

#[tokio::test]
async fn a_removed_member_is_out_at_once_and_his_socket_hears_nothing_more() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Shared", "s3cr3t").await;
    let share = "mutation($input: ShareCredentialInput!) { shareCredential(input: $input) { visible } }";
    let input = json!({ "credentialId": id, "granteeId": world.bob_id, "level": "VIEW" });
    world.alice.data(share, json!({ "input": input })).await;
    let rename = "mutation($id: ID!, $name: String!) {
        updateCredential(input: { credentialId: $id, name: $name }) { visible }
    }";
    let mut socket = world.bob.socket().await;
    let after = first_cursor(&world.bob).await;
    let query = "subscription($after: String) { credentialEvents(after: $after) {
        ... on CredentialChange { event { type } } ... on AccessLost { id }
    } }";
    socket.subscribe(query, json!({ "after": after })).await;
    world.alice.data(rename, json!({ "id": id, "name": "Seen" })).await;
    loop {
        // What came between the cursor and the rename is told first.
        if socket.next_data().await["credentialEvents"]["event"]["type"] == "CredentialRenamed" {
            break;
        }
    }
    let remove = "mutation($id: ID!) { removeMember(input: { memberId: $id }) { visible } }";
    world.alice.data(remove, json!({ "id": world.bob_id })).await;
    assert_eq!(world.bob.code("{ viewer { role } }", Value::Null).await, "UNAUTHENTICATED");
    world.alice.data(rename, json!({ "id": id, "name": "Unseen" })).await;
    hears_only_the_end(&mut socket).await;
}

async fn first_cursor(bob: &Client) -> Value {
    let history = "{ credentials { nodes { history(first: 1) { edges { cursor } } } } }";
    bob.data(history, Value::Null).await["credentials"]["nodes"][0]["history"]["edges"][0]["cursor"].clone()
}

/// That he is nobody now, and nothing of what comes then.
async fn hears_only_the_end(socket: &mut Socket) {
    let end = socket.hear().await;
    assert_eq!(end["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{end:#}");
    assert_eq!(end["payload"]["data"], Value::Null);
    assert_eq!(socket.hear().await["type"], "complete");
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
}

#[tokio::test]
async fn health_readiness_keys_and_numbers_are_for_everybody() {
    let world = World::start().await;
    create_bearer(&world.alice, "Counted", "s3cr3t").await;
    let anyone = world.server.anonymous();
    let health: Value = anyone.get("/healthz").await.json().await.unwrap();
    assert_eq!(health, json!({ "status": "ok" }));
    let readiness: Value = anyone.get("/readyz").await.json().await.unwrap();
    let ready = json!({ "ready": true });
    assert_eq!(
        readiness,
        json!({ "status": "ready", "parts": { "log": ready, "vault": ready, "views": ready } })
    );
    let keys: Value = anyone.get("/.well-known/jwks.json").await.json().await.unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519", "{keys}");
    assert!(keys["keys"][0]["d"].is_null(), "the private part is published");
    let numbers = anyone.get("/metrics").await.text().await.unwrap();
    for name in [
        "keytrail_http_requests_total{",
        "keytrail_http_request_duration_seconds_bucket{",
        "keytrail_http_sockets_open ",
        "keytrail_http_subscriptions_open ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(numbers.lines().any(|line| line.starts_with(name)), "{name} is missing:\n{numbers}");
    }
    assert!(!numbers.contains("acme"), "no number says whose it is");
}

#[tokio::test]
async fn a_sweep_of_a_healthy_vault_finds_its_secrets_and_no_litter() {
    let mut world = World::start().await;
    create_bearer(&world.alice, "Kept", "s3cr3t").await;
    for is_running in [true, false] {
        if !is_running {
            world.server.stop().await;
        }
        for (arguments, verb) in
            [(&["vault", "sweep", "--dry-run"][..], "would delete"), (&["vault", "sweep"], "deleted")]
        {
            let swept = world.server.run(arguments).await;
            let seen =
                swept.strip_prefix(&format!("{verb} 0 of ")).and_then(|rest| rest.strip_suffix(" secrets\n"));
            assert!(seen.is_some_and(|seen| seen.parse::<u32>().unwrap() >= 3), "{swept}");
        }
    }
}
