//! Leases: a secret once, for who may have it, with the embedded vault and with a real OpenBao; by curl, by Vault's
//! clients for Rust and Python, by the examples, and by `keytrail run`.

use std::{path::PathBuf, process::Output};

use keytrail_test_support::{OpenBao, eventually};
use serde_json::{Value, json};
use tokio::process::Command;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

use crate::{
    harness::{Client, Settings, World, create_bearer, text},
    service_accounts,
    tutorials::repository,
};

const SECRET: &str = "lease-canary-5d1c";
const LEASE: &str = "lease { id token unwrapUrl expiresAt version allowedHosts fields } alreadyShown replayed \
                     credential { lastLeasedAt leases(last: 1) { nodes { id } } }";
const SHORT: &str = "lease { id token unwrapUrl }";
const NOT_VALID: &str = "wrapping token is not valid or does not exist";

fn wish(id: &str) -> Value {
    json!({ "credentialId": id, "purpose": "nightly sync" })
}

pub(crate) async fn lease(client: &Client, id: &str) -> Value {
    client.mutate("leaseCredential", LEASE, wish(id)).await["lease"].clone()
}

async fn share(world: &World, id: &str, to: &str, level: &str) {
    let input = json!({ "credentialId": id, "granteeId": to, "level": level });
    world.alice.mutate("shareCredential", "visible", input).await;
}

/// What a program of the machine says; it must be there.
async fn output(command: &mut Command) -> Output {
    command.kill_on_drop(true).output().await.expect("it starts")
}

/// Status and body of a POST by curl, the token in the header.
pub(crate) async fn curl(lease: &Value) -> (String, Value) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-X", "POST", "-w", "\n%{http_code}", "-H"])
        .arg(format!("X-Vault-Token: {}", text(&lease["token"])));
    let done = output(curl.arg(text(&lease["unwrapUrl"]))).await;
    let said = String::from_utf8(done.stdout).expect("text");
    let (body, status) = said.rsplit_once('\n').expect("a status");
    (status.to_owned(), serde_json::from_str(body).expect("json"))
}

/// The address in front of the protocol's path.
fn server_of(lease: &Value) -> String {
    text(&lease["unwrapUrl"]).strip_suffix("/v1/sys/wrapping/unwrap").expect("the protocol's path").to_owned()
}

/// The payload, by Vault's client for Rust.
async fn vaultrs(lease: &Value) -> Value {
    let settings =
        VaultClientSettingsBuilder::default().address(server_of(lease)).token(text(&lease["token"])).build();
    let client = VaultClient::new(settings.expect("settings")).expect("a client");
    let found: Value = vaultrs::sys::wrapping::unwrap(&client, None).await.expect("unwrapped");
    found["data"].clone()
}

/// A world on the embedded vault, and one on OpenBao behind the policy of `infra/`.
async fn worlds() -> Vec<(World, Option<OpenBao>)> {
    let vault = OpenBao::raft_with_policy().await;
    let access = vault.fresh_access().await;
    let settings = Settings::default()
        .set("KEYTRAIL_VAULT", vault.address())
        .set("KEYTRAIL_VAULT_MOUNT", access.mount)
        .set("KEYTRAIL_VAULT_ROLE_ID", access.role_id)
        .set("KEYTRAIL_VAULT_SECRET_ID_FILE", access.secret_id_file.to_str().expect("path"));
    vec![(World::start().await, None), (World::with(settings).await, Some(vault))]
}

#[tokio::test]
async fn a_lease_gives_the_secret_once_whatever_the_vault_and_the_client() {
    for (world, vault) in worlds().await {
        let id = create_bearer(&world.alice, "Deploy", SECRET).await;
        let by_curl = lease(&world.alice, &id).await;
        assert_eq!(by_curl["version"], 1);
        assert_eq!(by_curl["allowedHosts"], json!(["api.example.com"]));
        let here = text(&by_curl["unwrapUrl"]).starts_with(&world.server.base);
        assert_eq!(here, vault.is_none(), "with Vault the secret never comes here");
        let (status, body) = curl(&by_curl).await;
        assert_eq!((status.as_str(), &body["data"]["data"]), ("200", &json!({ "token": SECRET })));
        assert_eq!((&body["lease_id"], &body["data"]["metadata"]["version"]), (&json!(""), &json!(1)));
        // Used and forged are one and the same error.
        let (status, used) = curl(&by_curl).await;
        let mut forged = by_curl.clone();
        forged["token"] =
            json!(format!("{}x", &text(&by_curl["token"])[..text(&by_curl["token"]).len() - 1]));
        assert_eq!((status.as_str(), &used["errors"][0]), ("400", &json!(NOT_VALID)));
        assert_eq!(curl(&forged).await, ("400".to_owned(), used));
        let by_rust = lease(&world.alice, &id).await;
        assert_eq!(vaultrs(&by_rust).await, json!({ "token": SECRET }));
    }
}

#[tokio::test]
async fn the_examples_and_run_do_what_they_say_with_every_vault() {
    for (world, _vault) in worlds().await {
        create_bearer(&world.alice, "Deploy", SECRET).await;
        let (url, token) = (world.server.base.clone(), world.alice.token.clone().expect("a token"));
        let example = |mut command: Command| {
            command.env("KEYTRAIL_URL", &url).env("KEYTRAIL_TOKEN", &token).arg("Deploy");
            command
        };
        let docs = repository().join("docs/examples");
        let mut python = Command::new("python3");
        let hvac = std::env::var_os("KEYTRAIL_TEST_HVAC").expect("run the tests with `cargo xtask test`");
        python.arg(docs.join("lease.py")).env("PYTHONPATH", hvac).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut node = Command::new("node");
        node.arg(compiled("lease.ts").await);
        for command in [python, node] {
            let done = output(&mut example(command)).await;
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            let length = SECRET.len();
            assert_eq!(
                said,
                format!("token: {length} characters\n"),
                "{}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        let mut run = Command::new(env!("CARGO_BIN_EXE_keytrail"));
        run.env_clear().env("KEYTRAIL_URL", &url).env("KEYTRAIL_TOKEN", &token).env("PATH", "/usr/bin:/bin");
        run.args(["run", "--credential", "deploy", "--env", "API=token", "--env", "AT=base_url", "--"]);
        run.args(["sh", "-c", "echo \"$API $AT ${KEYTRAIL_TOKEN:-none} $(umask)\"; exit 7"]);
        let done = output(&mut run).await;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(
            said,
            format!("{SECRET} https://api.example.com none 0022\n"),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert_eq!(done.status.code(), Some(7), "the program's own code");
        let seen = world
            .alice
            .data("{ credentialByName(name: \"Deploy\") { leases { nodes { purpose } } } }", Value::Null)
            .await;
        let purposes = seen["credentialByName"]["leases"]["nodes"].as_array().expect("leases").iter();
        let purposes: Vec<_> = purposes.map(|lease| text(&lease["purpose"])).collect();
        assert_eq!(purposes, ["an example in Python", "an example in TypeScript", "keytrail run sh"]);
    }
}

/// An example in TypeScript as JavaScript, by the compiler that the tests install.
async fn compiled(name: &str) -> PathBuf {
    let (source, home) =
        (repository().join("docs/examples").join(name), repository().join(".tools/verifiers"));
    let script = "const ts = require('typescript'), fs = require('fs');
        const options = { module: 'esnext', target: 'es2022', strict: true };
        fs.writeFileSync(process.argv[2], ts.transpileModule(fs.readFileSync(process.argv[1], 'utf8'), { compilerOptions: options }).outputText);";
    let target = tempfile::Builder::new().suffix(".mjs").tempfile().expect("a file").into_temp_path();
    let target = target.keep().expect("kept for the test");
    let mut node = Command::new("node");
    node.env("NODE_PATH", home.join("node_modules")).args(["-e", script]).args([&source, &target]);
    let done = output(&mut node).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    target
}

#[tokio::test]
async fn only_who_was_given_the_use_of_it_leases_a_credential() {
    let world = World::start().await;
    let carols = create_bearer(&world.carol, "Hers", SECRET).await;
    // An owner of the tenant manages it by his role, and that opens no lease.
    assert_eq!(world.alice.refused("leaseCredential", wish(&carols)).await["code"], "FORBIDDEN");
    assert_eq!(world.bob.refused("leaseCredential", wish(&carols)).await["code"], "NOT_FOUND");
    assert_eq!(world.stranger.refused("leaseCredential", wish(&carols)).await["code"], "NOT_FOUND");
    let id = create_bearer(&world.alice, "Deploy", SECRET).await;
    share(&world, &id, &world.bob_id, "VIEW").await;
    assert_eq!(world.bob.refused("leaseCredential", wish(&id)).await["code"], "FORBIDDEN");
    share(&world, &id, &world.bob_id, "USE").await;
    lease(&world.bob, &id).await;
    for wrong in [
        json!({ "purpose": " " }),
        json!({ "ttlSeconds": 0 }),
        json!({ "ttlSeconds": 301 }),
        json!({ "ttlSeconds": -1 }),
    ] {
        let mut input = wish(&id);
        for (name, value) in wrong.as_object().expect("object") {
            input[name] = value.clone();
        }
        assert_eq!(world.bob.refused("leaseCredential", input).await["code"], "BAD_USER_INPUT");
    }
    world.alice.mutate("suspendCredential", "visible", json!({ "credentialId": id, "reason": "x" })).await;
    assert_eq!(world.bob.refused("leaseCredential", wish(&id)).await["reason"], "CREDENTIAL_SUSPENDED");
}

#[tokio::test]
async fn a_repeated_lease_is_one_and_its_token_is_shown_once() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", SECRET).await;
    let mut input = wish(&id);
    input["idempotencyKey"] = json!("k1");
    let first = world.alice.mutate("leaseCredential", LEASE, input.clone()).await;
    let again = world.alice.mutate("leaseCredential", LEASE, input).await;
    assert_eq!((&first["alreadyShown"], &again["alreadyShown"]), (&json!(false), &json!(true)));
    assert!(again["lease"].is_null() && again["replayed"] == true);
    assert_eq!(first["credential"]["leases"]["nodes"][0]["id"], first["lease"]["id"]);
    let all = world.alice.credential(&id, "leases { totalCount }").await;
    assert_eq!(all["leases"]["totalCount"], 1);
}

#[tokio::test]
async fn who_leased_what_is_seen_and_who_is_on_an_old_version() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", SECRET).await;
    create_bearer(&world.alice, "Never", SECRET).await;
    share(&world, &id, &world.bob_id, "USE").await;
    lease(&world.bob, &id).await;
    let rotate = json!({ "credentialId": id, "verify": false, "fields": { "token": "another" } });
    let rotated = world.alice.mutate("rotateCredential", "credential { updatedAt }", rotate).await;
    lease(&world.alice, &id).await;
    lease(&world.alice, &id).await;
    let asked =
        "lastLeasedAt revision consumers { consumer { member { subject } } version isCurrent count purpose }
                 leases { totalCount nodes { version consumer { member { subject } } } }";
    let seen = world.alice.credential(&id, asked).await;
    let of = |subject: &str| json!({ "member": { "subject": subject } });
    let row = |subject: &str, version: u32, current: bool, count: u32| json!({ "consumer": of(subject), "version": version, "isCurrent": current, "count": count, "purpose": "nightly sync" });
    assert_eq!(seen["consumers"], json!([row("alice", 2, true, 2), row("bob", 1, false, 1)]));
    assert_eq!(
        (&seen["leases"]["totalCount"], &seen["revision"]),
        (&json!(3), &json!(3)),
        "leases are no changes"
    );
    let filter = json!({ "filter": { "unusedSince": "2099-01-01T00:00:00Z" } });
    let list = "query($filter: CredentialFilterInput) { credentials(filter: $filter) { totalCount } }";
    assert_eq!(world.alice.data(list, filter).await["credentials"]["totalCount"], 2);
    let unused = json!({ "filter": { "unusedSince": rotated["credential"]["updatedAt"] } });
    let names = "query($filter: CredentialFilterInput) { credentials(filter: $filter) { nodes { name } } }";
    assert_eq!(world.alice.data(names, unused).await["credentials"]["nodes"], json!([{ "name": "Never" }]));
    let past = "query($id: ID!, $asOf: DateTime) { credential(id: $id, asOf: $asOf) { lastLeasedAt leases { totalCount } } }";
    let variables = json!({ "id": id, "asOf": rotated["credential"]["updatedAt"] });
    let then = world.alice.data(past, variables).await["credential"].clone();
    assert_eq!(then["leases"]["totalCount"], 1);
    assert_ne!(then["lastLeasedAt"], seen["lastLeasedAt"]);
    assert!(then["lastLeasedAt"].is_string());
}

/// Takes bob's right to the credential, each time in another way.
async fn take_away(world: &World, id: &str, how: usize) {
    let one = json!({ "credentialId": id });
    let with = |name: &str, value: Value| {
        let mut input = one.clone();
        input[name] = value;
        input
    };
    match how {
        0 => world.alice.mutate("revokeShare", "visible", with("granteeId", json!(world.bob_id))).await,
        1 => world.alice.mutate("suspendCredential", "visible", with("reason", json!("x"))).await,
        2 => {
            let mut input = with("fields", json!({ "token": "another" }));
            input["verify"] = json!(false);
            world.alice.mutate("rotateCredential", "visible", input).await
        }
        3 => world.alice.mutate("deleteCredential", "visible", one).await,
        _ => world.alice.mutate("removeMember", "visible", json!({ "memberId": world.bob_id })).await,
    };
}

#[tokio::test]
async fn a_token_is_dead_when_the_right_to_it_is_lost() {
    for (world, vault) in worlds().await {
        for how in 0..5 {
            let id = create_bearer(&world.alice, &format!("Deploy {how}"), SECRET).await;
            share(&world, &id, &world.bob_id, "USE").await;
            let leased = lease(&world.bob, &id).await;
            take_away(&world, &id, how).await;
            if vault.is_some() {
                // The vault has to be told; what was told is an event.
                let revoked = async || {
                    let query = "{ auditLog(last: 50, filter: { types: [\"CredentialLeaseRevoked\"] }) { nodes { data } } }";
                    let log = world.alice.data(query, Value::Null).await;
                    log.to_string().contains(&text(&leased["id"])).then_some(())
                };
                eventually("the token is revoked", revoked).await;
            }
            let (status, body) = curl(&leased).await;
            assert_eq!((status.as_str(), &body["errors"][0]), ("400", &json!(NOT_VALID)), "way {how}");
        }
    }
}

#[tokio::test]
async fn a_revoked_api_token_ends_its_own_leases_at_vault_and_no_others() {
    let (world, _vault) = worlds().await.pop().expect("the one with OpenBao");
    let bot = service_accounts::account(&world, "runtime").await;
    let id = create_bearer(&world.alice, "Deploy", SECRET).await;
    share(&world, &id, &bot, "USE").await;
    let (first, token) = service_accounts::client(&world, &bot, &["LEASE"]).await;
    let (second, _) = service_accounts::client(&world, &bot, &["LEASE", "READ"]).await;
    let of_first = first.mutate("leaseCredential", SHORT, wish(&id)).await["lease"].clone();
    let of_second = second.mutate("leaseCredential", SHORT, wish(&id)).await["lease"].clone();
    world.alice.mutate("revokeApiToken", "visible", json!({ "tokenId": token })).await;
    let revoked = async || {
        let query =
            "{ auditLog(last: 50, filter: { types: [\"CredentialLeaseRevoked\"] }) { nodes { data } } }";
        let log = world.alice.data(query, Value::Null).await.to_string();
        assert!(!log.contains(&text(&of_second["id"])), "{log}");
        log.contains(&text(&of_first["id"])).then_some(())
    };
    eventually("the token is revoked", revoked).await;
    assert_eq!(curl(&of_first).await.0, "400");
    assert_eq!(curl(&of_second).await.1["data"]["data"], json!({ "token": SECRET }));
}

#[tokio::test]
async fn many_lease_one_credential_at_once() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", SECRET).await;
    let leases = (0..40).map(|_| lease(&world.alice, &id));
    let tokens: std::collections::HashSet<_> =
        futures_util::future::join_all(leases).await.iter().map(|lease| text(&lease["token"])).collect();
    assert_eq!(tokens.len(), 40);
    let all = world.alice.credential(&id, "leases { totalCount }").await;
    assert_eq!(all["leases"]["totalCount"], 40);
}
