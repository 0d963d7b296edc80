//! The main job: create, share, verify, rotate; and who sees it, all against a real OpenBao.

use keytrail_test_support::{OpenBao, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Settings, World, create_bearer, history, text};

const NAME_AND_STATUS: &str = "query($id: ID!) { credential(id: $id) { name status } }";
const STATUS: &str = "status secretVersion lastVerification { verdict identity scopes trigger }";
/// Longer than the thirty days in which a credential counts as expiring.
const LONG: &str = "760h";

#[tokio::test]
async fn a_shared_credential_is_seen_by_the_team_and_by_nobody_else() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    for outsider in [&world.bob, &world.carol, &world.stranger] {
        assert_eq!(outsider.code(NAME_AND_STATUS, json!({ "id": id })).await, "NOT_FOUND");
    }
    assert_eq!(world.server.anonymous().code(NAME_AND_STATUS, json!({ "id": id })).await, "UNAUTHENTICATED");
    let input = json!({ "credentialId": id, "granteeId": world.team, "level": "VIEW" });
    world.alice.mutate("shareCredential", "visible", input).await;
    let seen = world.bob.data(NAME_AND_STATUS, json!({ "id": id })).await;
    assert_eq!(seen["credential"], json!({ "name": "Deploy", "status": "UNVERIFIED" }));
    assert_eq!(world.carol.code(NAME_AND_STATUS, json!({ "id": id })).await, "NOT_FOUND");
    assert_eq!(world.stranger.code(NAME_AND_STATUS, json!({ "id": id })).await, "NOT_FOUND");
    let list = "{ credentials { totalCount edges { node { id } } } }";
    assert_eq!(world.bob.data(list, Value::Null).await["credentials"]["totalCount"], 1);
    assert_eq!(world.carol.data(list, Value::Null).await["credentials"]["totalCount"], 0);
}

/// A world whose credentials are tokens of an OpenBao server, which is also its vault.
struct Story {
    world: World,
    bao: OpenBao,
    mount: String,
}

impl Story {
    async fn begin() -> Self {
        let bao = OpenBao::dev().await;
        let mount = bao.fresh_mount().await;
        let policy = json!({ "policy": r#"path "auth/token/lookup-self" { capabilities = ["read"] }"# });
        bao.call(Method::PUT, "sys/policies/acl/deployer", &policy).await;
        let token = bao.file("vault-token", bao.root_token());
        let settings = Settings::default()
            .set("KEYTRAIL_VAULT", bao.address())
            .set("KEYTRAIL_VAULT_MOUNT", &mount)
            .set("KEYTRAIL_VAULT_TOKEN_FILE", token.to_str().expect("path"));
        Self { world: World::with(settings).await, bao, mount }
    }

    async fn token(&self, ttl: &str) -> String {
        self.bao.create_token(&["deployer"], ttl).await
    }

    fn input(&self, token: &str) -> Value {
        let fields = json!({ "address": self.bao.address(), "token": token });
        json!({ "component": "vault", "name": "Production", "fields": fields })
    }

    async fn create(&self, token: &str) -> String {
        self.world.alice.create(self.input(token)).await
    }

    async fn rotate(&self, id: &str, token: &str) -> Value {
        let input = json!({ "credentialId": id, "fields": { "token": token } });
        let selection = format!("replayed credential {{ {STATUS} }}");
        self.world.alice.mutate("rotateCredential", &selection, input).await["credential"].clone()
    }

    async fn verify(&self, id: &str) -> Value {
        let input = json!({ "credentialId": id });
        let selection = "report { verdict message } credential { status } visible";
        self.world.alice.mutate("verifyCredential", selection, input).await
    }

    /// Paths of everything in Keytrail's mount of the vault.
    async fn vault_paths(&self) -> Vec<String> {
        let (mut open, mut found) = (vec![String::new()], Vec::new());
        while let Some(folder) = open.pop() {
            let path = format!("{}/metadata/{folder}?list=true", self.mount);
            let (_, answer) = self.bao.call(Method::GET, &path, &Value::Null).await;
            for key in answer["data"]["keys"].as_array().into_iter().flatten() {
                let path = format!("{folder}{}", text(key));
                if path.ends_with('/') { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// State and cause of the credential's alerts, once they are these.
    async fn alerts_become(&self, id: &str, wanted: Value) {
        eventually(&format!("alerts {wanted}"), async || {
            let found = self.world.alice.credential(id, "alerts { nodes { state cause } }").await;
            (found["alerts"]["nodes"] == wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_checked_credential_shows_what_the_system_said_and_not_its_secret() {
    let story = Story::begin().await;
    let token = story.token(LONG).await;
    let id = story.create(&token).await;
    let selection = format!("{STATUS} allowedHosts expiresAt fields {{ name value isSecret isSet }}");
    let seen = story.world.alice.credential(&id, &selection).await;
    assert_eq!((&seen["status"], &seen["secretVersion"]), (&json!("VALID"), &json!(1)));
    let said =
        json!({ "verdict": "VALID", "identity": "token", "scopes": ["deployer"], "trigger": "CREATE" });
    assert_eq!(seen["lastVerification"], said);
    let words = story.world.alice.credential(&id, "lastVerification { message }").await;
    assert_eq!(words["lastVerification"]["message"], "Vault accepts the token");
    assert!(seen["expiresAt"].is_string(), "the system said when it ends: {seen:#}");
    assert_eq!(seen["allowedHosts"], json!([story.bao.address().trim_start_matches("http://")]));
    let fields = seen["fields"].as_array().unwrap();
    let secret = fields.iter().find(|field| field["name"] == "token").unwrap();
    assert_eq!(*secret, json!({ "name": "token", "value": null, "isSecret": true, "isSet": true }));
    assert!(!seen.to_string().contains(&token));
    let short = story.token("1h").await;
    let mut input = story.input(&short);
    input["name"] = json!("Short");
    let ending = story.world.alice.create(input).await;
    assert_eq!(story.world.alice.credential(&ending, "status").await["status"], "EXPIRING");
}

#[tokio::test]
async fn a_credential_that_the_system_rejects_is_not_created() {
    let story = Story::begin().await;
    let dead = story.token(LONG).await;
    story.bao.revoke(&dead).await;
    let before = story.vault_paths().await;
    let refused = story.world.alice.refused("createCredential", story.input(&dead)).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("REFUSED"), &json!("VERIFICATION_FAILED")));
    assert_eq!(refused["verdict"], "INVALID");
    assert!(!refused.to_string().contains(&dead));
    let list = story.world.alice.data("{ credentials { totalCount } }", Value::Null).await;
    assert_eq!(list["credentials"]["totalCount"], 0);
    assert_eq!(story.vault_paths().await, before);
    let good = story.token(LONG).await;
    story.create(&good).await;
    assert_eq!(
        story.vault_paths().await.len(),
        before.len() + 2,
        "and a good one is in the vault, with its fingerprint"
    );
}

#[tokio::test]
async fn a_rotation_to_a_rejected_secret_leaves_log_and_vault_as_they_were() {
    let story = Story::begin().await;
    let id = story.create(&story.token(LONG).await).await;
    let (dead, alice) = (story.token(LONG).await, &story.world.alice);
    story.bao.revoke(&dead).await;
    let (events, paths) = (history(alice, &id).await, story.vault_paths().await);
    let input = json!({ "credentialId": id, "fields": { "token": dead } });
    let refused = alice.refused("rotateCredential", input).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("REFUSED"), &json!("VERIFICATION_FAILED")));
    assert_eq!(refused["verdict"], "INVALID");
    assert_eq!(history(alice, &id).await, events);
    assert_eq!(story.vault_paths().await, paths);
    let rotated = story.rotate(&id, &story.token(LONG).await).await;
    assert_eq!((&rotated["status"], &rotated["secretVersion"]), (&json!("VALID"), &json!(2)));
    assert_eq!(story.vault_paths().await.len(), paths.len() + 2, "it and its fingerprint");
    let versions = alice.credential(&id, "versions { number replacedAt }").await;
    assert_eq!(versions["versions"][1], json!({ "number": 2, "replacedAt": null }));
    assert!(versions["versions"][0]["replacedAt"].is_string(), "{versions:#}");
}

#[tokio::test]
async fn a_token_revoked_at_the_system_is_found_invalid_and_a_good_one_ends_the_alert() {
    let story = Story::begin().await;
    let token = story.token(LONG).await;
    let id = story.create(&token).await;
    assert_eq!(story.verify(&id).await["report"]["verdict"], "VALID");
    story.bao.revoke(&token).await;
    let found = story.verify(&id).await;
    assert_eq!((&found["report"]["verdict"], &found["visible"]), (&json!("INVALID"), &json!(true)));
    assert_eq!(found["credential"]["status"], "INVALID");
    story.alerts_become(&id, json!([{ "state": "OPEN", "cause": "INVALID" }])).await;
    let open = story
        .world
        .alice
        .data("{ alerts(filter: { state: OPEN }) { nodes { credential { id } } } }", Value::Null);
    assert_eq!(open.await["alerts"]["nodes"], json!([{ "credential": { "id": id } }]));
    let rotated = story.rotate(&id, &story.token(LONG).await).await;
    assert_eq!(rotated["status"], "VALID");
    story.alerts_become(&id, json!([{ "state": "RESOLVED", "cause": "INVALID" }])).await;
}

#[tokio::test]
async fn the_history_shows_each_step_in_order_with_who_did_it() {
    let story = Story::begin().await;
    let world = &story.world;
    let id = story.create(&story.token(LONG).await).await;
    let share =
        json!({ "credentialId": id, "granteeId": world.team, "level": "MANAGE", "reason": "on call" });
    world.alice.mutate("shareCredential", "visible", share).await;
    world.bob.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
    let input = json!({ "credentialId": id, "fields": { "token": story.token(LONG).await } });
    world.bob.mutate("rotateCredential", "visible", input).await;
    let revoke = json!({ "credentialId": id, "granteeId": world.team });
    world.alice.mutate("revokeShare", "visible", revoke).await;
    let steps = [
        "CredentialCreated by alice",
        "CredentialVerified by alice",
        "CredentialShared by alice",
        "CredentialVerified by bob",
        "CredentialSecretRotated by bob",
        "CredentialVerified by bob",
        "CredentialShareRevoked by alice",
    ];
    assert_eq!(history(&world.alice, &id).await, steps);
    assert_eq!(world.bob.code(NAME_AND_STATUS, json!({ "id": id })).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_token_that_may_not_look_itself_up_is_not_called_invalid() {
    let story = Story::begin().await;
    let blind = story.bao.create_token(&["nothing-at-all"], LONG).await;
    let id = story.create(&blind).await;
    assert_eq!(story.verify(&id).await["report"]["verdict"], "INCONCLUSIVE");
    story.bao.revoke(&blind).await;
    assert_eq!(story.verify(&id).await["report"]["verdict"], "INVALID");
}
