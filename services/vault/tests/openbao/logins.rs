//! Ways to log in, staying logged in, and logging in again.

use std::{collections::BTreeSet, path::PathBuf};

use keytrail_ports::{SecretError, SecretStore};
use keytrail_test_support::{OpenBao, Reply, StubServer, eventually};
use keytrail_vault::{Login, VaultConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::*;

#[tokio::test]
async fn a_revoked_login_is_done_again_within_the_same_call() {
    let server = dev().await;
    let store = store_of_approle(server).await;
    let at = somewhere();
    store.put(at, &payload("kept")).await.unwrap();
    server.revoke_logins().await;
    assert!(store.get(at).await.unwrap() == payload("kept"));
    server.revoke_logins().await;
    store.put(somewhere(), &payload("x")).await.unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_denied_until_its_file_has_a_new_one() {
    let server = dev().await;
    let access = server.fresh_access().await;
    let first = server.create_token(&[&access.mount], "1h").await;
    let file = server.file(&format!("{}.token", access.mount), &format!("{first}\n"));
    let store = connect(config(server, &access.mount, Login::TokenFile(file.clone()))).await;
    store.put(somewhere(), &payload("x")).await.unwrap();

    server.revoke(&first).await;
    let refused = store.put(somewhere(), &payload("x")).await;
    assert!(matches!(refused, Err(SecretError::Denied(_))), "{refused:?}");
    std::fs::write(&file, server.create_token(&[&access.mount], "1h").await).unwrap();
    recovered(&store).await;
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = dev().await;
    let access = server.fresh_access().await;
    let held = server.create_token(&[&access.mount], "3s").await;
    let store = connect(config(server, &access.mount, token(&held))).await;
    store.health().await.unwrap();
    eventually("the token was renewed", async || {
        let known = server.lookup(&held).await.expect("the token never ends");
        known["last_renewal_time"].as_u64().filter(|&at| at > 0)
    })
    .await;
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_is_done_again_before_anyone_notices() {
    let server = OpenBao::dev().await;
    let access = server.fresh_access().await;
    let role = format!("auth/approle/role/{}", access.mount);
    server.call(Method::POST, &role, &json!({ "token_ttl": "2s", "token_max_ttl": "2s" })).await;
    let store = connect(config(&server, &access.mount, approle(&access))).await;
    store.health().await.unwrap();
    let first = accessors(&server).await;
    eventually("there is a second login", async || {
        store.health().await.expect("no caller notices");
        accessors(&server).await.difference(&first).next().map(drop)
    })
    .await;
}

/// Names of all tokens that live.
async fn accessors(server: &OpenBao) -> BTreeSet<String> {
    let list = Method::from_bytes(b"LIST").unwrap();
    let (_, found) = server.call(list, "auth/token/accessors", &Value::Null).await;
    serde_json::from_value(found["data"]["keys"].clone()).unwrap()
}

#[tokio::test]
async fn a_bad_or_missing_secret_id_is_denied_until_it_is_put_right() {
    let server = dev().await;
    let access = server.fresh_access().await;
    let good = std::fs::read_to_string(&access.secret_id_file).unwrap();
    std::fs::write(&access.secret_id_file, "no-such-secret-id").unwrap();
    let store = connect(config(server, &access.mount, approle(&access))).await;
    let refused = store.health().await;
    assert!(matches!(refused, Err(SecretError::Denied(_))), "{refused:?}");
    std::fs::remove_file(&access.secret_id_file).unwrap();
    eventually("the missing file is told", async || match store.health().await {
        Err(SecretError::Denied(text)) if text.contains("file") => Some(()),
        _ => None,
    })
    .await;
    std::fs::write(&access.secret_id_file, good).unwrap();
    recovered(&store).await;
}

#[tokio::test]
async fn a_pod_logs_in_with_its_service_account() {
    let server = OpenBao::dev_tls().await;
    let ca = std::fs::read_to_string(server.ca_file()).unwrap();
    let mount = server.fresh_mount().await;
    let cluster = StubServer::start().await;
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": {
        "authenticated": true,
        "user": { "username": "system:serviceaccount:keytrail:keytrail", "uid": "u1",
                  "groups": ["system:serviceaccounts", "system:serviceaccounts:keytrail"] } } });
    cluster.on("POST", "/apis/authentication.k8s.io/v1/tokenreviews", Reply::json(201, &review));
    let allow = format!("path \"{mount}/*\" {{ capabilities = [\"create\", \"read\"] }}");
    for (path, body) in [
        ("sys/policies/acl/pod", json!({ "policy": allow })),
        ("sys/auth/kubernetes", json!({ "type": "kubernetes" })),
        (
            "auth/kubernetes/config",
            json!({ "kubernetes_host": cluster.url(""), "disable_local_ca_jwt": true,
            "token_reviewer_jwt": POD_TOKEN, "kubernetes_ca_cert": ca }),
        ),
        (
            "auth/kubernetes/role/keytrail",
            json!({ "bound_service_account_names": "keytrail",
            "bound_service_account_namespaces": "keytrail", "token_policies": "pod" }),
        ),
    ] {
        let (status, answer) = server.call(Method::POST, path, &body).await;
        assert!(status < 300, "{path}: {answer}");
    }
    let token_file = server.file("pod-token", POD_TOKEN);
    let login = Login::Kubernetes { mount: "kubernetes".to_owned(), role: "keytrail".to_owned(), token_file };
    let ca_file = Some(server.ca_file());
    let store = connect(VaultConfig { ca_file, ..config(&server, &mount, login) }).await;
    store.put(somewhere(), &payload("x")).await.unwrap();
}

/// Header, claims of `keytrail/keytrail` and a signature that the stub does not check.
const POD_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50Iiwia3ViZXJuZXRlcy5pby9zZXJ2aWNlYWNjb3VudC9uYW1lc3BhY2UiOiJrZXl0cmFpbCIsImt1YmVybmV0ZXMuaW8vc2VydmljZWFjY291bnQvc2VydmljZS1hY2NvdW50Lm5hbWUiOiJrZXl0cmFpbCIsImt1YmVybmV0ZXMuaW8vc2VydmljZWFjY291bnQvc2VydmljZS1hY2NvdW50LnVpZCI6InUxIiwic3ViIjoic3lzdGVtOnNlcnZpY2VhY2NvdW50OmtleXRyYWlsOmtleXRyYWlsIn0.c2lnbmF0dXJl";

#[tokio::test]
async fn tls_is_trusted_through_the_given_authority_only() {
    let server = OpenBao::dev_tls().await;
    let mount = server.fresh_mount().await;
    let with = async |ca_file: Option<PathBuf>| {
        connect(VaultConfig { ca_file, ..config(&server, &mount, token(server.root_token())) }).await
    };
    with(Some(server.ca_file())).await.health().await.unwrap();
    let stranger = with(None).await.health().await;
    assert!(is_unavailable(&stranger), "{stranger:?}");
}

#[tokio::test]
async fn a_namespace_is_a_world_of_its_own() {
    let server = OpenBao::dev().await;
    server.call(Method::POST, "sys/namespaces/team", &json!({})).await;
    let engine = json!({ "type": "kv", "options": { "version": "2" } });
    eventually("the namespace has a mount", async || {
        let (status, _) = server.call(Method::POST, "team/sys/mounts/keytrail", &engine).await;
        (status < 300).then_some(())
    })
    .await;
    let plain = config(&server, "keytrail", token(server.root_token()));
    let inside = connect(VaultConfig { namespace: Some("team".to_owned()), ..plain.clone() }).await;
    recovered(&inside).await;
    inside.put(somewhere(), &payload("x")).await.unwrap();
    let outside = connect(plain).await.put(somewhere(), &payload("x")).await;
    assert!(matches!(outside, Err(SecretError::Denied(_))), "{outside:?}");
}
