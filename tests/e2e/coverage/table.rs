//! What each field of the schema is asked with, and who gets what.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::{
    component::erp,
    harness::{Client, World, bearer, text},
    oauth_clients::oauth_client,
};

/// Nothing that is answered may hold it.
pub(super) const CANARY: &str = "canary-77b2-secret";

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gets {
    /// Data without an error; for the stranger: his own.
    Data,
    /// Null, without an error.
    Nothing,
    /// An error with this code.
    Code(&'static str),
}

pub(super) use Gets::{Code, Data, Nothing};

pub(super) const NOT_FOUND: Gets = Code("NOT_FOUND");
pub(super) const FORBIDDEN: Gets = Code("FORBIDDEN");

/// Field, arguments, what the viewer gets, what the stranger gets.
pub(super) type Query = (&'static str, &'static str, Gets, Gets);

pub(super) const QUERIES: [Query; 28] = [
    ("alerts", "(first: 3)", Data, Data),
    ("auditLog", "(first: 3, filter: { credentialId: $credential })", NOT_FOUND, Data),
    ("component", "(slug: \"vault\")", Data, Data),
    ("components", "(first: 3)", Data, Data),
    ("connection", "(id: $connection)", NOT_FOUND, NOT_FOUND),
    ("connectionStates", "", Data, Data),
    ("connections", "(first: 1)", Data, Data),
    ("credential", "(id: $credential)", Data, NOT_FOUND),
    ("credentialAccess", "(id: $credential, first: 3)", FORBIDDEN, NOT_FOUND),
    ("credentialByName", "(name: \"Shared\")", Data, NOT_FOUND),
    ("credentialExposure", "(id: $credential, first: 3)", FORBIDDEN, NOT_FOUND),
    ("credentials", "(first: 3)", Data, Data),
    ("environments", "(first: 1)", Data, Data),
    ("flow", "(id: $flow)", NOT_FOUND, NOT_FOUND),
    ("flows", "(first: 1)", Data, Data),
    ("members", "(first: 3)", Data, Data),
    ("node", "(id: $credential)", Data, Nothing),
    ("nodes", "(ids: [$credential])", Data, Nothing),
    ("oauthClient", "(id: $client)", NOT_FOUND, NOT_FOUND),
    ("oauthClients", "(first: 3)", NOT_FOUND, Data),
    ("previewCredentialChange", "(id: $credential, change: DELETE)", FORBIDDEN, NOT_FOUND),
    ("serviceAccounts", "(first: 3)", NOT_FOUND, Data),
    ("stats", "", Data, Data),
    ("teams", "(first: 3)", Data, Data),
    ("tenant", "", Data, Data),
    ("transferOffers", "(first: 3)", Data, Data),
    ("viewer", "", Data, Data),
    ("webhookEndpoints", "(first: 3)", Data, Data),
];

/// Fields that need a role that the viewer has not.
pub(super) const NOT_FOR_MEMBERS: [&str; 3] = ["expiryDays", "reconnectOnRecovery", "restoreDays"];

pub(super) const SUBSCRIPTIONS: [&str; 2] = ["credentialAlerts", "credentialEvents"];

/// `acme` with a credential that bob may view and nothing else, and with an alert.
pub(super) struct Setting {
    pub(super) world: World,
    pub(super) api: StubServer,
    pub(super) credential: String,
    /// Another one of alice's, of the same component.
    pub(super) spare: String,
    pub(super) alert: String,
    /// A team that bob is not in.
    pub(super) other_team: String,
    pub(super) tenant: String,
    /// A webhook endpoint of the tenant.
    pub(super) endpoint: String,
    /// A connection and a flow of alice's.
    pub(super) connection: String,
    pub(super) flow: String,
    /// An environment of the tenant with the credential and the connection in it.
    pub(super) environment: String,
    /// A service account with a token and a grant on the credential.
    pub(super) account: String,
    pub(super) token: String,
    /// An OAuth client with a secret.
    pub(super) client: String,
    /// A cursor of acme's log.
    pub(super) position: String,
    /// An event of the credential.
    pub(super) event: String,
}

/// A credential that the system rejects, and its open alert.
pub(super) async fn rejected(client: &Client, api: &StubServer) -> (String, String) {
    let mut input = bearer("Shared", CANARY);
    input["fields"]["base_url"] = json!(api.url(""));
    let id = client.create(input).await;
    client.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
    let alert = eventually("an alert", async || {
        let found = client.credential(&id, "alerts { nodes { id } }").await;
        found["alerts"]["nodes"][0]["id"].as_str().map(str::to_owned)
    });
    (id.clone(), alert.await)
}

impl Setting {
    pub(super) async fn begin() -> Self {
        let world = World::start().await;
        let api = StubServer::start().await;
        api.on("GET", "/", Reply::status(401));
        api.on("POST", "/hook", Reply::status(204));
        let (credential, alert) = rejected(&world.alice, &api).await;
        let spare = world.alice.create(bearer("Spare", CANARY)).await;
        let definition = json!({ "definition": erp("erp", "https://erp.example") });
        world.alice.mutate("registerComponent", "visible", definition).await;
        let share = json!({ "credentialId": credential, "granteeId": world.bob_id, "level": "VIEW" });
        world.alice.mutate("shareCredential", "visible", share).await;
        let other = world.alice.mutate("createTeam", "team { id }", json!({ "name": "Dev" })).await;
        let tenant = world.alice.data("{ tenant { id } }", Value::Null).await;
        let (other_team, tenant) = (text(&other["team"]["id"]), text(&tenant["tenant"]["id"]));
        let hook = json!({ "url": api.url("/hook") });
        let selection = "webhookEndpoint { id } position";
        let made = world.alice.mutate("createWebhookEndpoint", selection, hook).await;
        let (endpoint, position) = (text(&made["webhookEndpoint"]["id"]), text(&made["position"]));
        let history = world.alice.credential(&credential, "history { nodes { id } }").await;
        let event = text(&history["history"]["nodes"][0]["id"]);
        let input = json!({ "component": "http-bearer", "name": "Link", "credentialIds": [credential] });
        let made = world.alice.mutate("createConnection", "connection { id }", input).await;
        let connection = text(&made["connection"]["id"]);
        let steps = json!([{ "component": "http-bearer", "credentialId": credential }]);
        let input = json!({ "name": "Orders", "steps": steps });
        let flow = text(&world.alice.mutate("createFlow", "flow { id }", input).await["flow"]["id"]);
        let input = json!({ "name": "Production", "connectionIds": [connection] });
        let made = world.alice.mutate("createEnvironment", "environment { id }", input).await;
        let environment = text(&made["environment"]["id"]);
        let share = json!({ "credentialId": credential, "granteeId": environment, "level": "USE" });
        world.alice.mutate("shareCredential", "visible", share).await;
        let made = world
            .alice
            .mutate("createServiceAccount", "serviceAccount { id }", json!({ "name": "ci" }))
            .await;
        let account = text(&made["serviceAccount"]["id"]);
        let input = json!({ "serviceAccountId": account, "name": "build", "scopes": ["READ"] });
        let made = world.alice.mutate("createApiToken", "serviceAccount { tokens { id } }", input).await;
        let token = text(&made["serviceAccount"]["tokens"][0]["id"]);
        let share = json!({ "credentialId": credential, "granteeId": account, "level": "USE" });
        world.alice.mutate("shareCredential", "visible", share).await;
        let made =
            world.alice.mutate("createOAuthClient", "oauthClient { id }", oauth_client("Mail", CANARY)).await;
        let client = text(&made["oauthClient"]["id"]);
        Self {
            world,
            api,
            credential,
            spare,
            alert,
            other_team,
            tenant,
            endpoint,
            connection,
            flow,
            environment,
            account,
            token,
            client,
            position,
            event,
        }
    }

    pub(super) fn ids(&self) -> [&String; 13] {
        let world = &self.world;
        let Self {
            credential,
            alert,
            other_team,
            tenant,
            endpoint,
            connection,
            flow,
            environment,
            account,
            token,
            client,
            ..
        } = self;
        let (team, bob) = (&world.team, &world.bob_id);
        [
            credential,
            alert,
            other_team,
            tenant,
            endpoint,
            connection,
            flow,
            environment,
            account,
            token,
            client,
            team,
            bob,
        ]
    }

    pub(super) async fn query(&self, client: &Client, query: &Query, selection: &str) -> Value {
        let (field, arguments, ..) = query;
        let declared = [
            ("credential", &self.credential),
            ("team", &self.world.team),
            ("member", &self.world.bob_id),
            ("alert", &self.alert),
            ("tenant", &self.tenant),
            ("endpoint", &self.endpoint),
            ("connection", &self.connection),
            ("flow", &self.flow),
            ("client", &self.client),
        ];
        let used = declared.iter().filter(|(name, _)| arguments.contains(&format!("${name}")));
        let head: Vec<String> = used.clone().map(|(name, _)| format!("${name}: ID!")).collect();
        let head = if head.is_empty() { String::new() } else { format!("({})", head.join(", ")) };
        let variables: Value = used.map(|(name, id)| ((*name).to_owned(), json!(id))).collect();
        client.ask(&format!("query{head} {{ {field}{arguments} {selection} }}"), variables).await
    }

    /// Each mutation with an input of acme's ids, what the viewer gets, and the stranger.
    pub(super) fn mutations(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let (credential, alert) =
            (json!({ "credentialId": self.credential }), json!({ "alertId": self.alert }));
        let with = |base: &Value, more: Value| {
            let mut input = base.clone();
            for (name, value) in more.as_object().expect("object") {
                input[name] = value.clone();
            }
            input
        };
        let dev = json!({ "teamId": self.other_team });
        let endpoint = json!({ "webhookEndpointId": self.endpoint });
        let carol = json!({ "memberId": self.world.carol_id });
        let mut owned = bearer("Mine", CANARY);
        owned["ownerTeamId"] = json!(self.other_team);
        let own = json!({ "slug": "acme/erp" });
        vec![
            (
                "registerComponent",
                json!({ "definition": erp("crm", "https://crm.example") }),
                FORBIDDEN,
                Data,
            ),
            (
                "updateComponent",
                with(&own, json!({ "definition": erp("erp", "https://erp2.example") })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("deleteComponent", own, FORBIDDEN, NOT_FOUND),
            ("createCredential", owned, FORBIDDEN, NOT_FOUND),
            ("updateCredential", with(&credential, json!({ "name": "X" })), FORBIDDEN, NOT_FOUND),
            ("verifyCredential", credential.clone(), FORBIDDEN, NOT_FOUND),
            (
                "repointCredential",
                json!({ "fromCredentialId": self.credential, "toCredentialId": self.spare }),
                FORBIDDEN,
                NOT_FOUND,
            ),
            (
                "offerTransfer",
                with(&credential, json!({ "toOwnerId": self.world.carol_id })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("cancelTransfer", credential.clone(), FORBIDDEN, NOT_FOUND),
            ("acceptTransfer", credential.clone(), Code("REFUSED"), NOT_FOUND),
            ("declineTransfer", credential.clone(), Code("REFUSED"), NOT_FOUND),
            ("leaseCredential", with(&credential, json!({ "purpose": "a look" })), FORBIDDEN, NOT_FOUND),
            (
                "shareCredential",
                with(&credential, json!({ "granteeId": self.world.carol_id, "level": "VIEW" })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            (
                "revokeShare",
                with(&credential, json!({ "granteeId": self.world.carol_id })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("suspendCredential", with(&credential, json!({ "reason": "x" })), FORBIDDEN, NOT_FOUND),
            (
                "markCompromised",
                with(&credential, json!({ "reason": "x", "since": "2026-01-01T00:00:00Z" })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("resumeCredential", with(&credential, json!({ "reason": "x" })), FORBIDDEN, NOT_FOUND),
            ("acknowledgeAlert", alert.clone(), FORBIDDEN, NOT_FOUND),
            ("resolveAlert", alert, FORBIDDEN, NOT_FOUND),
            (
                "rotateCredential",
                with(&credential, json!({ "verify": false, "fields": { "token": CANARY } })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("rollbackCredential", with(&credential, json!({ "verify": false })), FORBIDDEN, NOT_FOUND),
            ("retireVersion", with(&credential, json!({ "version": 2 })), FORBIDDEN, NOT_FOUND),
            ("deleteCredential", with(&credential, json!({ "detach": true })), FORBIDDEN, NOT_FOUND),
            ("restoreCredential", credential.clone(), FORBIDDEN, NOT_FOUND),
            ("purgeCredential", credential, FORBIDDEN, NOT_FOUND),
            ("addTeamMember", with(&dev, carol.clone()), FORBIDDEN, NOT_FOUND),
            ("setTeamLead", with(&with(&dev, carol.clone()), json!({ "lead": true })), FORBIDDEN, NOT_FOUND),
            ("removeTeamMember", with(&dev, carol.clone()), FORBIDDEN, NOT_FOUND),
            ("renameTeam", with(&dev, json!({ "name": "Research" })), FORBIDDEN, NOT_FOUND),
            ("createTeam", json!({ "name": "Sales" }), FORBIDDEN, Data),
            ("addMember", json!({ "subject": "eve", "role": "MEMBER" }), FORBIDDEN, Data),
            ("setMemberRole", with(&carol, json!({ "role": "ADMIN" })), FORBIDDEN, NOT_FOUND),
            ("removeMember", carol, FORBIDDEN, NOT_FOUND),
            ("updateTenant", json!({ "name": "Renamed" }), NOT_FOUND, Data),
            ("deleteTeam", dev, FORBIDDEN, NOT_FOUND),
            ("createWebhookEndpoint", json!({ "url": self.api.url("/hook") }), NOT_FOUND, Data),
            ("updateWebhookEndpoint", with(&endpoint, json!({ "description": "x" })), NOT_FOUND, NOT_FOUND),
            ("rotateWebhookSecret", endpoint.clone(), NOT_FOUND, NOT_FOUND),
            ("sendTestWebhook", endpoint.clone(), NOT_FOUND, NOT_FOUND),
            ("redeliverWebhook", with(&endpoint, json!({ "eventId": self.event })), NOT_FOUND, NOT_FOUND),
            ("replayWebhooks", with(&endpoint, json!({ "from": self.position })), NOT_FOUND, NOT_FOUND),
            ("deleteWebhookEndpoint", endpoint, NOT_FOUND, NOT_FOUND),
        ]
        .into_iter()
        .chain(self.of_connections())
        .chain(self.of_flows())
        .chain(self.of_environments())
        .chain(self.of_service_accounts())
        .chain(self.of_oauth_clients())
        .collect()
    }

    fn of_connections(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let id = &self.connection;
        let attach = json!({ "connectionId": id, "credentialId": self.credential });
        let new = json!({ "component": "http-bearer", "name": "X", "ownerTeamId": self.other_team });
        let to = json!({ "connectionId": id, "to": "IGNORED" });
        let one = json!({ "connectionId": id });
        vec![
            ("createConnection", new, NOT_FOUND, NOT_FOUND),
            ("updateConnection", json!({ "connectionId": id, "name": "X" }), NOT_FOUND, NOT_FOUND),
            ("transitionConnection", to, NOT_FOUND, NOT_FOUND),
            ("attachCredential", attach.clone(), NOT_FOUND, NOT_FOUND),
            ("detachCredential", attach, NOT_FOUND, NOT_FOUND),
            ("deleteConnection", one.clone(), NOT_FOUND, NOT_FOUND),
            ("restoreConnection", one, NOT_FOUND, NOT_FOUND),
        ]
    }

    fn of_environments(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let one = json!({ "environmentId": self.environment });
        let named = json!({ "environmentId": self.environment, "name": "Live" });
        let bob = json!({ "environmentId": self.environment, "granteeId": self.world.bob_id });
        vec![
            ("createEnvironment", json!({ "name": "Staging" }), NOT_FOUND, Data),
            ("updateEnvironment", named, NOT_FOUND, NOT_FOUND),
            ("shareEnvironment", bob.clone(), NOT_FOUND, NOT_FOUND),
            ("revokeEnvironmentShare", bob, NOT_FOUND, NOT_FOUND),
            ("deleteEnvironment", one, NOT_FOUND, NOT_FOUND),
        ]
    }

    fn of_service_accounts(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let one = json!({ "serviceAccountId": self.account });
        let token = json!({ "serviceAccountId": self.account, "name": "more", "scopes": ["WRITE"] });
        vec![
            ("createServiceAccount", json!({ "name": "runtime" }), NOT_FOUND, Data),
            ("createApiToken", token, NOT_FOUND, NOT_FOUND),
            ("revokeApiToken", json!({ "tokenId": self.token }), NOT_FOUND, NOT_FOUND),
            ("deleteServiceAccount", one, NOT_FOUND, NOT_FOUND),
        ]
    }

    fn of_oauth_clients(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let one = json!({ "oauthClientId": self.client });
        let named = json!({ "oauthClientId": self.client, "name": "Post" });
        vec![
            ("createOAuthClient", oauth_client("Calendar", CANARY), NOT_FOUND, Data),
            ("updateOAuthClient", named, NOT_FOUND, NOT_FOUND),
            (
                "beginOAuth2",
                json!({ "oauthClientId": self.client, "component": "oauth2-generic", "name": "Box" }),
                Data,
                Code("BAD_USER_INPUT"),
            ),
            (
                "completeOAuth2",
                json!({ "flowId": "00000000-0000-7000-8000-000000000001", "code": "AAAAAAAAAA" }),
                NOT_FOUND,
                NOT_FOUND,
            ),
            ("deleteOAuthClient", one, NOT_FOUND, NOT_FOUND),
        ]
    }

    fn of_flows(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
        let one = json!({ "flowId": self.flow });
        let named = json!({ "flowId": self.flow, "name": "X" });
        let new = json!({ "name": "X", "ownerTeamId": self.other_team });
        vec![
            ("createFlow", new, NOT_FOUND, NOT_FOUND),
            ("updateFlow", named, NOT_FOUND, NOT_FOUND),
            ("copyFlow", json!({ "flowId": self.flow, "name": "Y" }), NOT_FOUND, NOT_FOUND),
            ("startFlow", json!({ "flowId": self.flow, "skipVerification": true }), NOT_FOUND, NOT_FOUND),
            ("stopFlow", one.clone(), NOT_FOUND, NOT_FOUND),
            ("deleteFlow", one, NOT_FOUND, NOT_FOUND),
        ]
    }
}
