//! What callers see while the vault is in trouble, and that it passes by itself.

use std::time::{Duration, Instant};

use keytrail_ports::{SecretError, SecretStore};
use keytrail_test_support::{BlackHole, OpenBao, Reply, StubServer, eventually};
use keytrail_vault::{VaultConfig, VaultSecretStore};
use serde_json::{Value, json};

use crate::*;

const PATIENCE: Duration = Duration::from_secs(<dyn SecretStore>::PATIENCE_SECONDS);

#[tokio::test]
async fn a_sealed_vault_is_unavailable_until_it_is_unsealed() {
    let server = OpenBao::raft_with_policy().await;
    let store = store_of_approle(&server).await;
    let at = somewhere();
    store.put(at, &payload("kept")).await.unwrap();

    server.seal().await;
    for outcome in
        [store.put(somewhere(), &payload("x")).await, store.get(at).await.map(drop), store.health().await]
    {
        assert!(is_unavailable(&outcome), "{outcome:?}");
    }
    server.unseal().await;
    recovered(&store).await;
    assert!(store.get(at).await.unwrap() == payload("kept"));
}

#[tokio::test]
async fn a_vault_that_is_down_is_unavailable_until_it_is_started_again() {
    let server = OpenBao::raft_with_policy().await;
    let store = store_of_approle(&server).await;
    let at = somewhere();
    store.put(at, &payload("kept")).await.unwrap();

    server.stop();
    for _ in 0..8 {
        let began = Instant::now();
        let outcome = store.get(at).await;
        assert!(is_unavailable(&outcome) && began.elapsed() < PATIENCE, "{outcome:?}");
    }
    server.start().await;
    recovered(&store).await;
    assert!(store.get(at).await.unwrap() == payload("kept"), "what was acknowledged survived a kill");
}

#[tokio::test]
async fn a_store_that_starts_before_its_vault_logs_in_when_it_comes() {
    let server = OpenBao::raft_with_policy().await;
    let access = server.fresh_access().await;
    server.stop();
    let store = connect(config(&server, &access.mount, approle(&access))).await;
    assert!(is_unavailable(&store.health().await));
    server.start().await;
    recovered(&store).await;
}

#[tokio::test]
async fn a_vault_that_never_answers_is_unavailable_in_time() {
    let hole = BlackHole::open();
    let address = hole.address();
    let store = connect(VaultConfig {
        address,
        mount: "keytrail".to_owned(),
        namespace: None,
        ca_file: None,
        login: token("s.any"),
    })
    .await;
    assert!(time_to_refusal(&store).await < PATIENCE);
    // Who comes later need not wait again.
    assert!(time_to_refusal(&store).await < Duration::from_secs(1));
}

async fn time_to_refusal(store: &VaultSecretStore) -> Duration {
    let began = Instant::now();
    let outcome = store.get(somewhere()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    began.elapsed()
}

#[tokio::test]
async fn a_vault_that_falls_silent_is_left_alone_and_found_again() {
    let stub = StubServer::start().await;
    let login = json!({ "data": { "accessor": "", "creation_time": 0, "creation_ttl": 0, "display_name": "",
        "entity_id": "", "explicit_max_ttl": 0, "id": "", "num_uses": 0, "orphan": true, "path": "",
        "policies": [], "ttl": 0 }, "lease_id": "", "lease_duration": 0, "renewable": false, "request_id": "" });
    stub.on("GET", "/v1/auth/token/lookup-self", Reply::json(200, &login));
    let mark = "/v1/keytrail/data/_keytrail/deployment";
    stub.on("GET", mark, Reply::hang_up());
    let (address, mount) = (stub.url(""), "keytrail".to_owned());
    let store =
        connect(VaultConfig { address, mount, namespace: None, ca_file: None, login: token("s.any") }).await;

    eventually("calls are not sent any more", async || {
        let before = stub.requests().len();
        let refused = store.health().await;
        assert!(is_unavailable(&refused), "{refused:?}");
        (stub.requests().len() == before).then_some(())
    })
    .await;
    stub.on("GET", mark, Reply::json(404, &json!({ "errors": [] })));
    recovered(&store).await;
}

#[tokio::test]
async fn a_page_of_some_proxy_is_never_taken_for_a_missing_secret() {
    let stub = StubServer::start().await;
    let (address, mount) = (stub.url(""), "keytrail".to_owned());
    let store =
        connect(VaultConfig { address, mount, namespace: None, ca_file: None, login: token("s.any") }).await;
    let outcome = store.get(somewhere()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_wrong_token_is_denied_and_so_is_what_the_policy_forbids() {
    let server = dev().await;
    let mount = server.fresh_mount().await;
    let wrong = connect(config(server, &mount, token("s.wrong"))).await;
    assert_denied(&wrong.put(somewhere(), &payload("x")).await);
    let powerless =
        connect(config(server, &mount, token(&server.create_token(&["default"], "1h").await))).await;
    assert_denied(&powerless.put(somewhere(), &payload("x")).await);
    assert_denied(&powerless.get(somewhere()).await);
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_not_a_missing_secret() {
    let server = dev().await;
    let store = connect(config(server, "nowhere", token(server.root_token()))).await;
    assert_denied(&store.get(somewhere()).await);
    assert_denied(&store.health().await);
    assert!(store.tenants().await.is_err(), "an empty list would be believed");
}

fn assert_denied<T>(outcome: &Result<T, SecretError>) {
    let refused = outcome.as_ref().err();
    assert!(matches!(refused, Some(SecretError::Denied(_))), "{refused:?}");
}

#[tokio::test]
async fn foreign_data_at_a_place_is_corrupt_and_named_but_not_shown() {
    let server = dev().await;
    let mount = server.fresh_mount().await;
    let store = connect(config(server, &mount, token(server.root_token()))).await;
    let at = somewhere();
    let foreign = json!({ "data": { "token": { "nested": "canary-foreign" } } });
    server.call(reqwest::Method::POST, &format!("{mount}/data/{}", at.path()), &foreign).await;
    let Err(SecretError::Corrupt(text)) = store.get(at).await else { panic!("expected Corrupt") };
    assert!(text.contains(&at.path()) && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn the_policy_itself_forbids_writing_over_a_secret() {
    let server = dev().await;
    let access = server.fresh_access().await;
    let store = connect(config(server, &access.mount, approle(&access))).await;
    let at = somewhere();
    store.put(at, &payload("first")).await.unwrap();
    let held = server.create_token(&[&access.mount], "1h").await;
    let over = json!({ "data": { "token": "second" } });
    for path in
        [format!("{}/data/{}", access.mount, at.path()), format!("{}/metadata/{}", access.mount, at.path())]
    {
        assert_eq!(status_as(server, &held, &path, &over).await, 403, "{path}");
    }
    assert!(store.get(at).await.unwrap() == payload("first"));
}

async fn status_as(server: &OpenBao, token: &str, path: &str, body: &Value) -> u16 {
    let url = format!("{}/v1/{path}", server.address());
    let client = reqwest::Client::builder().no_proxy().tls_certs_only(None).build().unwrap();
    let answer = client.post(url).header("X-Vault-Token", token).json(body).send().await.unwrap();
    answer.status().as_u16()
}
