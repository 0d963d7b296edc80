//! The same mutation twice is one change; a stale view of a thing changes nothing.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    harness::{Client, World, bearer, create_bearer, history, mutation, text},
    sdl::Sdl,
};

const CREATE: &str = "createCredential";
const ANSWER: &str = "position replayed visible credential { id secretVersion revision }";

fn keyed(name: &str, key: &str) -> Value {
    let mut input = bearer(name, "s3cr3t");
    input["idempotencyKey"] = json!(key);
    input
}

async fn count(client: &Client) -> Value {
    let list = client.data("{ credentials { totalCount } }", Value::Null).await;
    list["credentials"]["totalCount"].clone()
}

#[tokio::test]
async fn the_same_key_and_input_answer_the_same_also_after_a_rotation() {
    let world = World::start().await;
    let first = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    assert_eq!(first["replayed"], false);
    let again = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    assert_eq!((&again["replayed"], &again["position"]), (&json!(true), &first["position"]));
    assert_eq!(again["credential"], first["credential"]);

    let id = text(&first["credential"]["id"]);
    let rotate =
        json!({ "credentialId": id, "verify": false, "fields": { "token": "n3w" }, "idempotencyKey": "k2" });
    let rotated = world.alice.mutate("rotateCredential", ANSWER, rotate.clone()).await;
    let third = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    assert_eq!((&third["replayed"], &third["position"]), (&json!(true), &first["position"]));
    assert_eq!(third["credential"]["secretVersion"], 2, "the object as it is now");
    let again = world.alice.mutate("rotateCredential", ANSWER, rotate).await;
    assert_eq!((&again["replayed"], &again["position"]), (&json!(true), &rotated["position"]));
    let steps = ["CredentialCreated by alice", "CredentialSecretRotated by alice"];
    assert_eq!(history(&world.alice, &id).await, steps);
    assert_eq!(count(&world.alice).await, 1);
}

#[tokio::test]
async fn a_key_is_remembered_over_a_restart() {
    let mut world = World::start().await;
    let first = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    world.server.kill().await;
    world.server.up().await;
    let alice = world.server.sign_in("acme", "alice").await;
    let again = alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    assert_eq!((&again["replayed"], &again["credential"]["id"]), (&json!(true), &first["credential"]["id"]));
}

#[tokio::test]
async fn the_same_key_with_another_input_is_a_conflict() {
    let world = World::start().await;
    world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    let mut other_secret = keyed("Deploy", "k1");
    other_secret["fields"]["token"] = json!("other");
    let mut more = keyed("Deploy", "k1");
    more["labels"] = json!([{ "key": "a", "value": "b" }]);
    for input in [keyed("Other", "k1"), other_secret, more] {
        assert_eq!(world.alice.refused(CREATE, input).await["code"], "CONFLICT");
    }
    assert_eq!(count(&world.alice).await, 1);
}

#[tokio::test]
async fn taking_a_value_away_is_another_input_than_leaving_it() {
    let world = World::start().await;
    let mut input = bearer("Deploy", "s3cr3t");
    input["expiresAt"] = json!("2099-01-02T03:04:05Z");
    let id = world.alice.create(input).await;
    let rename = json!({ "credentialId": id, "name": "Deploy 2", "idempotencyKey": "k1" });
    world.alice.mutate("updateCredential", ANSWER, rename.clone()).await;
    let mut also = rename;
    also["expiresAt"] = Value::Null;
    assert_eq!(world.alice.refused("updateCredential", also).await["code"], "CONFLICT");
}

#[tokio::test]
async fn many_at_once_with_one_key_make_one_credential() {
    let world = World::start().await;
    let input = keyed("Deploy", "k1");
    let answers = join_all((0..8).map(|_| world.alice.mutate(CREATE, ANSWER, input.clone()))).await;
    let first = answers.iter().find(|answer| answer["replayed"] == false).expect("one was first");
    assert_eq!(answers.iter().filter(|answer| answer["replayed"] == false).count(), 1);
    for answer in &answers {
        assert_eq!(
            (&answer["credential"]["id"], &answer["position"]),
            (&first["credential"]["id"], &first["position"])
        );
    }
    assert_eq!(count(&world.alice).await, 1);
}

#[tokio::test]
async fn many_at_once_with_one_name_make_one_credential() {
    let world = World::start().await;
    let text = mutation(CREATE, "credential { id }");
    let ask = || world.alice.ask(&text, json!({ "input": bearer("Deploy", "s3cr3t") }));
    let answers = join_all((0..8).map(|_| ask())).await;
    let made = answers.iter().filter(|answer| answer["errors"].is_null()).count();
    let codes = answers.iter().map(|answer| &answer["errors"][0]["extensions"]["code"]);
    assert_eq!((made, codes.filter(|code| **code == "CONFLICT").count()), (1, 7), "{answers:#?}");
    assert_eq!(count(&world.alice).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_person_and_one_mutation() {
    let world = World::start().await;
    let first = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    for other in [&world.bob, &world.stranger] {
        let own = other.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
        assert_eq!(own["replayed"], false);
        assert_ne!(own["credential"]["id"], first["credential"]["id"]);
    }
    let team = json!({ "name": "Dev", "idempotencyKey": "k1" });
    assert_eq!(world.alice.mutate("createTeam", "replayed", team).await["replayed"], false);
}

#[tokio::test]
async fn a_repeated_mutation_needs_the_right_still() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let share = json!({ "credentialId": id, "granteeId": world.bob_id, "level": "EDIT" });
    world.alice.mutate("shareCredential", "visible", share).await;
    let rename = json!({ "credentialId": id, "name": "Deploy 2", "idempotencyKey": "k1" });
    world.bob.mutate("updateCredential", ANSWER, rename.clone()).await;
    let revoke = json!({ "credentialId": id, "granteeId": world.bob_id });
    world.alice.mutate("revokeShare", "visible", revoke).await;
    assert_eq!(world.bob.refused("updateCredential", rename).await["code"], "NOT_FOUND");
}

#[tokio::test]
async fn a_refused_mutation_is_not_remembered() {
    let world = World::start().await;
    let blocker = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    assert_eq!(world.alice.refused(CREATE, keyed("Deploy", "k1")).await["code"], "CONFLICT");
    let input = json!({ "credentialId": blocker, "name": "Elsewhere" });
    world.alice.mutate("updateCredential", "visible", input).await;
    let made = world.alice.mutate(CREATE, ANSWER, keyed("Deploy", "k1")).await;
    assert_eq!(made["replayed"], false);
    let mut bad = keyed("X", "k2");
    bad["fields"] = json!({});
    assert_eq!(world.alice.refused(CREATE, bad).await["code"], "BAD_USER_INPUT");
    assert_eq!(world.alice.mutate(CREATE, ANSWER, keyed("X", "k2")).await["replayed"], false);
}

#[test]
fn every_mutation_takes_a_key() {
    let (taken, fields) = Sdl::inputs();
    assert!(taken.len() > 60, "{taken:?}");
    for (mutation, input) in taken {
        let fields = fields.get(&input).unwrap_or_else(|| panic!("{mutation} takes no input"));
        assert!(fields.iter().any(|field| field == "idempotencyKey"), "{mutation}");
    }
}

#[tokio::test]
async fn every_kind_of_mutation_can_be_repeated() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let cases = [
        ("createTeam", json!({ "name": "Dev" })),
        ("renameTeam", json!({ "teamId": world.team, "name": "Operations" })),
        ("addTeamMember", json!({ "teamId": world.team, "memberId": world.carol_id })),
        ("setTeamLead", json!({ "teamId": world.team, "memberId": world.carol_id, "lead": true })),
        ("removeTeamMember", json!({ "teamId": world.team, "memberId": world.carol_id })),
        ("addMember", json!({ "subject": "eve", "role": "MEMBER", "email": "eve@example.com" })),
        ("setMemberRole", json!({ "memberId": world.carol_id, "role": "ADMIN" })),
        ("removeMember", json!({ "memberId": world.carol_id })),
        ("updateTenant", json!({ "name": "Acme & Co" })),
        ("shareCredential", json!({ "credentialId": id, "granteeId": world.bob_id, "level": "USE" })),
        ("revokeShare", json!({ "credentialId": id, "granteeId": world.bob_id })),
        ("suspendCredential", json!({ "credentialId": id, "reason": "leaked?" })),
        ("resumeCredential", json!({ "credentialId": id, "reason": "no" })),
        ("updateCredential", json!({ "credentialId": id, "name": "Other" })),
        ("deleteCredential", json!({ "credentialId": id })),
        ("restoreCredential", json!({ "credentialId": id })),
        ("deleteTeam", json!({ "teamId": world.team })),
    ];
    for (name, input) in cases {
        let mut input = input;
        input["idempotencyKey"] = json!(format!("key of {name}"));
        let first = world.alice.mutate(name, "position replayed", input.clone()).await;
        let again = world.alice.mutate(name, "position replayed", input).await;
        assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)), "{name}");
        assert_eq!(first["position"], again["position"], "{name}");
    }
}

#[tokio::test]
async fn a_stale_revision_is_a_conflict_that_names_both() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let rename =
        |name: &str, revision: i64| json!({ "credentialId": id, "name": name, "expectedRevision": revision });
    let done = world.alice.mutate("updateCredential", ANSWER, rename("B", 1)).await;
    assert_eq!(done["credential"]["revision"], 2);
    let refused = world.alice.refused("updateCredential", rename("C", 1)).await;
    assert_eq!(refused["code"], "CONFLICT");
    assert_eq!((&refused["expectedRevision"], &refused["currentRevision"]), (&json!(1), &json!(2)));
    assert_eq!(world.alice.credential(&id, "name").await["name"], "B");
    let future = world.alice.refused("updateCredential", rename("C", 9)).await;
    assert_eq!((&future["code"], &future["currentRevision"]), (&json!("CONFLICT"), &json!(2)));
    assert_eq!(world.alice.refused("updateCredential", rename("C", -1)).await["code"], "BAD_USER_INPUT");
    assert_eq!(world.carol.refused("updateCredential", rename("C", 1)).await["code"], "NOT_FOUND");
}

#[tokio::test]
async fn of_many_at_once_at_one_revision_one_wins() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let text = mutation("updateCredential", "position");
    let ask = |number: u32| {
        let labels = json!([{ "key": "n", "value": number.to_string() }]);
        let input = json!({ "credentialId": id, "labels": labels, "expectedRevision": 1 });
        world.alice.ask(&text, json!({ "input": input }))
    };
    let answers = join_all((0..8).map(ask)).await;
    assert_eq!(answers.iter().filter(|answer| answer["errors"].is_null()).count(), 1);
    assert_eq!(world.alice.credential(&id, "revision").await["revision"], 2);
}

#[tokio::test]
async fn checks_do_not_change_the_revision() {
    let world = World::start().await;
    let mut input = bearer("Deploy", "s3cr3t");
    input["fields"]["base_url"] = json!(format!("http://127.0.0.1:{}", keytrail_test_support::free_port()));
    let id = world.alice.create(input).await;
    let input = json!({ "credentialId": id });
    world.alice.mutate("verifyCredential", "report { verdict }", input).await;
    assert_eq!(history(&world.alice, &id).await.len(), 2);
    assert_eq!(world.alice.credential(&id, "revision").await["revision"], 1);
    let rename = json!({ "credentialId": id, "name": "B", "expectedRevision": 1 });
    world.alice.mutate("updateCredential", "visible", rename).await;
}

/// Asks with the header that names a position to wait for.
async fn after(client: &Client, position: &str, query: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().expect("client");
    let request =
        http.post(format!("{}/graphql", client.base)).bearer_auth(client.token.as_deref().expect("token"));
    let request = request.header("keytrail-after", position).json(&json!({ "query": query }));
    request.send().await.expect("answered").json().await.expect("json")
}

#[tokio::test]
async fn a_position_can_be_waited_for_and_one_that_is_none_is_bad_input() {
    let world = World::start().await;
    let list = "{ credentials { totalCount } }";
    for number in 1..=5 {
        let made = world.alice.mutate(CREATE, ANSWER, bearer(&format!("N{number}"), "s")).await;
        let seen = after(&world.alice, &text(&made["position"]), list).await;
        assert_eq!(seen["data"]["credentials"]["totalCount"], number, "{seen:#}");
    }
    let foreign = world.stranger.mutate(CREATE, ANSWER, bearer("X", "s")).await;
    for position in ["nonsense", &text(&foreign["position"])] {
        let refused = after(&world.alice, position, list).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{refused:#}");
    }
}

/// Refused at another revision than the thing is at, and done at that one.
async fn only_at(client: &Client, name: &str, thing: &str, revision: i64, mut input: Value) {
    input["expectedRevision"] = json!(revision - 1);
    let refused = client.refused(name, input.clone()).await;
    assert_eq!(refused["code"], "CONFLICT", "{name}: {refused}");
    let revisions = (&refused["expectedRevision"], &refused["currentRevision"]);
    assert_eq!(revisions, (&json!(revision - 1), &json!(revision)), "{name}");
    input["expectedRevision"] = json!(revision);
    client.mutate(name, &format!("{thing} {{ id }}"), input).await;
}

#[tokio::test]
async fn members_and_teams_change_only_at_the_revision_that_was_seen() {
    let world = World::start().await;
    let alice = &world.alice;
    let member = json!({ "subject": "dave", "role": "MEMBER" });
    let dave = alice.mutate("addMember", "member { id }", member).await["member"]["id"].clone();
    let revision = async |of: &str| {
        let query = "query($id: ID!) {
            node(id: $id) { ... on Team { revision } }
            viewer { tenant { revision } }
        }";
        let read = alice.data(query, json!({ "id": world.team })).await;
        read.pointer(of).and_then(Value::as_i64).expect("a revision")
    };
    let place = json!({ "teamId": world.team, "memberId": dave });
    let mut lead = place.clone();
    lead["lead"] = json!(true);
    for (name, input) in
        [("addTeamMember", place.clone()), ("setTeamLead", lead), ("removeTeamMember", place)]
    {
        only_at(alice, name, "team", revision("/node/revision").await, input).await;
    }
    let role = json!({ "memberId": dave, "role": "AUDITOR" });
    for (name, input) in [("setMemberRole", role), ("removeMember", json!({ "memberId": dave }))] {
        only_at(alice, name, "member", revision("/viewer/tenant/revision").await, input).await;
    }
}
