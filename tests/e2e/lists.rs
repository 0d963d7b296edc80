//! Lists: each credential exactly once in every order, and filters against a naive expectation.

use std::collections::BTreeMap;

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, text};

const COUNT: usize = 120;
const LIST: &str = "query($filter: CredentialFilterInput, $order: CredentialOrderInput, $first: Int, \
                    $after: String, $last: Int, $before: String) { \
                    credentials(filter: $filter, orderBy: $order, first: $first, after: $after, last: $last, before: $before) { \
                    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } \
                    edges { cursor node { id name createdAt updatedAt expiresAt } } } }";

/// What a credential was made as, for the naive expectation.
#[derive(Clone)]
struct Made {
    id: String,
    input: Value,
    by_bob: bool,
}

/// Names that differ in case and alphabet, ends that are missing or the same, three components.
fn input(number: usize, world: &World) -> Value {
    let name = match number % 4 {
        0 => format!("alpha {number}"),
        1 => format!("ALPHA {number}"),
        2 => format!("Straße_{number}%"),
        _ => format!("鍵 {number}"),
    };
    let mut input = bearer(&name, "s3cr3t");
    if number % 3 == 1 {
        input["component"] = json!("http-basic");
        input["fields"] =
            json!({ "base_url": "https://api.example.com", "username": "u", "password": "s3cr3t" });
    }
    if number.is_multiple_of(2) {
        input["expiresAt"] = json!(format!("20{}-01-01T00:00:00Z", 40 + number % 10));
    }
    if number.is_multiple_of(5) {
        input["labels"] =
            json!([{ "key": "env", "value": if number.is_multiple_of(10) { "prod" } else { "Staging" } }]);
    }
    if number.is_multiple_of(7) {
        input["externalId"] = json!(format!("tf/Module.{number}"));
    }
    if number.is_multiple_of(6) {
        input["ownerTeamId"] = json!(world.team);
    }
    input
}

async fn fill(world: &World) -> Vec<Made> {
    let mut made = Vec::new();
    for number in 0..COUNT {
        let (input, by_bob) = (input(number, world), number.is_multiple_of(9));
        let maker = if by_bob { &world.bob } else { &world.alice };
        let id = maker.create(input.clone()).await;
        made.push(Made { id, input, by_bob });
    }
    // Some change later, so that the orders by creation and by change differ.
    for number in (0..COUNT).step_by(11) {
        let change =
            json!({ "credentialId": made[number].id, "labels": [{ "key": "changed", "value": "yes" }] });
        world.alice.mutate("updateCredential", "visible", change).await;
        made[number].input["labels"] = json!([{ "key": "changed", "value": "yes" }]);
    }
    made
}

async fn page(client: &Client, variables: Value) -> Value {
    client.data(LIST, variables).await["credentials"].clone()
}

fn nodes(page: &Value) -> Vec<Value> {
    page["edges"].as_array().expect("edges").iter().map(|edge| edge["node"].clone()).collect()
}

/// Walks a whole list, forwards or backwards, and answers it in its order.
async fn walk(client: &Client, order: &Value, size: usize, forwards: bool) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let variables = if forwards {
            json!({ "order": order, "first": size, "after": cursor })
        } else {
            json!({ "order": order, "last": size, "before": cursor })
        };
        let page = page(client, variables).await;
        let info = &page["pageInfo"];
        assert_eq!(page["totalCount"], COUNT);
        let edges = page["edges"].as_array().expect("edges");
        assert_eq!(
            (&info["startCursor"], &info["endCursor"]),
            (&edges[0]["cursor"], &edges[edges.len() - 1]["cursor"])
        );
        let (more, next) =
            if forwards { ("hasNextPage", "endCursor") } else { ("hasPreviousPage", "startCursor") };
        if forwards {
            all.extend(nodes(&page))
        } else {
            all.splice(0..0, nodes(&page)).for_each(drop)
        }
        if info[more] == false {
            return all;
        }
        assert_eq!(edges.len(), size, "only the last page is short");
        cursor = info[next].clone();
    }
}

/// What the order goes by; names without regard to case, missing ends last.
fn sort_key(by: &str, node: &Value) -> (bool, String) {
    let field = match by {
        "NAME" => "name",
        "CREATED_AT" => "createdAt",
        "UPDATED_AT" => "updatedAt",
        _ => "expiresAt",
    };
    (node[field].is_null(), node[field].as_str().unwrap_or_default().to_lowercase())
}

#[tokio::test]
async fn every_order_gives_each_credential_once_forwards_and_backwards() {
    let world = World::start().await;
    fill(&world).await;
    for by in ["NAME", "CREATED_AT", "UPDATED_AT", "EXPIRES_AT"] {
        let mut directions = Vec::new();
        for descending in [false, true] {
            let order = json!({ "by": by, "descending": descending });
            let forwards = walk(&world.alice, &order, 17, true).await;
            let mut ids: Vec<String> = forwards.iter().map(|node| text(&node["id"])).collect();
            assert_eq!(forwards, walk(&world.alice, &order, 23, false).await, "{by} {descending}");
            assert_eq!(forwards, walk(&world.alice, &order, 40, true).await, "{by}: a full last page");
            directions.push(forwards);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), COUNT, "{by} {descending}");
        }
        let known = |nodes: &[Value]| -> Vec<(bool, String)> {
            nodes.iter().map(|node| sort_key(by, node)).filter(|key| !key.0).collect()
        };
        let (up, down) = (known(&directions[0]), known(&directions[1]));
        assert!(up.is_sorted(), "{by}: {up:?}");
        assert!(down.iter().rev().is_sorted(), "{by}: {down:?}");
    }
}

#[tokio::test]
async fn a_cursor_stays_good_while_the_list_changes() {
    let world = World::start().await;
    let ids: Vec<String> =
        futures_util::future::join_all((0..9).map(|n| world.alice.create(bearer(&format!("n{n}"), "s"))))
            .await;
    let order = json!({ "by": "NAME" });
    let first = page(&world.alice, json!({ "order": order, "first": 4 })).await;
    world.alice.mutate("deleteCredential", "visible", json!({ "credentialId": ids[3] })).await;
    world.alice.create(bearer("a new first one", "s")).await;
    let after = first["pageInfo"]["endCursor"].clone();
    let rest = page(&world.alice, json!({ "order": order, "first": 100, "after": after })).await;
    let names: Vec<Value> = nodes(&rest).iter().map(|node| node["name"].clone()).collect();
    assert_eq!(names, ["n4", "n5", "n6", "n7", "n8"]);
    let (from, to) = (&first["edges"][0]["cursor"], &rest["edges"][1]["cursor"]);
    let between = page(&world.alice, json!({ "order": order, "after": from, "before": to })).await;
    let names: Vec<Value> = nodes(&between).iter().map(|node| node["name"].clone()).collect();
    assert_eq!(names, ["n1", "n2", "n4"]);
}

fn labels(input: &Value) -> Vec<(String, String)> {
    let labels = input["labels"].as_array().into_iter().flatten();
    labels.map(|label| (text(&label["key"]), text(&label["value"]))).collect()
}

fn contains(input: &Value, part: &str) -> bool {
    let texts = [&input["name"], &input["externalId"], &input["component"]];
    let texts = texts.into_iter().filter_map(Value::as_str).map(str::to_owned);
    let all = texts.chain(labels(input).into_iter().map(|(_, value)| value));
    all.map(|text| text.to_lowercase()).any(|text| text.contains(&part.to_lowercase()))
}

fn ends_before(input: &Value, moment: &str) -> bool {
    input["expiresAt"].as_str().is_some_and(|end| end < moment)
}

fn labelled(made: &Made, key: &str, value: Option<&str>) -> bool {
    labels(&made.input).iter().any(|(k, v)| k == key && value.is_none_or(|value| v == value))
}

type Expectation = Box<dyn Fn(&Made) -> bool>;

fn cases(world: &World) -> Vec<(Value, Expectation)> {
    let (team, bob) = (world.team.clone(), world.bob_id.clone());
    let of_team = |made: &Made| !made.input["ownerTeamId"].is_null();
    let of_basic = |made: &Made| made.input["component"] == "http-basic";
    let mut cases: Vec<(Value, Expectation)> = vec![
        (json!({}), Box::new(|_| true)),
        (json!({ "components": ["http-basic"] }), Box::new(of_basic)),
        (json!({ "components": ["http-basic", "http-bearer"] }), Box::new(|_| true)),
        (json!({ "components": ["github"] }), Box::new(|_| false)),
        (json!({ "components": [] }), Box::new(|_| true)),
        (json!({ "kinds": ["BASIC"] }), Box::new(of_basic)),
        (json!({ "statuses": ["UNVERIFIED"] }), Box::new(|_| true)),
        (json!({ "statuses": ["VALID", "INVALID"] }), Box::new(|_| false)),
        (json!({ "labels": [{ "key": "env" }] }), Box::new(|made| labelled(made, "env", None))),
        (
            json!({ "labels": [{ "key": "env", "value": "prod" }] }),
            Box::new(|made| labelled(made, "env", Some("prod"))),
        ),
        (json!({ "labels": [{ "key": "env" }, { "key": "changed" }] }), Box::new(|_| false)),
        (json!({ "ownerId": team }), Box::new(of_team)),
        (json!({ "ownerId": bob }), Box::new(move |made| made.by_bob && !of_team(made))),
        (json!({ "teamId": team }), Box::new(of_team)),
        (json!({ "hasOpenAlert": false }), Box::new(|_| true)),
        (json!({ "hasOpenAlert": true }), Box::new(|_| false)),
        (
            json!({ "expiringBefore": "2045-01-01T00:00:00Z" }),
            Box::new(|made| ends_before(&made.input, "2045-01-01T00:00:00Z")),
        ),
        (
            json!({ "components": ["http-basic"], "ownerId": team, "text": "alpha" }),
            Box::new(move |made| of_basic(made) && of_team(made) && contains(&made.input, "alpha")),
        ),
    ];
    for part in [
        "alpha",
        "ALPHA 1",
        "straße",
        "STRASSE",
        "鍵",
        "e_1",
        "%",
        "_",
        "1",
        "12",
        "tf/mod",
        "basic",
        "stag",
        "\"",
        "*",
        "a OR b",
        "nothing at all",
        "'",
        "pha 11",
    ] {
        cases.push((json!({ "text": part }), Box::new(move |made| contains(&made.input, part))));
    }
    cases
}

#[tokio::test]
async fn filters_give_what_a_look_at_each_credential_gives() {
    let world = World::start().await;
    let made = fill(&world).await;
    for (filter, wanted) in cases(&world) {
        let found = page(&world.alice, json!({ "filter": filter, "first": 1000 })).await;
        let mut ids: Vec<String> = nodes(&found).iter().map(|node| text(&node["id"])).collect();
        let mut expected: Vec<String> =
            made.iter().filter(|made| wanted(made)).map(|made| made.id.clone()).collect();
        assert_eq!(found["totalCount"], expected.len(), "{filter}");
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_list_has_what_its_reader_may_see_and_counts_no_more() {
    let world = World::start().await;
    let made = fill(&world).await;
    let seen = page(&world.bob, json!({ "first": 1000 })).await;
    let visible = made.iter().filter(|made| made.by_bob || !made.input["ownerTeamId"].is_null()).count();
    assert_eq!((nodes(&seen).len(), &seen["totalCount"]), (visible, &json!(visible)));
    for nobody in [&world.carol, &world.stranger] {
        let seen = page(nobody, json!({ "first": 1000 })).await;
        assert_eq!((nodes(&seen).len(), &seen["totalCount"]), (0, &json!(0)));
    }
    let stats = "{ stats { byComponent { component count } byStatus { status count } byTeam { count team { name } } } }";
    let stats = world.bob.data(stats, Value::Null).await["stats"].clone();
    let mut wanted = BTreeMap::new();
    for made in made.iter().filter(|made| made.by_bob || !made.input["ownerTeamId"].is_null()) {
        *wanted.entry(text(&made.input["component"])).or_insert(0) += 1;
    }
    let counts = stats["byComponent"].as_array().expect("counts").iter();
    let found: BTreeMap<String, i64> =
        counts.map(|one| (text(&one["component"]), one["count"].as_i64().expect("count"))).collect();
    assert_eq!(found, wanted);
    assert_eq!(stats["byStatus"], json!([{ "status": "UNVERIFIED", "count": visible }]));
}

#[tokio::test]
async fn lists_filter_by_status_and_by_open_alerts() {
    let world = World::start().await;
    let api = StubServer::start().await;
    api.on("GET", "/", Reply::status(401));
    let bad = {
        let mut input = bearer("Bad", "s3cr3t");
        input["fields"]["base_url"] = json!(api.url(""));
        world.alice.create(input).await
    };
    let good = world.alice.create(bearer("Good", "s3cr3t")).await;
    world.alice.mutate("verifyCredential", "visible", json!({ "credentialId": bad })).await;
    let ids = async |filter: Value| {
        let found = page(&world.alice, json!({ "filter": filter })).await;
        nodes(&found).iter().map(|node| text(&node["id"])).collect::<Vec<_>>()
    };
    eventually("the alert", async || {
        (ids(json!({ "hasOpenAlert": true })).await == [bad.clone()]).then_some(())
    })
    .await;
    assert_eq!(ids(json!({ "hasOpenAlert": false })).await, std::slice::from_ref(&good));
    assert_eq!(ids(json!({ "statuses": ["INVALID"] })).await, [bad]);
    assert_eq!(ids(json!({ "statuses": ["UNVERIFIED", "VALID"] })).await, [good]);
}

/// Everything that [`Quick`](../../graphql/src/quick.rs) can answer from memory, and how to ask for it so
/// that it is, and so that the library resolves field by field.
#[tokio::test]
async fn an_object_that_is_answered_in_one_go_is_the_same_as_one_that_is_resolved_by_field() {
    const FIELDS: &str = "__typename id called: name externalId kind status secretVersion revision createdAt \
                          updatedAt expiresAt lastLeasedAt deletedAt restorableUntil";
    let world = World::start().await;
    let made = fill(&world).await;
    world
        .alice
        .mutate("suspendCredential", "visible", json!({ "credentialId": made[1].id, "reason": "r" }))
        .await;
    world.alice.mutate("deleteCredential", "visible", json!({ "credentialId": made[2].id })).await;
    let fragment = format!("fragment F on Credential {{ {FIELDS} }}");
    let by_field = format!("... on Node {{ ... on Credential {{ {FIELDS} }} }}");
    let lists = |node: &str| {
        format!(
            "{{ present: credentials(first: 1000) {{ edges {{ node {{ {node} }} }} }} \
               deleted: credentials(filter: {{deleted: true}}) {{ nodes {{ {node} }} }} \
               one: credential(id: \"{}\") {{ {node} }} }}",
            made[2].id
        )
    };
    let answer = async |query: String| {
        let body = json!({ "query": query }).to_string();
        world.alice.post(body).await.text().await.expect("text")
    };
    let resolved = answer(lists(&by_field)).await;
    assert!(resolved.contains("SUSPENDED") && resolved.contains("DELETED"), "{resolved}");
    assert_eq!(answer(lists(FIELDS)).await, resolved);
    assert_eq!(answer(lists("...F") + &fragment).await, resolved);
}
