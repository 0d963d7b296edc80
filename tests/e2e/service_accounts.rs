//! Service accounts: what their tokens may do, and that they are dead at once.

use keytrail_test_support::eventually;
use serde_json::{Value, json};

use crate::harness::{Client, EventStream, World, create_bearer, text};

const EVENTS: &str = "subscription { credentialEvents { __typename } }";
const VIEWER: &str = "{ viewer { tenant { slug } member { id } serviceAccount { id } } }";

pub(crate) async fn account(world: &World, name: &str) -> String {
    let input = json!({ "name": name });
    let made = world.alice.mutate("createServiceAccount", "serviceAccount { id }", input).await;
    text(&made["serviceAccount"]["id"])
}

/// Somebody who comes with a new token of the account, and the token's id.
pub(crate) async fn client(world: &World, account: &str, scopes: &[&str]) -> (Client, String) {
    let input = json!({ "serviceAccountId": account, "name": scopes.join(" "), "scopes": scopes });
    let made = world.alice.mutate("createApiToken", "token serviceAccount { tokens { id } }", input).await;
    let tokens = made["serviceAccount"]["tokens"].as_array().expect("tokens");
    let id = text(&tokens.last().expect("the new one")["id"]);
    (Client::new(&world.server.base, Some(text(&made["token"]))), id)
}

async fn share(world: &World, credential: &str, account: &str) {
    let input = json!({ "credentialId": credential, "granteeId": account, "level": "USE" });
    world.alice.mutate("shareCredential", "visible", input).await;
}

fn wish(id: &str) -> Value {
    json!({ "credentialId": id, "purpose": "nightly sync" })
}

async fn is_dead(client: &Client) {
    assert_eq!(client.code(VIEWER, Value::Null).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_within_what_was_granted() {
    let world = World::start().await;
    let bot = account(&world, "runtime").await;
    let shared = create_bearer(&world.alice, "Shared", "a").await;
    let other = create_bearer(&world.alice, "Other", "b").await;
    share(&world, &shared, &bot).await;
    let (reader, _) = client(&world, &bot, &["READ"]).await;
    let (leaser, _) = client(&world, &bot, &["LEASE"]).await;
    assert_eq!(
        reader.data(VIEWER, Value::Null).await["viewer"],
        json!({ "tenant": { "slug": "acme" }, "member": null, "serviceAccount": { "id": bot } })
    );
    let seen = reader.data("{ credentials { nodes { name } totalCount } }", Value::Null).await;
    assert_eq!(seen["credentials"], json!({ "nodes": [{ "name": "Shared" }], "totalCount": 1 }));
    assert_eq!(reader.refused("leaseCredential", wish(&shared)).await["code"], "FORBIDDEN");
    let leased = leaser.mutate("leaseCredential", "lease { token }", wish(&shared)).await;
    assert!(leased["lease"]["token"].is_string());
    assert_eq!(leaser.refused("leaseCredential", wish(&other)).await["code"], "NOT_FOUND");
    let error = leaser.error("{ credentials { totalCount } }", Value::Null).await;
    assert_eq!(error["extensions"]["code"], "FORBIDDEN");
    assert!(text(&error["message"]).contains("READ"), "{error:#}");
    // What a mutation did is shown; what is found from there is read.
    for further in ["consumers { count }", "owner { __typename }"] {
        let query = format!(
            "mutation($input: LeaseCredentialInput!) {{ leaseCredential(input: $input) {{
                lease {{ id }} credential {{ name {further} }} }} }}"
        );
        let error = leaser.error(&query, json!({ "input": wish(&shared) })).await;
        assert!(text(&error["message"]).contains("READ"), "{error:#}");
    }
    let verify = json!({ "credentialId": shared });
    assert_eq!(leaser.refused("verifyCredential", verify).await["code"], "FORBIDDEN");
    let (writer, _) = client(&world, &bot, &["WRITE", "READ"]).await;
    assert_eq!(writer.refused("createTeam", json!({ "name": "X" })).await["code"], "NOT_FOUND");
    let mut mine = json!({ "component": "http-bearer", "name": "X", "verify": false });
    mine["fields"] = json!({ "base_url": "https://a.example", "token": "x" });
    let refused = writer.refused("createCredential", mine).await;
    assert!(
        ["FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT"].contains(&text(&refused["code"]).as_str()),
        "{refused}"
    );
    let leases = world.alice.credential(&shared, "consumers { consumer { kind name } }").await;
    assert_eq!(leases["consumers"], json!([{ "consumer": { "kind": "SERVICE_ACCOUNT", "name": bot } }]));
    let used = "{ serviceAccounts { nodes { name tokens { name scopes lastUsedAt revokedAt } } } }";
    let noted = async || {
        let seen = world.alice.data(used, Value::Null).await;
        let tokens = seen["serviceAccounts"]["nodes"][0]["tokens"].clone();
        tokens
            .as_array()
            .expect("tokens")
            .iter()
            .all(|token| token["lastUsedAt"].is_string())
            .then_some(tokens)
    };
    assert_eq!(eventually("the use is noted", noted).await[2]["scopes"], json!(["READ", "WRITE"]));
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_once_on_open_sockets_too() {
    let world = World::start().await;
    let bot = account(&world, "runtime").await;
    let (one, id) = client(&world, &bot, &["READ"]).await;
    let (two, _) = client(&world, &bot, &["READ"]).await;
    let mut socket = one.socket().await;
    let subscription = socket.subscribe(EVENTS, Value::Null).await;
    let mut stream = EventStream::open(&one, EVENTS, Value::Null).await;
    world.alice.mutate("revokeApiToken", "visible", json!({ "tokenId": id })).await;
    is_dead(&one).await;
    let told = socket.hear().await;
    assert_eq!((&told["id"], &told["type"]), (&json!(subscription), &json!("error")), "{told:#}");
    assert_eq!(told["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{told:#}");
    assert_eq!(stream.next().await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    two.data(VIEWER, Value::Null).await;
    world.alice.mutate("deleteServiceAccount", "visible", json!({ "serviceAccountId": bot })).await;
    is_dead(&two).await;
}

#[tokio::test]
async fn a_deleted_account_has_nothing_and_is_named_in_history() {
    let world = World::start().await;
    let bot = account(&world, "runtime").await;
    let id = create_bearer(&world.alice, "Shared", "a").await;
    share(&world, &id, &bot).await;
    let access = "query($id: ID!) { credentialAccess(id: $id) { nodes {
        grantee { ... on ServiceAccount { name } } } } }";
    let named = async || {
        let seen = world.alice.data(access, json!({ "id": id })).await;
        seen["credentialAccess"].to_string().contains("runtime")
    };
    assert!(named().await);
    let taken = json!({ "name": "Runtime" });
    assert_eq!(world.alice.refused("createServiceAccount", taken.clone()).await["code"], "CONFLICT");
    world.alice.mutate("deleteServiceAccount", "visible", json!({ "serviceAccountId": bot })).await;
    assert!(!named().await);
    let input = json!({ "credentialId": id, "granteeId": bot, "level": "VIEW" });
    assert_eq!(world.alice.refused("shareCredential", input).await["code"], "NOT_FOUND");
    let node = "query($id: ID!) { node(id: $id) { ... on ServiceAccount { name deletedAt } } }";
    assert!(world.alice.data(node, json!({ "id": bot })).await["node"]["deletedAt"].is_string());
    world.alice.mutate("createServiceAccount", "visible", taken).await;
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_hash() {
    let world = World::start().await;
    let bot = account(&world, "runtime").await;
    let input = json!({ "serviceAccountId": bot, "name": "x", "scopes": ["READ"], "idempotencyKey": "k" });
    let first = world.alice.mutate("createApiToken", "token alreadyShown", input.clone()).await;
    let again = world.alice.mutate("createApiToken", "token alreadyShown replayed", input).await;
    assert_eq!(again, json!({ "token": null, "alreadyShown": true, "replayed": true }));
    let token = text(&first["token"]);
    assert!(token.starts_with("kt_") && first["alreadyShown"] == false);
    let log = "{ auditLog(last: 50) { nodes { type data } } }";
    let log = world.alice.data(log, Value::Null).await.to_string();
    assert!(log.contains("ApiTokenCreated") && !log.contains(&token[29..]));
    let forged = format!("{}{}", &token[..71], if token.ends_with('A') { "B" } else { "A" });
    for wrong in [forged, token[..60].to_owned(), "kt_".to_owned(), "kt_x".to_owned()] {
        is_dead(&Client::new(&world.server.base, Some(wrong))).await;
    }
    for (name, value) in [("scopes", json!([])), ("expiresAt", json!("2020-01-01T00:00:00Z"))] {
        let mut input = json!({ "serviceAccountId": bot, "name": "x", "scopes": ["READ"] });
        input[name] = value;
        assert_eq!(world.alice.refused("createApiToken", input).await["code"], "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_token_is_good_after_a_restart_and_ends_at_its_date() {
    let mut world = World::start().await;
    let bot = account(&world, "runtime").await;
    let (lasting, _) = client(&world, &bot, &["READ"]).await;
    world.server.kill().await;
    world.server.up().await;
    lasting.at(&world.server.base).data(VIEWER, Value::Null).await;
    let alice = world.alice.at(&world.server.base);
    // The server's own clock, not this one, says when.
    let made = alice.mutate("createTeam", "team { createdAt }", json!({ "name": "Now" })).await;
    let now: jiff::Timestamp = text(&made["team"]["createdAt"]).parse().expect("a moment");
    let end = (now + jiff::SignedDuration::from_secs(3)).to_string();
    let input = json!({ "serviceAccountId": bot, "name": "x", "scopes": ["READ"], "expiresAt": end });
    let token = text(&alice.mutate("createApiToken", "token", input).await["token"]);
    let short = Client::new(&world.server.base, Some(token));
    short.data(VIEWER, Value::Null).await;
    let ended = async || {
        let answer = short.ask(VIEWER, Value::Null).await;
        (answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED").then_some(())
    };
    eventually("the token has ended", ended).await;
}

#[tokio::test]
async fn a_role_alone_gives_no_service_account_the_use_of_a_credential() {
    let world = World::start().await;
    let bot = account(&world, "runtime").await;
    let hers = create_bearer(&world.carol, "Hers", "x").await;
    let input = |level: &str| json!({ "credentialId": hers, "granteeId": bot, "level": level });
    assert_eq!(world.alice.refused("shareCredential", input("USE")).await["reason"], "REASON_REQUIRED");
    world.alice.mutate("shareCredential", "visible", input("VIEW")).await;
    world.carol.mutate("shareCredential", "visible", input("USE")).await;
}
