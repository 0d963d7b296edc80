//! Who there is in most tests.

use serde_json::{Value, json};

use super::{Client, Keytrail, Settings};

/// A server with two tenants: `acme` with owner alice and members bob (in team Ops) and carol (in
/// none), and `other` with owner mallory.
pub(crate) struct World {
    pub(crate) server: Keytrail,
    pub(crate) alice: Client,
    pub(crate) bob: Client,
    pub(crate) carol: Client,
    /// A member of the other tenant.
    pub(crate) stranger: Client,
    pub(crate) team: String,
    pub(crate) bob_id: String,
    pub(crate) carol_id: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let server = Keytrail::with(settings).await;
        server.run(&["tenant", "create", "other", "--owner", "mallory"]).await;
        let alice = server.sign_in("acme", "alice").await;
        let made = alice
            .data(
                r#"mutation {
                    createTeam(input: { name: "Ops" }) { team { id } }
                    bob: addMember(input: { subject: "bob", role: MEMBER }) { member { id } }
                    carol: addMember(input: { subject: "carol", role: MEMBER }) { member { id } }
                }"#,
                Value::Null,
            )
            .await;
        let id = |path: &str| made.pointer(path).and_then(Value::as_str).expect("id").to_owned();
        let (team, bob_id) = (id("/createTeam/team/id"), id("/bob/member/id"));
        let carol_id = id("/carol/member/id");
        alice
            .data(
                "mutation($input: AddTeamMemberInput!) { addTeamMember(input: $input) { visible } }",
                json!({ "input": { "teamId": team, "memberId": bob_id } }),
            )
            .await;
        let bob = server.sign_in("acme", "bob").await;
        let carol = server.sign_in("acme", "carol").await;
        let stranger = server.sign_in("other", "mallory").await;
        Self { alice, bob, carol, stranger, team, bob_id, carol_id, server }
    }
}

/// Input of an unchecked `http-bearer` credential.
pub(crate) fn bearer(name: &str, secret: &str) -> Value {
    json!({
        "component": "http-bearer",
        "name": name,
        "verify": false,
        "fields": { "base_url": "https://api.example.com", "token": secret },
    })
}

/// Makes an unchecked `http-bearer` credential; answers its id.
pub(crate) async fn create_bearer(client: &Client, name: &str, secret: &str) -> String {
    let made = client
        .data(
            "mutation($input: CreateCredentialInput!) { createCredential(input: $input) { credential { id } } }",
            json!({ "input": bearer(name, secret) }),
        )
        .await;
    made["createCredential"]["credential"]["id"].as_str().expect("id").to_owned()
}
