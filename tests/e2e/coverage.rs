//! Every field of the schema, asked by nobody, by a viewer and by a stranger from another tenant.
//! A field that is not in a table here fails the first test.

use std::collections::BTreeSet;

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::{
    harness::{Client, World, bearer, mutation, text},
    sdl::Sdl,
};

/// Nothing that is answered may hold it.
const CANARY: &str = "canary-77b2-secret";

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// Data without an error; for the stranger: his own.
    Data,
    /// Null, without an error.
    Nothing,
    /// An error with this code.
    Code(&'static str),
}

use Gets::{Code, Data, Nothing};

const NOT_FOUND: Gets = Code("NOT_FOUND");
const FORBIDDEN: Gets = Code("FORBIDDEN");

/// Field, arguments, what the viewer gets, what the stranger gets.
type Query = (&'static str, &'static str, Gets, Gets);

const QUERIES: [Query; 14] = [
    ("alerts", "(first: 3)", Data, Data),
    ("auditLog", "(first: 3, filter: { credentialId: $credential })", NOT_FOUND, Data),
    ("component", "(slug: \"vault\")", Data, Data),
    ("components", "", Data, Data),
    ("credential", "(id: $credential)", Data, NOT_FOUND),
    ("credentialByName", "(name: \"Shared\")", Data, NOT_FOUND),
    ("credentials", "(first: 3)", Data, Data),
    ("members", "(first: 3)", Data, Data),
    ("node", "(id: $credential)", Data, Nothing),
    ("nodes", "(ids: [$credential, $team, $member, $alert, $tenant])", Data, Nothing),
    ("stats", "", Data, Data),
    ("teams", "(first: 3)", Data, Data),
    ("tenant", "", Data, Data),
    ("viewer", "", Data, Data),
];

/// Fields that need a role that the viewer has not.
const NOT_FOR_MEMBERS: [&str; 1] = ["restoreDays"];

const SUBSCRIPTIONS: [&str; 2] = ["credentialAlerts", "credentialEvents"];

/// `acme` with a credential that bob may view and nothing else, and with an alert.
struct Setting {
    world: World,
    api: StubServer,
    credential: String,
    alert: String,
    /// A team that bob is not in.
    other_team: String,
    tenant: String,
}

/// A credential that the system rejects, and its open alert.
async fn rejected(client: &Client, api: &StubServer) -> (String, String) {
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
    async fn begin() -> Self {
        let world = World::start().await;
        let api = StubServer::start().await;
        api.on("GET", "/", Reply::status(401));
        let (credential, alert) = rejected(&world.alice, &api).await;
        let share = json!({ "credentialId": credential, "granteeId": world.bob_id, "level": "VIEW" });
        world.alice.mutate("shareCredential", "visible", share).await;
        let other = world.alice.mutate("createTeam", "team { id }", json!({ "name": "Dev" })).await;
        let tenant = world.alice.data("{ tenant { id } }", Value::Null).await;
        let (other_team, tenant) = (text(&other["team"]["id"]), text(&tenant["tenant"]["id"]));
        Self { world, api, credential, alert, other_team, tenant }
    }

    fn ids(&self) -> [&String; 6] {
        let world = &self.world;
        [&self.credential, &self.alert, &self.other_team, &self.tenant, &world.team, &world.bob_id]
    }

    async fn query(&self, client: &Client, query: &Query, selection: &str) -> Value {
        let (field, arguments, ..) = query;
        let declared = [
            ("credential", &self.credential),
            ("team", &self.world.team),
            ("member", &self.world.bob_id),
            ("alert", &self.alert),
            ("tenant", &self.tenant),
        ];
        let used = declared.iter().filter(|(name, _)| arguments.contains(&format!("${name}")));
        let head: Vec<String> = used.clone().map(|(name, _)| format!("${name}: ID!")).collect();
        let head = if head.is_empty() { String::new() } else { format!("({})", head.join(", ")) };
        let variables: Value = used.map(|(name, id)| ((*name).to_owned(), json!(id))).collect();
        client.ask(&format!("query{head} {{ {field}{arguments} {selection} }}"), variables).await
    }

    /// Each mutation with an input of acme's ids, what the viewer gets, and the stranger.
    fn mutations(&self) -> Vec<(&'static str, Value, Gets, Gets)> {
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
        let carol = json!({ "memberId": self.world.carol_id });
        let mut owned = bearer("Mine", CANARY);
        owned["ownerTeamId"] = json!(self.other_team);
        vec![
            ("createCredential", owned, FORBIDDEN, NOT_FOUND),
            ("updateCredential", with(&credential, json!({ "name": "X" })), FORBIDDEN, NOT_FOUND),
            ("verifyCredential", credential.clone(), FORBIDDEN, NOT_FOUND),
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
            ("resumeCredential", with(&credential, json!({ "reason": "x" })), FORBIDDEN, NOT_FOUND),
            ("acknowledgeAlert", alert.clone(), FORBIDDEN, NOT_FOUND),
            ("resolveAlert", alert, FORBIDDEN, NOT_FOUND),
            (
                "rotateCredential",
                with(&credential, json!({ "verify": false, "fields": { "token": CANARY } })),
                FORBIDDEN,
                NOT_FOUND,
            ),
            ("deleteCredential", credential.clone(), FORBIDDEN, NOT_FOUND),
            ("restoreCredential", credential, FORBIDDEN, NOT_FOUND),
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
        ]
    }
}

/// What an answer comes to; `nodes` of nothing but nulls is nothing.
fn outcome(field: &str, answer: &Value) -> (bool, String) {
    assert!(!answer.to_string().contains(CANARY), "{field}: {answer:#}");
    if let Some(code) = answer["errors"][0]["extensions"]["code"].as_str() {
        return (false, code.to_owned());
    }
    let data = &answer["data"][field];
    let empty = data.is_null()
        || data.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_null));
    (!empty, String::new())
}

fn check(who: &str, field: &str, answer: &Value, wanted: Gets) {
    let got = outcome(field, answer);
    let wanted = match wanted {
        Data => (true, String::new()),
        Nothing => (false, String::new()),
        Code(code) => (false, code.to_owned()),
    };
    assert_eq!(got, wanted, "{who} asks {field}: {answer:#}");
}

#[tokio::test]
async fn every_field_of_the_schema_is_in_a_table() {
    let setting = Setting::begin().await;
    let queries = QUERIES.iter().map(|(field, ..)| format!("Query.{field}"));
    let mutations = setting.mutations().into_iter().map(|(field, ..)| format!("Mutation.{field}"));
    let subscriptions = SUBSCRIPTIONS.iter().map(|field| format!("Subscription.{field}"));
    let tables: BTreeSet<String> = queries.chain(mutations).chain(subscriptions).collect();
    assert_eq!(tables, Sdl::read().roots());
}

#[tokio::test]
async fn nobody_gets_anything_of_any_field() {
    let setting = Setting::begin().await;
    let (sdl, nobody) = (Sdl::read(), setting.world.server.anonymous());
    let unauthenticated = Code("UNAUTHENTICATED");
    for query in &QUERIES {
        let selection = sdl.everything("Query", query.0, &mut BTreeSet::new());
        check("nobody", query.0, &setting.query(&nobody, query, &selection).await, unauthenticated);
    }
    for (name, input, ..) in setting.mutations() {
        let answer = nobody.ask(&mutation(name, "position"), json!({ "input": input })).await;
        check("nobody", name, &answer, unauthenticated);
    }
    for name in SUBSCRIPTIONS {
        let http = reqwest::Client::builder().no_proxy().build().expect("client");
        let body = json!({ "query": format!("subscription {{ {name} {{ __typename }} }}") });
        let request = http.post(format!("{}/graphql", nobody.base)).header("accept", "text/event-stream");
        let answer = request.json(&body).send().await.expect("answered").text().await.expect("text");
        assert!(answer.contains("UNAUTHENTICATED"), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let setting = Setting::begin().await;
    let before =
        setting.world.alice.data("{ auditLog(last: 1) { edges { cursor node { id } } } }", Value::Null).await;
    for query in &QUERIES {
        let answer = setting.query(&setting.world.bob, query, "{ __typename }").await;
        check("the viewer", query.0, &answer, query.2);
    }
    for (name, input, viewer, _) in setting.mutations() {
        let answer = setting.world.bob.ask(&mutation(name, "position"), json!({ "input": input })).await;
        check("the viewer", name, &answer, viewer);
    }
    let after =
        setting.world.alice.data("{ auditLog(last: 1) { edges { node { id } } } }", Value::Null).await;
    let last = |log: &Value| log["auditLog"]["edges"][0]["node"]["id"].clone();
    assert_eq!(last(&after), last(&before), "nothing was recorded");
}

#[tokio::test]
async fn a_stranger_gets_his_own_things_and_never_anything_of_another_tenant() {
    let setting = Setting::begin().await;
    let (sdl, stranger) = (Sdl::read(), &setting.world.stranger);
    let nothing_of_acme = |what: &str, answer: &Value| {
        let answer = answer.to_string();
        for id in setting.ids() {
            assert!(!answer.contains(id.as_str()), "{what}: {answer}");
        }
        assert!(!answer.contains("acme") && !answer.contains("Shared"), "{what}: {answer}");
    };
    for query in &QUERIES {
        let selection = sdl.everything("Query", query.0, &mut BTreeSet::new());
        let answer = setting.query(stranger, query, &selection).await;
        check("the stranger", query.0, &answer, query.3);
        nothing_of_acme(query.0, &answer);
    }
    for (name, input, _, wanted) in setting.mutations() {
        let answer = stranger.ask(&mutation(name, "position"), json!({ "input": input })).await;
        check("the stranger", name, &answer, wanted);
        nothing_of_acme(name, &answer);
    }
    let acme = setting.world.alice.data("{ tenant { name } teams { nodes { name } } }", Value::Null).await;
    assert_eq!(acme["tenant"]["name"], "acme", "what he renamed was his own");
}

/// An error that a member may meet inside a larger answer.
fn expected_of_members(error: &Value) -> bool {
    let code = error["extensions"]["code"].as_str().unwrap_or_default();
    let path = error["path"].as_array().and_then(|path| path.last()).and_then(Value::as_str);
    matches!(code, "FORBIDDEN" | "NOT_FOUND") && path.is_some_and(|last| NOT_FOR_MEMBERS.contains(&last))
}

#[tokio::test]
async fn no_field_of_any_type_gives_a_secret_away() {
    let setting = Setting::begin().await;
    let (sdl, world) = (Sdl::read(), &setting.world);
    let mut asked = BTreeSet::new();
    for query in &QUERIES {
        let selection = sdl.everything("Query", query.0, &mut asked);
        for (client, wanted) in [(&world.alice, Data), (&world.bob, query.2)] {
            let mut answer = setting.query(client, query, &selection).await;
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            if wanted == Data && errors.iter().all(expected_of_members) {
                answer["errors"] = Value::Null;
            }
            check("a member", query.0, &answer, wanted);
        }
    }
    for (name, input, ..) in setting.mutations() {
        let mut input = input;
        if name == "deleteTeam" {
            // It owns what was made above; one that owns nothing can go.
            let made = world.alice.mutate("createTeam", "team { id }", json!({ "name": "Empty" })).await;
            input["teamId"] = made["team"]["id"].clone();
        }
        let selection = sdl.everything("Mutation", name, &mut asked);
        let answer = world
            .alice
            .ask(&mutation(name, &selection[1..selection.len() - 1]), json!({ "input": input }))
            .await;
        check("the owner", name, &answer, Data);
    }
    for name in SUBSCRIPTIONS {
        sdl.everything("Subscription", name, &mut asked);
    }
    let never: Vec<_> = sdl.leaves().difference(&asked).cloned().collect();
    assert_eq!(never, Vec::<String>::new(), "asked by nobody");
}

/// A position in the log of the caller's tenant, before what comes.
async fn now(client: &Client, name: &str) -> String {
    let made = client.mutate("createTeam", "position", json!({ "name": name })).await;
    text(&made["position"])
}

#[tokio::test]
async fn subscribers_hear_of_what_they_may_view_and_of_nothing_else() {
    let setting = Setting::begin().await;
    let (sdl, world) = (Sdl::read(), &setting.world);
    let (own, own_alert) = rejected(&world.stranger, &setting.api).await;
    let (acme, other) = (now(&world.alice, "Mark").await, now(&world.stranger, "Mark").await);
    let changes = [(&world.alice, &setting.credential, &setting.alert), (&world.stranger, &own, &own_alert)];
    for (client, credential, alert) in changes {
        client.mutate("acknowledgeAlert", "visible", json!({ "alertId": alert })).await;
        client
            .mutate("updateCredential", "visible", json!({ "credentialId": credential, "name": "New" }))
            .await;
    }
    for name in SUBSCRIPTIONS {
        let selection = sdl.everything("Subscription", name, &mut BTreeSet::new());
        let query = format!("subscription($after: String) {{ {name}(after: $after) {selection} }}");
        let (wanted, kind) = match name {
            "credentialAlerts" => ("AlertAcknowledged", "AlertChange"),
            _ => ("CredentialRenamed", "CredentialChange"),
        };
        for (client, after, id) in [(&world.bob, &acme, &setting.credential), (&world.stranger, &other, &own)]
        {
            let mut socket = client.socket().await;
            socket.subscribe(&query, json!({ "after": after })).await;
            let heard = socket.next_data().await[name].clone();
            assert!(!heard.to_string().contains(CANARY), "{heard:#}");
            assert_eq!((&heard["__typename"], &heard["event"]["type"]), (&json!(kind), &json!(wanted)));
            let about = if name == "credentialAlerts" {
                &heard["alert"]["credential"]["id"]
            } else {
                &heard["event"]["credential"]["id"]
            };
            assert_eq!(about, id, "{name}");
        }
        let mut socket = world.stranger.socket().await;
        socket.subscribe(&query, json!({ "after": acme })).await;
        let refused = socket.hear().await;
        assert!(refused.to_string().contains("BAD_USER_INPUT"), "a cursor of another tenant: {refused:#}");
    }
}

#[tokio::test]
async fn a_subscriber_is_told_once_when_he_may_not_view_any_more() {
    let setting = Setting::begin().await;
    let world = &setting.world;
    let after = now(&world.alice, "Mark").await;
    let mut socket = world.bob.socket().await;
    let query = "subscription($after: String) { credentialEvents(after: $after) { __typename \
                 ... on CredentialChange { event { type } } ... on AccessLost { id } } }";
    socket.subscribe(query, json!({ "after": after })).await;
    let rename = json!({ "credentialId": setting.credential, "name": "New" });
    world.alice.mutate("updateCredential", "visible", rename).await;
    assert_eq!(socket.next_data().await["credentialEvents"]["event"]["type"], "CredentialRenamed");
    let revoke = json!({ "credentialId": setting.credential, "granteeId": world.bob_id });
    world.alice.mutate("revokeShare", "visible", revoke).await;
    let heard = socket.next_data().await["credentialEvents"].clone();
    assert_eq!(heard, json!({ "__typename": "AccessLost", "id": setting.credential }));
    // What happens later is not heard; his own next thing is.
    let rename = json!({ "credentialId": setting.credential, "name": "Newer" });
    world.alice.mutate("updateCredential", "visible", rename).await;
    world.bob.create(bearer("Own", CANARY)).await;
    assert_eq!(socket.next_data().await["credentialEvents"]["event"]["type"], "CredentialCreated");
}
