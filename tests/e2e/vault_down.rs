//! With a real OpenBao behind the least-privilege policy: it works; while the vault is sealed,
//! stopped, silent or has thrown us out, reads go on, the rest is refused in time and whole, and
//! it passes by itself.

use std::time::{Duration, Instant};

use keytrail_test_support::{OpenBao, Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, Keytrail, Proxy, Settings, World};

const PATIENCE: Duration = Duration::from_secs(5);
const CREATE: &str = "mutation($input: CreateCredentialInput!) {
    createCredential(input: $input) { credential { id status } }
}";
const ROTATE: &str = "mutation($input: RotateCredentialInput!) {
    rotateCredential(input: $input) { credential { secretVersion } }
}";
const VERIFY: &str =
    "mutation($id: ID!) { verifyCredential(input: { credentialId: $id }) { report { verdict } } }";
const ADD: &str =
    "mutation($input: AddMemberInput!) { addMember(input: $input) { member { id name email } } }";
const FACTS: &str = "{ auditLog(first: 100) { nodes { id type } } }";

/// A server with its vault, a target that takes everybody, and one credential.
struct Site {
    vault: OpenBao,
    stub: StubServer,
    world: World,
    id: String,
}

impl Site {
    /// The server reaches the vault at `address`, which is the vault's own when none is given.
    async fn with(vault: OpenBao, address: Option<String>) -> Self {
        let access = vault.fresh_access().await;
        let settings = Settings::default()
            .set("KEYTRAIL_VAULT", address.unwrap_or_else(|| vault.address()))
            .set("KEYTRAIL_VAULT_MOUNT", access.mount)
            .set("KEYTRAIL_VAULT_ROLE_ID", access.role_id)
            .set("KEYTRAIL_VAULT_SECRET_ID_FILE", access.secret_id_file.to_str().expect("path"));
        let world = World::with(settings).await;
        let stub = StubServer::start().await;
        stub.on("GET", "/", Reply::status(204));
        let mut site = Self { vault, stub, world, id: String::new() };
        let made = site.alice().data(CREATE, site.input("First")).await;
        assert_eq!(made["createCredential"]["credential"]["status"], "VALID");
        site.id = made["createCredential"]["credential"]["id"].as_str().expect("id").to_owned();
        site
    }

    fn alice(&self) -> Client {
        self.world.alice.at(&self.world.server.base)
    }

    fn server(&mut self) -> &mut Keytrail {
        &mut self.world.server
    }

    fn input(&self, name: &str) -> Value {
        json!({ "input": {
            "component": "http-basic",
            "name": name,
            "idempotencyKey": name,
            "fields": { "base_url": self.stub.url(""), "username": "u", "password": "first" },
        } })
    }

    /// What needs the vault.
    fn needs_vault(&self) -> [(&'static str, Value); 4] {
        let rotate = json!({ "credentialId": self.id, "fields": { "password": "second" } });
        let bob = json!({ "subject": "dave", "role": "MEMBER", "displayName": "Dave", "email": "dave@example.com" });
        [
            (CREATE, self.input("Second")),
            (VERIFY, json!({ "id": self.id })),
            (ROTATE, json!({ "input": rotate })),
            (ADD, json!({ "input": bob })),
        ]
    }

    /// Reads answer; the rest is refused as promised, in time, and has left no trace.
    async fn is_in_trouble(&self) {
        let (alice, before) = (self.alice(), self.alice().data(FACTS, Value::Null).await);
        eventually("the readiness says so", async || {
            let answer = alice.get("/readyz").await;
            let status = answer.status();
            let body: Value = answer.json().await.expect("json");
            (status == 503 && body["parts"]["vault"]["ready"] == false).then_some(())
        })
        .await;
        assert_eq!(alice.get("/healthz").await.status(), 200);
        // More than once: the first may find the vault silent, later ones find it known to be so.
        for _ in 0..2 {
            for (query, variables) in self.needs_vault() {
                self.is_refused(query, variables).await;
            }
            self.is_read().await;
        }
        assert_eq!(alice.data(FACTS, Value::Null).await, before, "a refused change is a fact");
    }

    async fn is_refused(&self, query: &str, variables: Value) {
        let began = Instant::now();
        let error = self.alice().error(query, variables).await;
        let took = began.elapsed();
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{query}: {error:#}");
        assert_eq!(error["extensions"]["dependency"], "vault", "{query}: {error:#}");
        assert!(took <= PATIENCE, "{query} took {took:?}");
    }

    async fn is_read(&self) {
        let query = "query($id: ID!) {
            credential(id: $id) { name status secretVersion history { nodes { type } } }
            credentials { totalCount }
            teams { nodes { name } }
        }";
        let began = Instant::now();
        let read = self.alice().data(query, json!({ "id": self.id })).await;
        assert_eq!(read["credential"]["name"], "First");
        assert_eq!(read["credentials"]["totalCount"], 1);
        assert!(began.elapsed() <= PATIENCE, "a read waited for the vault: {:?}", began.elapsed());
    }

    /// The same calls, with the same keys, succeed without anything being restarted.
    async fn works_again(&self) {
        let alice = self.alice();
        eventually("it works again by itself", async || {
            let answer = alice.ask(VERIFY, json!({ "id": self.id })).await;
            answer["errors"].is_null().then_some(())
        })
        .await;
        for (query, variables) in self.needs_vault() {
            alice.data(query, variables).await;
        }
        let password = self.stub.requests().pop().expect("a check");
        assert_eq!(password.header("authorization"), Some("Basic dTpzZWNvbmQ="), "u:second");
        eventually("ready again", async || (alice.get("/readyz").await.status() == 200).then_some(())).await;
    }
}

#[tokio::test]
async fn the_whole_life_of_a_credential_works_behind_the_least_privilege_policy() {
    let mut site = Site::with(OpenBao::raft_with_policy().await, None).await;
    site.works_again().await;
    let alice = site.alice();
    let ends =
        "mutation($id: ID!) { deleteCredential(input: { credentialId: $id }) { credential { status } } }";
    alice.data(ends, json!({ "id": site.id })).await;
    let back =
        "mutation($id: ID!) { restoreCredential(input: { credentialId: $id }) { credential { status } } }";
    alice.data(back, json!({ "id": site.id })).await;
    let verified = alice.data(VERIFY, json!({ "id": site.id })).await;
    assert_eq!(verified["verifyCredential"]["report"]["verdict"], "VALID");
    let dave = alice.data("{ members { nodes { name email } } }", Value::Null).await;
    assert!(dave.to_string().contains("dave@example.com"), "{dave}");
    for arguments in [&["vault", "sweep", "--dry-run"][..], &["vault", "sweep"]] {
        let swept = site.server().run(arguments).await;
        assert!(swept.contains("e 0 of") || swept.contains("d 0 of"), "{swept}");
        assert!(!swept.contains("of 0"), "{swept}");
    }
    assert!(!site.server().file("secrets.db").exists(), "secrets are nowhere but in the vault");
    assert!(!site.server().file("vault.key").exists());
}

#[tokio::test]
async fn while_the_vault_is_sealed_reads_go_on_and_changes_are_refused_whole() {
    let site = Site::with(OpenBao::raft_with_policy().await, None).await;
    site.vault.seal().await;
    site.is_in_trouble().await;
    site.vault.unseal().await;
    site.works_again().await;
}

#[tokio::test]
async fn while_the_vault_is_stopped_reads_go_on_and_changes_are_refused_whole() {
    let site = Site::with(OpenBao::raft_with_policy().await, None).await;
    site.vault.stop();
    site.is_in_trouble().await;
    site.vault.start().await;
    site.works_again().await;
}

#[tokio::test]
async fn while_the_vault_is_silent_reads_go_on_and_changes_are_refused_in_time() {
    let vault = OpenBao::raft_with_policy().await;
    let wire = Proxy::before(&vault.address()).await;
    let site = Site::with(vault, Some(wire.url())).await;
    wire.fall_silent();
    site.is_in_trouble().await;
    wire.speak();
    site.works_again().await;
}

#[tokio::test]
async fn a_revoked_login_is_done_again_before_the_caller_notices() {
    let site = Site::with(OpenBao::dev().await, None).await;
    site.vault.revoke_logins().await;
    site.alice().data(CREATE, site.input("Second")).await;
    site.vault.revoke_logins().await;
    site.alice().data(VERIFY, json!({ "id": site.id })).await;
}

#[tokio::test]
async fn a_server_that_starts_before_its_vault_serves_what_needs_none() {
    let mut site = Site::with(OpenBao::raft_with_policy().await, None).await;
    site.vault.seal().await;
    site.server().kill().await;
    site.server().up().await;
    site.is_in_trouble().await;
    site.vault.unseal().await;
    site.works_again().await;
}

const PAGES: &str = "query($id: ID!, $list: String, $facts: String) {
    credentials(first: 1, after: $list) { edges { cursor node { name } } }
    credential(id: $id) { history(first: 1, after: $facts) { edges { cursor node { type } } } }
    auditLog(first: 3, after: $facts) { edges { cursor node { id } } }
}";
const SHARE: &str = "mutation($input: ShareCredentialInput!) { shareCredential(input: $input) { position } }";

#[tokio::test]
async fn cursors_go_on_after_a_start_without_the_vault() {
    let mut site = Site::with(OpenBao::raft_with_policy().await, None).await;
    site.alice().data(CREATE, site.input("Second")).await;
    let pages = async |site: &Site| {
        let alice = site.alice();
        let first = alice.data(PAGES, json!({ "id": site.id })).await;
        let cursor = |of: &Value| of["edges"][0]["cursor"].clone();
        let next = json!({
            "id": site.id,
            "list": cursor(&first["credentials"]),
            "facts": cursor(&first["credential"]["history"]),
        });
        let second = alice.data(PAGES, next).await;
        [first, second]
    };
    let before = pages(&site).await;
    assert!(before[1]["credentials"]["edges"][0]["node"]["name"].is_string(), "{before:#?}");
    assert!(before[1]["credential"]["history"]["edges"][0]["node"]["type"].is_string(), "{before:#?}");
    site.vault.stop();
    site.server().kill().await;
    site.server().up().await;
    // The same answers to the byte, cursors too: those that exist stay good.
    assert_eq!(pages(&site).await, before);
    let team = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id } position } }";
    let made = site.alice().data(team, json!({ "input": { "name": "Web" } })).await;
    assert!(made["createTeam"]["position"].is_string(), "what stores no secret goes on too: {made}");
    let ops = made["createTeam"]["team"]["id"].clone();
    let share = |key: Value| {
        json!({ "input": {
            "credentialId": site.id, "granteeId": ops, "level": "VIEW", "idempotencyKey": key,
        } })
    };
    site.is_refused(SHARE, share(json!("k"))).await;
    site.alice().data(SHARE, share(Value::Null)).await;
    site.vault.start().await;
    site.works_again().await;
}
