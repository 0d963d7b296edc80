//! Bad input: each has its error, with a path and a rule, and never the value.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, create_bearer, mutation, text};

const CREATE: &str = "createCredential";
/// Nothing that is answered may hold it.
const CANARY: &str = "canary-4e1f-secret";

/// Path and message of each wrong place; the error must be `BAD_USER_INPUT` and quote nothing.
async fn bad_fields(client: &Client, name: &str, input: Value) -> Vec<(String, String)> {
    let error = client.error(&mutation(name, "position"), json!({ "input": input })).await;
    assert!(!error.to_string().contains(CANARY), "{error:#}");
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error:#}");
    let fields = error["extensions"]["fields"].as_array().expect("fields");
    assert!(!fields.is_empty());
    fields.iter().map(|field| (text(&field["path"]), text(&field["message"]))).collect()
}

/// The paths alone; each has a rule for a person.
async fn bad_paths(client: &Client, name: &str, input: Value) -> Vec<String> {
    let fields = bad_fields(client, name, input).await;
    assert!(fields.iter().all(|(_, rule)| !rule.is_empty()), "{fields:?}");
    fields.into_iter().map(|(path, _)| path).collect()
}

/// A good input with one part changed.
fn with(part: &str, value: Value) -> Value {
    let mut input = bearer("Deploy", CANARY);
    input[part] = value;
    input
}

fn with_fields(fields: Value) -> Value {
    with("fields", fields)
}

async fn nothing_was_made(world: &World) {
    let list = world.alice.data("{ credentials { totalCount } }", Value::Null).await;
    assert_eq!(list["credentials"]["totalCount"], 0);
}

#[tokio::test]
async fn fields_that_break_the_components_schema_are_named_with_their_rule() {
    let world = World::start().await;
    let url = "https://api.example.com";
    let cases = [
        (json!({ "base_url": url }), "input.fields.token"),
        (json!({ "token": CANARY }), "input.fields.base_url"),
        (json!({ "base_url": url, "token": CANARY, "tokn": CANARY }), "input.fields.tokn"),
        (json!({ "base_url": url, "token": { "a": CANARY } }), "input.fields.token"),
        (json!({ "base_url": url, "token": 7 }), "input.fields.token"),
        (json!({ "base_url": url, "token": null }), "input.fields.token"),
        (json!({ "base_url": url, "token": format!("{CANARY} x") }), "input.fields.token"),
        (json!({ "base_url": url, "token": CANARY.repeat(300) }), "input.fields.token"),
        (
            json!({ "base_url": format!("https://u:{CANARY}@x.example"), "token": CANARY }),
            "input.fields.base_url",
        ),
        (json!({ "base_url": "not an address", "token": CANARY }), "input.fields.base_url"),
        (
            json!({ "base_url": url, "token": CANARY, "valid_statuses": [700] }),
            "input.fields.valid_statuses.0",
        ),
    ];
    for (fields, path) in cases {
        let paths = bad_paths(&world.alice, CREATE, with_fields(fields.clone())).await;
        assert!(paths.iter().any(|found| found == path), "{path} is not in {paths:?} for {fields}");
    }
    let both = bad_paths(&world.alice, CREATE, with_fields(json!({}))).await;
    assert_eq!(both.len(), 2, "all wrong places at once: {both:?}");
    nothing_was_made(&world).await;
}

#[tokio::test]
async fn fields_that_are_no_object_are_refused_without_a_quote() {
    let world = World::start().await;
    for fields in [json!(CANARY), json!([CANARY]), json!(7), json!(true)] {
        assert_eq!(bad_paths(&world.alice, CREATE, with_fields(fields)).await, ["input.fields"]);
    }
    nothing_was_made(&world).await;
}

#[tokio::test]
async fn fields_inside_the_query_text_are_refused() {
    let world = World::start().await;
    let literal = format!(
        "mutation {{ createCredential(input: {{ component: \"http-bearer\", verify: false, fields: \
         {{ base_url: \"https://api.example.com\", token: \"{CANARY}\" }} }}) {{ position }} }}"
    );
    let part = format!(
        "mutation($url: String) {{ createCredential(input: {{ component: \"http-bearer\", verify: false, \
         fields: {{ base_url: $url, token: \"{CANARY}\" }} }}) {{ position }} }}"
    );
    for query in [literal, part] {
        let answer = world.alice.ask(&query, json!({ "url": "https://api.example.com" })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
        assert!(!answer.to_string().contains(CANARY));
    }
    nothing_was_made(&world).await;
    let variable = "mutation($fields: JSON!) { createCredential(input: { component: \"http-bearer\", \
                    verify: false, fields: $fields }) { credential { name } } }";
    world.alice.data(variable, json!({ "fields": bearer("x", CANARY)["fields"] })).await;
    assert!(!world.server.log().contains(CANARY), "a literal must not reach the log");
}

#[tokio::test]
async fn names_external_ids_labels_and_hosts_have_rules() {
    let world = World::start().await;
    let many: Vec<Value> = (0..65).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect();
    let cases = [
        (with("name", json!("")), "input.name"),
        (with("name", json!("   ")), "input.name"),
        (with("name", json!("x".repeat(100_000))), "input.name"),
        (with("name", json!("a\u{0}b")), "input.name"),
        (with("name", json!("a\nb")), "input.name"),
        (with("externalId", json!("")), "input.externalId"),
        (with("externalId", json!("a\tb")), "input.externalId"),
        (with("externalId", json!("x".repeat(10_000))), "input.externalId"),
        (with("labels", json!([{ "key": "", "value": "x" }])), "input.labels"),
        (with("labels", json!([{ "key": "a b", "value": "x" }])), "input.labels"),
        (with("labels", json!([{ "key": "a", "value": "x".repeat(256) }])), "input.labels"),
        (with("labels", json!([{ "key": "a", "value": "x\ny" }])), "input.labels"),
        (with("labels", json!(many)), "input.labels"),
        (with("allowedHosts", json!(["http://x/"])), "input.allowedHosts.0"),
        (with("allowedHosts", json!(["good.example", ""])), "input.allowedHosts.1"),
        (with("component", json!("no-such-thing")), "input.component"),
        (with("ownerTeamId", json!("team_nonsense")), "input.ownerTeamId"),
        (with("idempotencyKey", json!("")), "input.idempotencyKey"),
        (with("idempotencyKey", json!("x".repeat(256))), "input.idempotencyKey"),
    ];
    for (input, path) in cases {
        assert_eq!(bad_paths(&world.alice, CREATE, input).await, [path]);
    }
    nothing_was_made(&world).await;
}

#[tokio::test]
async fn wrong_types_and_enums_are_named_and_not_quoted() {
    let world = World::start().await;
    let cases = [
        (CREATE, with("verify", json!(CANARY))),
        (CREATE, with("name", json!({ "a": CANARY }))),
        (CREATE, with("labels", json!([CANARY]))),
        (CREATE, with("expiresAt", json!(CANARY))),
        (CREATE, with("component", Value::Null)),
        (CREATE, with("secretToken", json!(CANARY))),
        ("shareCredential", json!({ "credentialId": "x", "granteeId": "y", "level": CANARY })),
        ("addMember", json!({ "subject": "eve", "role": CANARY })),
    ];
    for (name, input) in cases {
        let error = world.alice.error(&mutation(name, "position"), json!({ "input": input })).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{name} {error:#}");
        assert!(!error.to_string().contains(CANARY), "{name} {error:#}");
    }
    nothing_was_made(&world).await;
}

#[tokio::test]
async fn a_name_and_an_external_id_are_given_once_without_regard_to_case() {
    let world = World::start().await;
    let make =
        async |client: &Client, name: &str| client.refused(CREATE, bearer(name, "s")).await["code"].clone();
    create_bearer(&world.alice, "Déploy Ärger", "s").await;
    for taken in ["Déploy Ärger", "DÉPLOY ÄRGER", "  déploy ärger "] {
        assert_eq!(make(&world.alice, taken).await, "CONFLICT", "{taken}");
    }
    create_bearer(&world.bob, "Déploy Ärger", "s").await;
    let mut first = bearer("A", "s");
    first["externalId"] = json!("tf/1");
    world.alice.create(first.clone()).await;
    first["name"] = json!("B");
    assert_eq!(world.alice.refused(CREATE, first.clone()).await["code"], "CONFLICT");
    assert_eq!(world.bob.refused(CREATE, first).await["code"], "CONFLICT", "unique in the tenant");
    let by_name = "{ credentialByName(name: \"dÉPLOY ärger\") { name } }";
    let found = world.bob.data(by_name, Value::Null).await;
    assert_eq!(found["credentialByName"]["name"], "Déploy Ärger");
    assert_eq!(
        world.alice.code(by_name, Value::Null).await,
        "CONFLICT",
        "she sees two: whose does she mean?"
    );
    for (mutation, input) in [
        ("createTeam", json!({ "name": "ops" })),
        ("addMember", json!({ "subject": "bob", "role": "MEMBER" })),
    ] {
        assert_eq!(world.alice.refused(mutation, input).await["code"], "CONFLICT", "{mutation}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_bad_input_everywhere() {
    let world = World::start().await;
    let good = create_bearer(&world.alice, "Deploy", CANARY).await;
    let wrong_kind = world.team.clone();
    let long = "cred_".to_owned() + &"z".repeat(10_000);
    let cut = good[..good.len() - 1].to_owned();
    for id in ["", "x", "cred_", "cred_!", "\u{0}", "../../etc", &cut, &long, &wrong_kind] {
        let code =
            world.alice.code("query($id: ID!) { credential(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(code, "BAD_USER_INPUT", "{id}");
        for name in ["deleteCredential", "restoreCredential", "rotateCredential", "updateCredential"] {
            let mut input = json!({ "credentialId": id });
            if name == "rotateCredential" {
                input["fields"] = json!({ "token": CANARY });
            }
            assert_eq!(bad_paths(&world.alice, name, input).await, ["input.credentialId"], "{name} {id}");
        }
    }
    let code = world.alice.code("{ node(id: \"nonsense_1\") { id } }", Value::Null).await;
    assert_eq!(code, "BAD_USER_INPUT");
    let many: Vec<&str> = vec![good.as_str(); 1_001];
    let code =
        world.alice.code("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": many })).await;
    assert_eq!(code, "BAD_USER_INPUT");
}

/// The one wrong place of an answer.
fn place(answer: &Value) -> &Value {
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
    &answer["errors"][0]["extensions"]["fields"][0]["path"]
}

#[tokio::test]
async fn a_place_is_where_the_caller_finds_it_in_his_arguments() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", CANARY).await;
    let share = json!({ "credentialId": id, "granteeId": world.team, "level": "VIEW",
        "expiresAt": "2001-01-01T00:00:00Z" });
    for (name, input, path) in [
        ("createTeam", json!({ "name": " " }), "input.name"),
        ("renameTeam", json!({ "teamId": world.team, "name": "" }), "input.name"),
        ("updateTenant", json!({ "restoreDays": 0 }), "input.restoreDays"),
        ("addMember", json!({ "subject": "", "role": "MEMBER" }), "input.subject"),
        ("shareCredential", share, "input.expiresAt"),
        ("suspendCredential", json!({ "credentialId": id, "reason": "" }), "input.reason"),
        ("removeMember", json!({ "memberId": "mem_x" }), "input.memberId"),
        ("setTeamLead", json!({ "teamId": "x", "memberId": "x", "lead": true }), "input.teamId"),
        ("deleteTeam", json!({ "teamId": world.team, "expectedRevision": -1 }), "input.expectedRevision"),
    ] {
        assert_eq!(bad_paths(&world.alice, name, input).await, [path], "{name}");
    }
    let query = "query($first: Int, $after: String, $filter: CredentialFilterInput) {
        credentials(first: $first, after: $after, filter: $filter) { nodes { id } } }";
    for (variables, path) in [
        (json!({ "first": 0 }), "first"),
        (json!({ "first": -1 }), "first"),
        (json!({ "after": "nonsense" }), "after"),
        (json!({ "filter": { "ownerId": "nonsense" } }), "filter.ownerId"),
        (json!({ "filter": { "teamId": "nonsense" } }), "filter.teamId"),
    ] {
        assert_eq!(place(&world.alice.ask(query, variables).await), path);
    }
    let history = "query($id: ID!) { credential(id: $id) { history(last: 0) { nodes { id } } } }";
    assert_eq!(place(&world.alice.ask(history, json!({ "id": id })).await), "last");
    let missing = world.alice.ask(&mutation("createTeam", "position"), json!({})).await;
    assert_eq!(place(&missing), "input");
    let body =
        json!({ "query": mutation("createTeam", "position"), "variables": { "input": { "name": "A" } } });
    let sent = post(&world, "application/json", body.to_string()).header("keytrail-after", "nonsense");
    let answer = sent.send().await.expect("answered").json().await.expect("json");
    assert_eq!(place(&answer), "Keytrail-After");
}

/// Every list, as the text of its arguments and the cursor argument's place.
const LISTS: [&str; 5] = ["credentials", "teams", "members", "alerts", "auditLog"];

async fn page(client: &Client, list: &str, arguments: &str) -> String {
    client.code(&format!("{{ {list}({arguments}) {{ pageInfo {{ endCursor }} }} }}"), Value::Null).await
}

#[tokio::test]
async fn sizes_of_pages_have_limits_in_every_list() {
    let world = World::start().await;
    for list in LISTS {
        for arguments in
            ["first: 0", "first: -1", "first: 1001", "last: 0", "last: 1001", "first: 1, last: 1"]
        {
            assert_eq!(page(&world.alice, list, arguments).await, "BAD_USER_INPUT", "{list}({arguments})");
        }
        let most = format!("{{ {list}(first: 1000) {{ pageInfo {{ endCursor }} }} }}");
        world.alice.data(&most, Value::Null).await;
    }
}

async fn cursor(client: &Client, list: &str) -> String {
    let query = format!("{{ {list}(first: 1) {{ edges {{ cursor }} }} }}");
    text(&client.data(&query, Value::Null).await[list.split('(').next().expect("name")]["edges"][0]["cursor"])
}

#[tokio::test]
async fn cursors_belong_to_their_list_and_their_tenant() {
    let world = World::start().await;
    create_bearer(&world.alice, "Deploy", CANARY).await;
    create_bearer(&world.stranger, "Deploy", CANARY).await;
    let own = cursor(&world.alice, "credentials").await;
    let mut cut = own.clone();
    cut.pop();
    let wrong = [
        "nonsense".to_owned(),
        String::new(),
        cut,
        "A".repeat(5_000),
        cursor(&world.alice, "members").await,
        cursor(&world.alice, "auditLog").await,
        cursor(&world.stranger, "credentials").await,
    ];
    for cursor in &wrong {
        for place in ["after", "before"] {
            let code = page(&world.alice, "credentials", &format!("{place}: \"{cursor}\"")).await;
            assert_eq!(code, "BAD_USER_INPUT", "{place}: {cursor}");
        }
    }
    for cursor in ["nonsense", &own, &cursor(&world.stranger, "auditLog").await] {
        let code = page(&world.alice, "auditLog", &format!("after: \"{cursor}\"")).await;
        assert_eq!(code, "BAD_USER_INPUT", "{cursor}");
    }
    let filtered = format!("filter: {{ text: \"x\" }}, after: \"{own}\"");
    assert_eq!(page(&world.alice, "credentials", &filtered).await, "BAD_USER_INPUT", "another filter");
    let good = format!("{{ credentials(after: \"{own}\") {{ pageInfo {{ hasNextPage }} }} }}");
    world.alice.data(&good, Value::Null).await;
}

#[tokio::test]
async fn queries_that_multiply_or_go_too_deep_are_refused_at_once() {
    let world = World::start().await;
    let mut doubling = "query { ...f0 } ".to_owned();
    for level in 0..40 {
        doubling += &format!("fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1);
    }
    doubling += "fragment f40 on Query { __typename }";
    let deep = "{ credentials { nodes { ".to_owned()
        + &"history { nodes { credential { ".repeat(12)
        + "id"
        + &" } } }".repeat(12)
        + " } } }";
    let wide = "{ credentials(first: 1000) { nodes { history(first: 1000) { nodes { id } } } } }".to_owned();
    let aliases =
        format!("{{ {} }}", (0..500).map(|n| format!("a{n}: viewer {{ role }} ")).collect::<String>());
    for query in [doubling, deep, wide, aliases] {
        let begun = Instant::now();
        let code = world.alice.code(&query, Value::Null).await;
        assert_eq!(code, "QUERY_TOO_COMPLEX", "{}", &query[..60]);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {}", begun.elapsed(), &query[..60]);
    }
    world.alice.data("{ viewer { role } }", Value::Null).await;
}

fn request(world: &World, method: reqwest::Method, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let url = url::Url::parse_with_params(&format!("{}/graphql", world.server.base), query).expect("address");
    let client = reqwest::Client::builder().no_proxy().build().expect("client");
    client.request(method, url).bearer_auth(world.alice.token.as_deref().expect("token"))
}

fn post(world: &World, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    request(world, reqwest::Method::POST, &[]).header("content-type", kind).body(body)
}

async fn get(world: &World, query: &str) -> u16 {
    let sent = request(world, reqwest::Method::GET, &[("query", query)]).send().await;
    sent.expect("answered").status().as_u16()
}

#[tokio::test]
async fn bodies_that_are_too_large_or_not_json_in_utf_8_are_refused() {
    let world = World::start().await;
    let large =
        json!({ "query": "{ viewer { role } }", "variables": { "x": "x".repeat(10 << 20) } }).to_string();
    let cases: [(u16, &str, Vec<u8>); 5] = [
        (413, "application/json", large.clone().into_bytes()),
        (415, "text/plain", br#"{"query":"{ viewer { role } }"}"#.to_vec()),
        (415, "application/json; charset=latin1", br#"{"query":"{ viewer { role } }"}"#.to_vec()),
        (400, "application/json", b"{\"query\":\"{ viewer { role } \xff\xfe}\"}".to_vec()),
        (400, "application/json", b"{".repeat(1_000)),
    ];
    for (status, kind, body) in cases {
        let sent = post(&world, kind, body).send().await;
        assert_eq!(sent.expect("answered").status(), status, "{kind}");
    }
    // A body that does not say its size ends as early.
    let chunks = large
        .into_bytes()
        .chunks(64 * 1024)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let sent = post(&world, "application/json", body).send().await;
    // The server may hang up on a client that goes on sending; what it must not do is take the body.
    assert!(sent.map_or(true, |answer| answer.status() == 413));
    world.alice.data("{ viewer { role } }", Value::Null).await;
}

#[tokio::test]
async fn a_mutation_by_get_changes_nothing() {
    let world = World::start().await;
    let query = "mutation { createTeam(input: { name: \"Sneaky\" }) { visible } }";
    assert_eq!(get(&world, query).await, 405);
    let teams = world.alice.data("{ teams { nodes { name } } }", Value::Null).await;
    assert_eq!(teams["teams"]["nodes"], json!([{ "name": "Ops" }]));
    assert_eq!(get(&world, "{ viewer { role } }").await, 200);
}
