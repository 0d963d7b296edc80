//! Every field of the schema, asked by nobody, by a viewer and by a stranger from another tenant.
//! A field that is not in a table here fails the first test.

mod hearing;
mod table;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::table::{CANARY, Code, Data, Gets, NOT_FOR_MEMBERS, Nothing, QUERIES, SUBSCRIPTIONS, Setting};
use crate::{
    harness::{bearer, mutation},
    sdl::Sdl,
};

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

/// Requests without a token that one address has before it must wait.
const WITHOUT_A_TOKEN: usize = 30;

#[tokio::test]
async fn nobody_changes_anything() {
    let mut done = 0;
    loop {
        let setting = Setting::begin().await;
        let (all, nobody) = (setting.mutations(), setting.world.server.anonymous());
        if done >= all.len() {
            break;
        }
        for (name, input, ..) in all.into_iter().skip(done).take(WITHOUT_A_TOKEN) {
            let answer = nobody.ask(&mutation(name, "position"), json!({ "input": input })).await;
            check("nobody", name, &answer, Code("UNAUTHENTICATED"));
        }
        done += WITHOUT_A_TOKEN;
    }
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
        if name == "purgeCredential" {
            let id = world.alice.create(bearer("Gone", CANARY)).await;
            world.alice.mutate("deleteCredential", "visible", json!({ "credentialId": id })).await;
            input["credentialId"] = json!(id);
        }
        if ["acceptTransfer", "declineTransfer"].contains(&name) {
            let id = world.alice.create(bearer(name, CANARY)).await;
            let offer = json!({ "credentialId": id, "toOwnerId": setting.other_team });
            world.alice.mutate("offerTransfer", "visible", offer).await;
            input["credentialId"] = json!(id);
        }
        let selection = sdl.everything("Mutation", name, &mut asked);
        let answer = world
            .alice
            .ask(&mutation(name, &selection[1..selection.len() - 1]), json!({ "input": input }))
            .await;
        // What nobody has allowed is not completed.
        check("the owner", name, &answer, if name == "completeOAuth2" { Code("NOT_FOUND") } else { Data });
    }
    for name in SUBSCRIPTIONS {
        sdl.everything("Subscription", name, &mut asked);
    }
    let never: Vec<_> = sdl.leaves().difference(&asked).cloned().collect();
    assert_eq!(never, Vec::<String>::new(), "asked by nobody");
}
