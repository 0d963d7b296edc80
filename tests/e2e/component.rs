//! Tenants' own components: made, changed, used, and gone.

use keytrail_test_support::{Reply, StubServer};
use serde_json::{Value, json};

use crate::harness::{Client, World, text};

/// A definition with a token that is sent to one fixed place.
pub(crate) fn erp(slug: &str, host: &str) -> Value {
    json!({
        "slug": slug, "name": "Our ERP", "kind": "API_KEY", "description": "Ours.", "authStyle": "Bearer",
        "fields": {
            "type": "object", "additionalProperties": false, "required": ["token"],
            "properties": {
                "token": { "type": "string", "title": "Token", "minLength": 1, "maxLength": 99, "x-secret": true },
            },
        },
        "allowedHosts": [host.trim_start_matches("https://")],
        "verify": { "checks": [{
            "request": { "method": "GET", "url": format!("{host}/me"), "auth": { "bearer": "{{token}}" } },
            "rules": [
                { "status": [200], "verdict": "VALID", "message": "the ERP accepts the token" },
                { "status": [401], "verdict": "INVALID", "message": "the ERP rejects the token" },
            ],
        }] },
    })
}

/// The same with an address that has a default: what a test can let point to a server of its own.
fn erp_at(address: &str) -> Value {
    let mut definition = erp("erp", "https://erp.example");
    definition["fields"]["properties"]["address"] = json!({
        "type": "string", "title": "Address", "format": "base-url", "maxLength": 200, "default": address,
        "x-destination": true,
    });
    definition["allowedHosts"] = json!(["{{address}}"]);
    definition["verify"]["checks"][0]["request"]["url"] = json!("{{address}}/me");
    definition
}

/// As [`erp_at`], asking another path.
fn erp_asking(address: &str, path: &str) -> Value {
    let mut definition = erp_at(address);
    definition["verify"]["checks"][0]["request"]["url"] = json!(format!("{{{{address}}}}{path}"));
    definition
}

pub(crate) async fn register(client: &Client, definition: Value) -> Value {
    let selection = "component { slug version revision builtIn definition verifiable }";
    let input = json!({ "definition": definition });
    client.mutate("registerComponent", selection, input).await["component"].clone()
}

async fn update(client: &Client, definition: Value) -> Value {
    let input = json!({ "slug": "acme/erp", "definition": definition });
    client.mutate("updateComponent", "component { version revision }", input).await["component"].clone()
}

async fn paths_of(client: &Client, mutation: &str, input: Value) -> Vec<String> {
    let refused = client.refused(mutation, input).await;
    assert_eq!(refused["code"], "BAD_USER_INPUT", "{refused:#}");
    refused["fields"].as_array().expect("fields").iter().map(|field| text(&field["path"])).collect()
}

fn paths_asked(server: &StubServer) -> Vec<String> {
    server.requests().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test]
async fn a_credential_follows_the_version_that_it_was_made_with_until_its_secret_is_given_again() {
    let world = World::start().await;
    let (old, new) = (StubServer::start().await, StubServer::start().await);
    old.on("GET", "/me", Reply::status(200));
    new.on("GET", "/v2/me", Reply::status(200));
    let made = register(&world.alice, erp_at(&old.url(""))).await;
    assert_eq!(
        (&made["slug"], &made["version"], &made["builtIn"]),
        (&json!("acme/erp"), &json!(1), &json!(false))
    );
    assert_eq!(made["definition"]["slug"], "erp");

    let fields = json!({ "token": "s3cr3t-token" });
    let input = json!({ "component": "acme/erp", "name": "ERP", "fields": fields });
    let id = world.alice.create(input).await;
    let what = "status allowedHosts component { slug version } fields { name value isSecret }";
    let before = world.alice.credential(&id, what).await;
    assert_eq!((&before["status"], &before["component"]["version"]), (&json!("VALID"), &json!(1)));

    assert_eq!(update(&world.alice, erp_asking(&new.url(""), "/v2/me")).await["version"], 2);
    world.alice.mutate("verifyCredential", "visible", json!({ "credentialId": id })).await;
    assert_eq!(world.alice.credential(&id, what).await, before, "nothing of it has changed");
    assert_eq!((paths_asked(&old), paths_asked(&new)), (vec!["/me".to_owned(); 2], vec![]));

    let rotate =
        json!({ "credentialId": id, "fields": { "token": "an0ther-token", "address": new.url("") } });
    world.alice.mutate("rotateCredential", "visible", rotate).await;
    let after = world.alice.credential(&id, what).await;
    assert_eq!((&after["status"], &after["component"]["version"]), (&json!("VALID"), &json!(2)));
    assert_eq!(after["allowedHosts"], json!([new.address().to_string()]));
    assert_eq!((paths_asked(&old).len(), paths_asked(&new)), (2, vec!["/v2/me".to_owned()]));
}

#[tokio::test]
async fn a_bad_definition_is_refused_with_its_places() {
    let world = World::start().await;
    let mut bad = erp("erp", "https://erp.example");
    bad["fields"]["properties"]["token"]["maxLength"] = Value::Null;
    bad["name"] = json!("");
    let paths = paths_of(&world.alice, "registerComponent", json!({ "definition": bad })).await;
    assert_eq!(paths, ["input.definition.name", "input.definition.fields.properties.token.maxLength"]);
    for (definition, path) in [
        (json!({ "slug": "erp" }), "input.definition"),
        (json!("erp"), "input.definition"),
        (erp("acme/erp", "https://erp.example"), "input.definition.slug"),
        (erp("ERP", "https://erp.example"), "input.definition.slug"),
        (erp("erp", "http://erp.example"), "input.definition.verify.checks[0].request.url"),
    ] {
        let what = definition.to_string();
        let paths = paths_of(&world.alice, "registerComponent", json!({ "definition": definition })).await;
        assert!(paths.iter().any(|found| found == path), "{what}: {paths:?}");
    }
    register(&world.alice, erp("erp", "https://erp.example")).await;
    let again = json!({ "definition": erp("erp", "https://erp.example") });
    assert_eq!(world.alice.refused("registerComponent", again).await["code"], "CONFLICT");

    let mut open = erp("erp", "https://erp.example");
    open["fields"]["properties"]["token"]["x-secret"] = json!(false);
    let input = json!({ "slug": "acme/erp", "definition": open });
    assert_eq!(
        paths_of(&world.alice, "updateComponent", input).await,
        ["input.definition.fields.properties.token.x-secret"]
    );
    let mut jumped = erp("erp", "https://erp2.example");
    jumped["version"] = json!(7);
    let input = json!({ "slug": "acme/erp", "definition": jumped });
    assert_eq!(paths_of(&world.alice, "updateComponent", input).await, ["input.definition.version"]);
}

#[tokio::test]
async fn members_see_the_tenants_own_components_and_strangers_do_not() {
    let world = World::start().await;
    register(&world.alice, erp("erp", "https://erp.example")).await;
    let one = "{ component(slug: \"acme/erp\") { name credentialCount } }";
    let seen = world.bob.data(one, Value::Null).await;
    assert_eq!(seen["component"], json!({ "name": "Our ERP", "credentialCount": 0 }));
    assert_eq!(world.stranger.code(one, Value::Null).await, "NOT_FOUND");

    let all = "{ components(first: 1000) { totalCount nodes { slug builtIn } } }";
    let listed = async |client: &Client| {
        let listed = client.data(all, Value::Null).await["components"].clone();
        let nodes = listed["nodes"].as_array().expect("nodes").clone();
        assert_eq!(listed["totalCount"], nodes.len());
        nodes.iter().map(|node| text(&node["slug"])).collect::<Vec<_>>()
    };
    let (ours, theirs) = (listed(&world.bob).await, listed(&world.stranger).await);
    assert_eq!(ours.len(), theirs.len() + 1);
    assert!(ours.is_sorted() && ours.contains(&"acme/erp".to_owned()));
    assert!(theirs.iter().all(|slug| !slug.contains('/')));

    let input = json!({ "component": "acme/erp", "name": "X", "verify": false, "fields": { "token": "t" } });
    assert_eq!(world.stranger.refused("createCredential", input).await["code"], "BAD_USER_INPUT");
    let built_in = json!({ "slug": "github", "definition": erp("github", "https://evil.example") });
    let paths = paths_of(&world.alice, "updateComponent", built_in).await;
    assert_eq!(paths, ["input.slug"]);
}

#[tokio::test]
async fn a_component_that_credentials_are_of_is_not_deleted() {
    let world = World::start().await;
    register(&world.alice, erp("erp", "https://erp.example")).await;
    let input =
        json!({ "component": "acme/erp", "name": "E", "verify": false, "fields": { "token": "t0ken" } });
    let id = world.alice.create(input.clone()).await;
    let delete = json!({ "slug": "acme/erp" });
    let used = world.alice.refused("deleteComponent", delete.clone()).await;
    assert_eq!((&used["reason"], &used["credentials"]), (&json!("COMPONENT_IN_USE"), &json!(1)));
    world.alice.mutate("deleteCredential", "visible", json!({ "credentialId": id })).await;
    let used = world.alice.refused("deleteComponent", delete.clone()).await;
    assert_eq!(
        (&used["reason"], &used["credentials"]),
        (&json!("COMPONENT_IN_USE"), &json!(1)),
        "can come back"
    );

    register(&world.alice, erp("crm", "https://crm.example")).await;
    let gone = world.alice.mutate("deleteComponent", "slug", json!({ "slug": "acme/crm" })).await;
    assert_eq!(gone["slug"], "acme/crm");
    let one = "{ component(slug: \"acme/crm\") { name } }";
    assert_eq!(world.alice.code(one, Value::Null).await, "NOT_FOUND");
    let again = register(&world.alice, erp("crm", "https://crm.example")).await;
    assert_eq!((&again["version"], &again["revision"]), (&json!(2), &json!(3)), "no number is used twice");
}

#[tokio::test]
async fn a_component_says_what_a_form_for_its_credentials_asks() {
    let world = World::start().await;
    let query =
        "query($slug: String!) { component(slug: $slug) { name fields { name title required isSecret } } }";
    let field = |name: &str, title: &str, required: bool, secret: bool| json!({ "name": name, "title": title, "required": required, "isSecret": secret });
    for (slug, name, fields) in [
        (
            "kubernetes",
            "Kubernetes",
            vec![
                field("server_url", "API server", true, false),
                field("token", "Token", false, true),
                field("client_key", "Client key", false, true),
            ],
        ),
        ("grafana", "Grafana", vec![field("token", "Token", false, true)]),
        ("prometheus", "Prometheus", vec![field("password", "Password", false, true)]),
    ] {
        let seen = world.bob.data(query, json!({ "slug": slug })).await["component"].clone();
        assert_eq!(seen["name"], name);
        for field in fields {
            assert!(seen["fields"].as_array().expect("fields").contains(&field), "{slug} {field}: {seen:#}");
        }
    }
}

#[tokio::test]
async fn a_component_counts_the_credentials_that_its_reader_may_see() {
    let world = World::start().await;
    let shared = world.alice.create(crate::harness::bearer("Shared", "s3cr3t")).await;
    world.alice.create(crate::harness::bearer("Hers", "s3cr3t")).await;
    let share = json!({ "credentialId": shared, "granteeId": world.bob_id, "level": "VIEW" });
    world.alice.mutate("shareCredential", "visible", share).await;
    let query = "{ components(first: 1000) { nodes { slug credentialCount } } }";
    for (client, expected) in [(&world.alice, 2), (&world.bob, 1), (&world.stranger, 0)] {
        let seen = client.data(query, Value::Null).await["components"]["nodes"].clone();
        let counted = seen.as_array().expect("nodes").iter().filter(|node| node["credentialCount"] != 0);
        let of_bearer = |node: &&Value| node["slug"] == "http-bearer";
        assert!(counted.clone().all(|node| of_bearer(&node)), "{seen:#}");
        assert_eq!(counted.map(|node| node["credentialCount"].clone()).next().unwrap_or(json!(0)), expected);
    }
}
