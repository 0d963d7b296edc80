//! Looking back: everything in an answer as of then is as it stood then, and who could use what.

use keytrail_test_support::{Reply, StubServer, eventually};
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, create_bearer, text};

/// Everything of a credential that changes.
const EVERYTHING: &str = "name status revision deletedAt updatedAt usages { id } \
    owner { ... on Member { subject } } lastVerification { verdict } grants { level inForce } \
    history(first: 100) { nodes { type credential { name } } } \
    verifications(first: 100) { nodes { verdict } } \
    alerts(first: 100) { nodes { state occurrences resolvedAt credential { name } } }";

async fn seen(client: &Client, id: &str, at: &str) -> Value {
    let query =
        format!("query($id: ID!, $at: DateTime) {{ credential(id: $id, asOf: $at) {{ {EVERYTHING} }} }}");
    client.data(&query, json!({ "id": id, "at": at })).await["credential"].clone()
}

/// When each event of its history was recorded.
async fn moments(client: &Client, id: &str) -> Vec<String> {
    let found = client.credential(id, "history(first: 100) { nodes { recordedAt } }").await;
    let events = found["history"]["nodes"].as_array().expect("events");
    events.iter().map(|event| text(&event["recordedAt"])).collect()
}

async fn alert(client: &Client, id: &str, state: &str) -> Value {
    let what = "alerts { nodes { id state openedAt acknowledgedAt resolvedAt } }";
    eventually(state, async || {
        let alert = client.credential(id, what).await["alerts"]["nodes"][0].clone();
        (alert["state"] == state).then_some(alert)
    })
    .await
}

#[tokio::test]
async fn everything_in_an_answer_as_of_then_is_as_it_stood_then() {
    let world = World::start().await;
    let api = StubServer::start().await;
    api.on("GET", "/", Reply::status(401));
    let alice = &world.alice;
    let mut input = bearer("Before", "s3cr3t");
    input["fields"]["base_url"] = json!(api.url(""));
    let id = alice.create(input).await;
    let on = |more: Value| {
        let mut input = more;
        input["credentialId"] = json!(id);
        input
    };
    let bob = json!({ "granteeId": world.bob_id, "level": "VIEW" });
    alice.mutate("shareCredential", "visible", on(bob)).await;
    alice.mutate("verifyCredential", "visible", on(json!({}))).await;
    let open = alert(alice, &id, "OPEN").await;
    alice.mutate("acknowledgeAlert", "visible", json!({ "alertId": open["id"] })).await;
    let acknowledged = text(&alert(alice, &id, "ACKNOWLEDGED").await["acknowledgedAt"]);
    alice.mutate("updateCredential", "visible", on(json!({ "name": "After" }))).await;
    alice.mutate("revokeShare", "visible", on(json!({ "granteeId": world.bob_id }))).await;
    alice.mutate("deleteCredential", "visible", on(json!({}))).await;
    alert(alice, &id, "RESOLVED").await;

    let types = ["Created", "Shared", "Invalidated", "Renamed", "ShareRevoked", "Deleted"];
    let moments = moments(alice, &id).await;
    assert_eq!(moments.len(), types.len());
    let expected = |name: &str, status: &str, revision: u64, alerts: Value| json!({ "name": name, "status": status, "revision": revision, "alerts": alerts });
    let alert_is = |state: &str, name: &str| json!([{ "state": state, "occurrences": 1, "resolvedAt": null, "credential": { "name": name } }]);
    let stages = [
        (&moments[0], 1, 0, 0, expected("Before", "UNVERIFIED", 1, json!([]))),
        (&moments[1], 2, 1, 0, expected("Before", "UNVERIFIED", 2, json!([]))),
        (&moments[2], 3, 1, 1, expected("Before", "INVALID", 2, json!([]))),
        (&text(&open["openedAt"]), 3, 1, 1, expected("Before", "INVALID", 2, alert_is("OPEN", "Before"))),
        (&acknowledged, 3, 1, 1, expected("Before", "INVALID", 2, alert_is("ACKNOWLEDGED", "Before"))),
        (&moments[3], 4, 1, 1, expected("After", "INVALID", 3, alert_is("ACKNOWLEDGED", "After"))),
        (&moments[4], 5, 0, 1, expected("After", "INVALID", 4, alert_is("ACKNOWLEDGED", "After"))),
    ];
    for (at, events, grants, checks, expected) in stages {
        let then = seen(alice, &id, at).await;
        let told = json!({ "name": then["name"], "status": then["status"], "revision": then["revision"],
            "alerts": then["alerts"]["nodes"] });
        assert_eq!(told, expected, "at {at}: {then:#}");
        let history: Vec<_> = then["history"]["nodes"].as_array().expect("events").iter().collect();
        let names = types[..events].iter().map(|name| json!(format!("Credential{name}")));
        assert!(history.iter().map(|event| event["type"].clone()).eq(names), "{then:#}");
        assert!(history.iter().all(|event| event["credential"]["name"] == then["name"]), "{then:#}");
        let grant = json!({ "level": "VIEW", "inForce": true });
        assert_eq!(then["grants"], Value::from(vec![grant; grants]));
        let check = json!({ "verdict": "INVALID" });
        assert_eq!(then["verifications"]["nodes"], Value::from(vec![check.clone(); checks]));
        assert_eq!(then["lastVerification"], if checks == 0 { Value::Null } else { check });
        assert_eq!((&then["deletedAt"], &then["owner"]["subject"]), (&Value::Null, &json!("alice")));
    }
    let now = seen(alice, &id, "2999-01-01T00:00:00Z").await;
    assert_eq!((&now["status"], &now["name"]), (&json!("DELETED"), &json!("After")));
    assert_eq!(now["alerts"]["nodes"][0]["state"], "RESOLVED");
    assert_eq!(now["history"]["nodes"].as_array().map(Vec::len), Some(types.len()));
}

#[tokio::test]
async fn dates_count_at_the_asked_moment_and_permissions_now() {
    let world = World::start().await;
    let mut input = bearer("Deploy", "s3cr3t");
    input["expiresAt"] = json!("2099-06-01T00:00:00Z");
    let id = world.alice.create(input).await;
    let share = json!({ "credentialId": id, "granteeId": world.bob_id, "level": "USE",
        "expiresAt": "2090-01-01T00:00:00Z" });
    world.alice.mutate("shareCredential", "visible", share).await;
    let query = "query($id: ID!, $at: DateTime) { credential(id: $id, asOf: $at) \
                 { status grants { inForce } viewerPermissions } }";
    let permissions =
        world.bob.data(query, json!({ "id": id })).await["credential"]["viewerPermissions"].clone();
    assert!(permissions.as_array().is_some_and(|all| all.contains(&json!("LEASE"))), "{permissions}");
    for (at, status, in_force) in [
        ("2089-12-31T23:59:59Z", "UNVERIFIED", true),
        ("2090-01-01T00:00:00Z", "UNVERIFIED", false),
        ("2099-05-20T00:00:00Z", "EXPIRING", false),
        ("2099-06-01T00:00:00Z", "EXPIRED", false),
    ] {
        let then = world.bob.data(query, json!({ "id": id, "at": at })).await["credential"].clone();
        let expected = json!({ "status": status, "grants": [{ "inForce": in_force }], "viewerPermissions": permissions });
        assert_eq!(then, expected, "at {at}");
    }
}

/// `LEVEL VIA WHO`, sorted.
async fn access(client: &Client, id: &str, at: Option<&str>) -> Vec<String> {
    let query = "query($id: ID!, $at: DateTime) { credentialAccess(id: $id, asOf: $at) { nodes { level via \
                 until role team { name } grantee { ... on Member { subject } ... on Team { name } } } } }";
    let found = client.data(query, json!({ "id": id, "at": at })).await;
    let nodes = found["credentialAccess"]["nodes"].as_array().expect("nodes").clone();
    let who = |node: &Value| {
        let grantee = &node["grantee"];
        text(if grantee["name"].is_null() { &grantee["subject"] } else { &grantee["name"] })
    };
    let word = |value: &Value| value.as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let line = |node: &Value| {
        let (level, via) = (text(&node["level"]), text(&node["via"]));
        format!(
            "{} {level} {via}{}{}{}",
            who(node),
            word(&node["role"]),
            word(&node["team"]["name"]),
            word(&node["until"])
        )
    };
    let mut lines: Vec<_> = nodes.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn managers_and_auditors_see_who_could_use_a_credential_and_how_that_came_about() {
    let world = World::start().await;
    let alice = &world.alice;
    let id = create_bearer(alice, "Deploy", "s3cr3t").await;
    let share = |grantee: &str, level: &str| json!({ "credentialId": id, "granteeId": grantee, "level": level, "expiresAt": "2090-01-01T00:00:00Z" });
    alice.mutate("shareCredential", "visible", share(&world.team, "EDIT")).await;
    alice.mutate("shareCredential", "visible", share(&world.carol_id, "USE")).await;
    let shared = moments(alice, &id).await.pop().expect("a moment");
    let added =
        alice.mutate("addMember", "member { addedAt }", json!({ "subject": "eve", "role": "AUDITOR" })).await;
    let eve = world.server.sign_in("acme", "eve").await;
    let out = json!({ "teamId": world.team, "memberId": world.bob_id });
    alice.mutate("removeTeamMember", "visible", out).await;
    let carol = json!({ "credentialId": id, "granteeId": world.carol_id });
    alice.mutate("revokeShare", "visible", carol).await;
    alice.mutate("deleteTeam", "visible", json!({ "teamId": world.team })).await;

    let owner = ["alice MANAGE OWNER", "alice MANAGE ROLE OWNER"];
    let until = "2090-01-01T00:00:00.000000Z";
    let lines = |more: &[String]| {
        let mut lines: Vec<String> =
            owner.iter().map(|line| (*line).to_owned()).chain(more.to_vec()).collect();
        lines.sort();
        lines
    };
    let granted = [
        format!("Ops EDIT GRANT {until}"),
        format!("bob EDIT TEAM Ops {until}"),
        format!("carol USE GRANT {until}"),
    ];
    let auditor = "eve VIEW ROLE AUDITOR".to_owned();
    assert_eq!(access(alice, &id, Some(&shared)).await, lines(&granted));
    let with_eve = [granted.as_slice(), std::slice::from_ref(&auditor)].concat();
    let added = text(&added["member"]["addedAt"]);
    for client in [alice, &eve] {
        assert_eq!(access(client, &id, Some(&added)).await, lines(&with_eve));
        assert_eq!(access(client, &id, None).await, lines(std::slice::from_ref(&auditor)));
    }
    let first = &moments(alice, &id).await[0];
    assert_eq!(access(alice, &id, Some(first)).await, lines(&[]));
    let query = "query($id: ID!, $at: DateTime) { credentialAccess(id: $id, asOf: $at) { nodes { level } } }";
    let ask = |at: &str| json!({ "id": id, "at": at });
    assert_eq!(alice.code(query, ask("2000-01-01T00:00:00Z")).await, "NOT_FOUND");
    assert_eq!(world.carol.code(query, ask(&shared)).await, "NOT_FOUND", "decided as of now");
    assert_eq!(world.stranger.code(query, ask(&shared)).await, "NOT_FOUND");
}

#[tokio::test]
async fn who_has_less_than_manage_does_not_see_who_else_has_access() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Deploy", "s3cr3t").await;
    let query = "query($id: ID!) { credentialAccess(id: $id) { nodes { level } } }";
    for (level, code) in [("VIEW", "FORBIDDEN"), ("EDIT", "FORBIDDEN")] {
        let share = json!({ "credentialId": id, "granteeId": world.carol_id, "level": level });
        world.alice.mutate("shareCredential", "visible", share).await;
        assert_eq!(world.carol.code(query, json!({ "id": id })).await, code);
    }
    let share = json!({ "credentialId": id, "granteeId": world.carol_id, "level": "MANAGE" });
    world.alice.mutate("shareCredential", "visible", share).await;
    let all = world
        .carol
        .data(
            "query($id: ID!) { credentialAccess(id: $id, first: 2) \
        { edges { cursor } pageInfo { hasNextPage } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(all["credentialAccess"]["pageInfo"]["hasNextPage"], true, "{all:#}");
    let rest =
        "query($id: ID!, $after: String) { credentialAccess(id: $id, after: $after) { nodes { via } } }";
    let after = &all["credentialAccess"]["edges"][1]["cursor"];
    let rest = world.carol.data(rest, json!({ "id": id, "after": after })).await;
    assert_eq!(rest["credentialAccess"]["nodes"].as_array().map(Vec::len), Some(1), "{rest:#}");
}

/// Who reads an old answer asks who was in the team then, and not who is in it today.
#[tokio::test]
async fn a_team_in_an_answer_as_of_then_has_its_members_of_then() {
    let world = World::start().await;
    let mut input = bearer("Of the team", "s3cr3t");
    input["ownerTeamId"] = json!(world.team);
    let id = world.alice.create(input).await;
    let created = moments(&world.alice, &id).await.remove(0);
    let gone = json!({ "teamId": world.team, "memberId": world.bob_id });
    world.alice.mutate("removeTeamMember", "visible", gone).await;

    let team = "... on Team { members { member { subject } } }";
    let query = format!(
        "query($id: ID!, $at: DateTime) {{ credential(id: $id, asOf: $at) {{ owner {{ {team} }} }} \
         credentialAccess(id: $id, asOf: $at) {{ nodes {{ level via grantee {{ {team} }} }} }} }}"
    );
    let bobs = async |at: Value| {
        let found = world.alice.data(&query, json!({ "id": id, "at": at })).await;
        let access = found["credentialAccess"]["nodes"].as_array().expect("nodes").clone();
        let of_team =
            access.into_iter().find(|row| row["grantee"]["members"].is_array()).expect("the team's row");
        assert_eq!(of_team["level"], "USE", "what each of its members has: {of_team}");
        assert_eq!(found["credential"]["owner"]["members"], of_team["grantee"]["members"]);
        of_team["grantee"]["members"].to_string().contains("bob")
    };
    assert!(bobs(json!(created)).await);
    assert!(!bobs(Value::Null).await);
}
