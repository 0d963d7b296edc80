//! OAuth clients: who makes and sees them, what is refused, and that their secret comes out nowhere.

use serde_json::{Value, json};

use crate::{
    harness::{Canary, Client, Search, Settings, World, mutation, text},
    leaks::{files, streams},
};

const ALL: &str = "id name components clientId authorizationUrl tokenUrl revocationUrl issuer scopes
    authentication hasSecret credentials { id } hiddenCount createdAt createdBy { name member { subject } }
    updatedAt deletedAt revision";
const NODE: &str = "query($id: ID!) { node(id: $id) { ... on OAuthClient { name hasSecret deletedAt } } }";
const CREATE: &str = "createOAuthClient";
const UPDATE: &str = "updateOAuthClient";
const DELETE: &str = "deleteOAuthClient";

/// Input of a client that authenticates with a secret.
pub(crate) fn oauth_client(name: &str, secret: &str) -> Value {
    json!({
        "name": name,
        "components": ["oauth2-generic"],
        "clientId": "app-1",
        "clientSecret": secret,
        "authorizationUrl": "https://id.example.com/authorize",
        "tokenUrl": "https://id.example.com/token",
        "scopes": ["mail.read"],
    })
}

fn with(mut input: Value, name: &str, value: Value) -> Value {
    input[name] = value;
    input
}

async fn make(client: &Client, input: Value) -> Value {
    let selection = format!("oauthClient {{ {ALL} }}");
    client.mutate(CREATE, &selection, input).await["oauthClient"].clone()
}

async fn person(world: &World, name: &str, role: &str) -> Client {
    let input = json!({ "subject": name, "role": role });
    world.alice.mutate("addMember", "visible", input).await;
    world.server.sign_in("acme", name).await
}

async fn list(client: &Client) -> Value {
    let query = format!("{{ oauthClients(first: 10) {{ totalCount nodes {{ {ALL} }} }} }}");
    client.data(&query, Value::Null).await["oauthClients"].clone()
}

/// Where an input is wrong.
async fn paths(client: &Client, name: &str, input: Value) -> Vec<String> {
    let refused = client.refused(name, input).await;
    assert_eq!(refused["code"], "BAD_USER_INPUT", "{refused:#}");
    refused["fields"].as_array().expect("fields").iter().map(|field| text(&field["path"])).collect()
}

#[tokio::test]
async fn an_admin_makes_changes_lists_and_deletes_an_oauth_client() {
    let world = World::start().await;
    let admin = person(&world, "erin", "ADMIN").await;
    let made = make(&admin, oauth_client(" Mail ", "s3cr3t")).await;
    let id = text(&made["id"]);
    assert!(id.starts_with("oac_"), "{made:#}");
    for (field, expected) in [
        ("name", json!("Mail")),
        ("components", json!(["oauth2-generic"])),
        ("clientId", json!("app-1")),
        ("authorizationUrl", json!("https://id.example.com/authorize")),
        ("tokenUrl", json!("https://id.example.com/token")),
        ("revocationUrl", Value::Null),
        ("issuer", Value::Null),
        ("scopes", json!(["mail.read"])),
        ("authentication", json!("BASIC")),
        ("hasSecret", json!(true)),
        ("credentials", json!([])),
        ("hiddenCount", json!(0)),
        ("revision", json!(1)),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(made["createdBy"]["member"]["subject"], "erin");
    let change = json!({
        "oauthClientId": id, "name": "Post", "scopes": [], "authorizationUrl": null, "tokenUrl": "http://127.0.0.1:9/t",
        "issuer": "https://id.example.com", "authentication": "POST", "clientSecret": "other", "expectedRevision": 1,
    });
    let selection = "oauthClient { name scopes authorizationUrl tokenUrl issuer authentication revision }";
    let changed = admin.mutate(UPDATE, selection, change.clone()).await["oauthClient"].clone();
    let expected = json!({
        "name": "Post", "scopes": [], "authorizationUrl": null, "tokenUrl": "http://127.0.0.1:9/t",
        "issuer": "https://id.example.com", "authentication": "POST", "revision": 3,
    });
    assert_eq!(changed, expected);
    assert_eq!(admin.refused(UPDATE, change).await["code"], "CONFLICT", "the revision is another one");
    make(&admin, oauth_client("Calendar", "x")).await;
    let listed = list(&admin).await;
    assert_eq!(listed["totalCount"], 2);
    assert_eq!(
        (&listed["nodes"][0]["name"], &listed["nodes"][1]["name"]),
        (&json!("Post"), &json!("Calendar"))
    );
    let stale = json!({ "oauthClientId": id, "expectedRevision": 1 });
    assert_eq!(admin.refused(DELETE, stale).await["code"], "CONFLICT");
    let selection = "oauthClient { deletedAt hasSecret }";
    let gone = admin.mutate(DELETE, selection, json!({ "oauthClientId": id })).await;
    assert!(
        gone["oauthClient"]["deletedAt"].is_string() && gone["oauthClient"]["hasSecret"] == false,
        "{gone:#}"
    );
    assert_eq!(list(&admin).await["totalCount"], 1);
    assert_eq!(admin.data(NODE, json!({ "id": id })).await["node"]["name"], "Post");
    assert_eq!(admin.refused(DELETE, json!({ "oauthClientId": id })).await["code"], "NOT_FOUND");
    make(&admin, oauth_client("Post", "x")).await;
}

#[tokio::test]
async fn a_public_oauth_client_has_no_secret_and_may_come_to_have_one() {
    let world = World::start().await;
    let mut input = with(oauth_client("App", ""), "authentication", json!("NONE"));
    assert_eq!(paths(&world.alice, CREATE, input.clone()).await, ["input.clientSecret"]);
    input.as_object_mut().expect("object").remove("clientSecret");
    let made = make(&world.alice, input).await;
    assert_eq!((&made["hasSecret"], &made["authentication"]), (&json!(false), &json!("NONE")));
    let basic = json!({ "oauthClientId": made["id"], "authentication": "BASIC" });
    assert_eq!(world.alice.refused(UPDATE, basic.clone()).await["reason"], "SECRET_REQUIRED");
    let selection = "oauthClient { hasSecret }";
    let closed = world.alice.mutate(UPDATE, selection, with(basic, "clientSecret", json!("x"))).await;
    assert_eq!(closed["oauthClient"]["hasSecret"], true);
}

#[tokio::test]
async fn an_auditor_sees_oauth_clients_and_a_member_does_not() {
    let world = World::start().await;
    let auditor = person(&world, "dora", "AUDITOR").await;
    let made = make(&world.alice, oauth_client("Mail", "s3cr3t")).await;
    let id = &made["id"];
    assert_eq!(list(&auditor).await["nodes"], json!([made]));
    let one = "query($id: ID!) { oauthClient(id: $id) { name } }";
    assert_eq!(auditor.data(one, json!({ "id": id })).await["oauthClient"]["name"], "Mail");
    let update = json!({ "oauthClientId": id, "name": "X" });
    for (name, input) in
        [(CREATE, oauth_client("Mine", "x")), (UPDATE, update), (DELETE, json!({ "oauthClientId": id }))]
    {
        assert_eq!(auditor.refused(name, input.clone()).await["code"], "FORBIDDEN", "{name}");
        assert_eq!(world.bob.refused(name, input.clone()).await["code"], "NOT_FOUND", "{name}");
        if name != CREATE {
            assert_eq!(world.stranger.refused(name, input).await["code"], "NOT_FOUND", "{name}");
        }
    }
    assert_eq!(world.bob.code("{ oauthClients { totalCount } }", Value::Null).await, "NOT_FOUND");
    assert_eq!(world.bob.code(one, json!({ "id": id })).await, "NOT_FOUND");
    assert_eq!(world.bob.data(NODE, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(world.stranger.data(NODE, json!({ "id": id })).await["node"], Value::Null);
}

#[tokio::test]
async fn an_oauth_clients_addresses_do_not_change_without_its_secret() {
    let world = World::start().await;
    let made = make(&world.alice, oauth_client("Mail", "s3cr3t")).await;
    for (field, value) in [
        ("tokenUrl", json!("https://evil.example/token")),
        ("authorizationUrl", json!("https://evil.example/")),
        ("authorizationUrl", Value::Null),
        ("revocationUrl", json!("https://evil.example/")),
        ("issuer", json!("https://evil.example")),
        ("authentication", json!("POST")),
    ] {
        let update = with(json!({ "oauthClientId": made["id"] }), field, value);
        let refused = world.alice.refused(UPDATE, update).await;
        assert_eq!(
            (&refused["code"], &refused["reason"]),
            (&json!("REFUSED"), &json!("SECRET_REQUIRED")),
            "{field}"
        );
    }
    assert_eq!(list(&world.alice).await["nodes"], json!([made]));
}

#[tokio::test]
async fn a_wrong_oauth_client_is_told_where_and_a_taken_name_is_a_conflict() {
    let world = World::start().await;
    let alice = &world.alice;
    let good = || oauth_client("Mail", "s3cr3t");
    for (field, value, path) in [
        ("tokenUrl", json!("http://id.example.com/"), "input.tokenUrl"),
        ("tokenUrl", json!("https://u:p@id.example.com/"), "input.tokenUrl"),
        ("authorizationUrl", json!("https://id.example.com/#x"), "input.authorizationUrl"),
        (
            "authorizationUrl",
            json!("https://id.example.com/?prompt=consent&scope=x"),
            "input.authorizationUrl",
        ),
        ("revocationUrl", json!("ftp://id.example.com/"), "input.revocationUrl"),
        ("issuer", json!("id.example.com"), "input.issuer"),
        ("scopes", json!(["a", "b c"]), "input.scopes.1"),
        ("components", json!([]), "input.components"),
        ("components", json!(["oauth2-generic", "github"]), "input.components.1"),
        ("components", json!(["no-such"]), "input.components.0"),
        ("clientId", json!(" "), "input.clientId"),
        ("clientSecret", Value::Null, "input.clientSecret"),
        ("name", json!(" "), "input.name"),
    ] {
        assert_eq!(paths(alice, CREATE, with(good(), field, value)).await, [path], "{field}");
    }
    let both = with(with(good(), "components", json!(["github"])), "tokenUrl", json!("not a url"));
    assert_eq!(paths(alice, CREATE, both).await, ["input.components.0", "input.tokenUrl"], "all at once");
    let id = make(alice, good()).await["id"].clone();
    let other = make(alice, oauth_client("Other", "x")).await["id"].clone();
    assert_eq!(alice.refused(CREATE, oauth_client(" MAIL", "x")).await["code"], "CONFLICT");
    let taken = json!({ "oauthClientId": other, "name": "mail" });
    assert_eq!(alice.refused(UPDATE, taken).await["code"], "CONFLICT");
    alice.mutate(UPDATE, "visible", json!({ "oauthClientId": id, "name": "MAIL" })).await;
    let bad = json!({ "oauthClientId": id, "components": ["github"] });
    assert_eq!(paths(alice, UPDATE, bad).await, ["input.components.0"]);
    assert_eq!(paths(alice, DELETE, json!({ "oauthClientId": "oac_1" })).await, ["input.oauthClientId"]);
}

#[tokio::test]
async fn the_same_oauth_client_asked_for_twice_is_one() {
    let world = World::start().await;
    let (alice, selection) = (&world.alice, "oauthClient { id revision } replayed");
    let wish = with(oauth_client("Mail", "s3cr3t"), "idempotencyKey", json!("k"));
    let first = alice.mutate(CREATE, selection, wish.clone()).await;
    let again = alice.mutate(CREATE, selection, wish.clone()).await;
    assert_eq!((&first["oauthClient"], &again["replayed"]), (&again["oauthClient"], &json!(true)));
    let other = with(wish, "clientSecret", json!("another"));
    assert_eq!(alice.refused(CREATE, other).await["code"], "CONFLICT");
    let id = &first["oauthClient"]["id"];
    let change = json!({ "oauthClientId": id, "clientSecret": "new", "name": "Post", "idempotencyKey": "u" });
    for replayed in [false, true] {
        let done = alice.mutate(UPDATE, selection, change.clone()).await;
        assert_eq!(done, json!({ "oauthClient": { "id": id, "revision": 3 }, "replayed": replayed }));
    }
    let delete = json!({ "oauthClientId": id, "idempotencyKey": "d" });
    for replayed in [false, true] {
        assert_eq!(alice.mutate(DELETE, selection, delete.clone()).await["replayed"], replayed);
    }
}

/// Everything that is answered while secrets are given, well and badly.
async fn answers(world: &World, [first, second, wrong]: [&str; 3]) -> Vec<String> {
    let alice = &world.alice;
    let mut heard = Vec::new();
    let mut ask = async |query: String, variables: Value| {
        let answer = alice.ask(&query, variables).await;
        heard.push(answer.to_string());
        answer
    };
    let selection = format!("oauthClient {{ {ALL} }} position");
    let make = mutation(CREATE, &selection);
    let made = ask(make.clone(), json!({ "input": oauth_client("Mail", first) })).await;
    let id = made["data"][CREATE]["oauthClient"]["id"].clone();
    assert!(id.is_string(), "{made:#}");
    let change = mutation(UPDATE, &selection);
    let moved = json!({ "oauthClientId": id, "tokenUrl": "https://b.example/t", "clientSecret": second });
    ask(change.clone(), json!({ "input": moved })).await;
    for input in [
        oauth_client("Mail", wrong),
        with(oauth_client("Bad", wrong), "tokenUrl", json!("http://b.example")),
        with(oauth_client("Bad", wrong), "authentication", json!("NONE")),
        with(oauth_client("Bad", wrong), "clientSecret", json!({ "value": wrong })),
        with(oauth_client("Bad", wrong), "clientSecret", json!(format!("{wrong}\n"))),
        with(oauth_client("Bad", wrong), "authentication", json!(wrong)),
        with(oauth_client("Bad", wrong), "clientSecrets", json!(wrong)),
    ] {
        let answer = ask(make.clone(), json!({ "input": input })).await;
        assert!(!answer["errors"].is_null(), "{answer:#}");
    }
    let stale = json!({ "oauthClientId": id, "clientSecret": wrong, "expectedRevision": 9 });
    ask(change, json!({ "input": stale })).await;
    let literal = json!(wrong).to_string();
    let in_text = format!(
        "mutation {{ createOAuthClient(input: {{ name: \"Bad\" components: [\"oauth2-generic\"] clientId: \"a\"
            tokenUrl: \"https://id.example\" clientSecret: {literal} }}) {{ position }} }}"
    );
    let answer = ask(in_text, Value::Null).await;
    assert_eq!(answer["errors"][0]["extensions"]["fields"][0]["path"], "input.clientSecret", "{answer:#}");
    ask(format!("{{ oauthClients {{ nodes {{ {ALL} }} }} }}"), Value::Null).await;
    let log = ask("{ auditLog(last: 50) { nodes { type data } } }".to_owned(), Value::Null).await.to_string();
    for event in ["OAuthClientCreated", "OAuthClientSecretReplaced", "OAuthClientChanged"] {
        assert!(log.contains(event), "{log}");
    }
    heard
}

#[tokio::test]
async fn an_oauth_clients_secret_is_found_nowhere() {
    let mut world = World::with(Settings::default().set("KEYTRAIL_LOG", "trace")).await;
    let canaries = ["a client's secret", "its next secret", "a refused secret"].map(Canary::ascii);
    let heard = answers(&world, [0, 1, 2].map(|place| canaries[place].text.as_str())).await;
    world.server.stop().await;
    let secrets = Search::of(&canaries);
    for answer in &heard {
        assert_eq!(secrets.find(answer.as_bytes()), None);
    }
    let log = world.server.log();
    assert!(log.contains("TRACE"), "it logs everything");
    assert_eq!(secrets.find(log.as_bytes()), None, "the log");
    let all: Vec<_> = files(&world.server).into_iter().chain(streams(&world.server)).collect();
    let address = Canary::given("what is no secret", "https://b.example/t");
    let plain = Search::of([&address]);
    assert!(
        all.iter().filter(|(_, bytes)| plain.find(bytes).is_some()).count() > 1,
        "events and views are there"
    );
    for (name, bytes) in &all {
        assert_eq!(secrets.find(bytes), None, "{name}");
    }
}
