//! A role opens no lease; who takes the use of a credential by his role says why, has it for an hour, and all
//! owners are told.

use serde_json::{Value, json};

use crate::harness::{Client, World, create_bearer, text};

const GRANTS: &str = "grants { level expiresAt }";

/// Waits for the alert; answers its cause and how bad it is.
async fn alert(world: &World) -> Value {
    let query = "{ alerts { nodes { cause severity } } }";
    let shown = async || {
        let alerts = world.alice.data(query, Value::Null).await;
        alerts["alerts"]["nodes"].as_array().and_then(|nodes| nodes.first().cloned())
    };
    keytrail_test_support::eventually("the alert", shown).await
}

async fn me(client: &Client) -> String {
    let me = client.data("{ viewer { member { id } } }", Value::Null).await;
    text(&me["viewer"]["member"]["id"])
}

#[tokio::test]
async fn an_owner_takes_use_with_a_reason_for_an_hour_and_an_alert_says_so() {
    let world = World::start().await;
    let (alice, carol) = (&world.alice, &world.carol);
    let hers = create_bearer(carol, "Hers", "x").await;
    let me = me(alice).await;
    let wish = |level: &str, reason: Option<&str>| json!({ "credentialId": hers, "granteeId": me, "level": level, "reason": reason, "expiresAt": "2099-01-01T00:00:00Z" });
    let lease = json!({ "credentialId": hers, "purpose": "outage" });
    assert_eq!(alice.refused("leaseCredential", lease.clone()).await["code"], "FORBIDDEN");
    assert_eq!(alice.refused("shareCredential", wish("USE", None)).await["reason"], "REASON_REQUIRED");
    // More would let him give on what he took.
    assert_eq!(alice.refused("shareCredential", wish("MANAGE", Some("x"))).await["reason"], "BREAK_GLASS");

    alice.mutate("shareCredential", "visible", wish("USE", Some("outage 4711"))).await;
    let grants = carol.credential(&hers, GRANTS).await["grants"].clone();
    let end = text(&grants[0]["expiresAt"]);
    assert!(!end.starts_with("2099"), "an hour at most: {end}");
    alice.mutate("leaseCredential", "position", lease).await;
    let log = alice.data("{ auditLog(last: 50) { nodes { type data } } }", Value::Null).await.to_string();
    assert!(log.contains("breakGlass") && log.contains("outage 4711"), "{log}");
    assert_eq!(alert(&world).await, json!({ "cause": "BREAK_GLASS", "severity": "CRITICAL" }));
    let id = alice.data("{ alerts { nodes { id } } }", Value::Null).await["alerts"]["nodes"][0]["id"].clone();
    let resolve = json!({ "alertId": id, "note": "settled" });
    assert_eq!(alice.refused("resolveAlert", resolve.clone()).await["reason"], "SOMEBODY_ELSE");
    let resolved = carol.mutate("resolveAlert", "alert { state }", resolve).await;
    assert_eq!(resolved["alert"]["state"], "RESOLVED", "its owner says that it is settled");
}

#[tokio::test]
async fn a_service_account_that_an_admin_lets_in_breaks_glass_and_one_that_the_owner_lets_in_does_not() {
    let world = World::start().await;
    let (alice, carol) = (&world.alice, &world.carol);
    let hers = create_bearer(carol, "Hers", "x").await;
    let account = made_account(alice).await;
    let wish = json!({ "credentialId": hers, "granteeId": account, "level": "USE" });
    assert_eq!(alice.refused("shareCredential", wish.clone()).await["reason"], "REASON_REQUIRED");
    carol.mutate("shareCredential", "visible", wish).await;
    let grants = carol.credential(&hers, GRANTS).await["grants"].clone();
    assert!(grants[0]["expiresAt"].is_null(), "{grants}");
}

#[tokio::test]
async fn an_admin_does_not_join_a_team_for_the_use_of_its_credentials() {
    let world = World::start().await;
    let (alice, bob, carol) = (&world.alice, &world.bob, &world.carol);
    let hers = create_bearer(carol, "Hers", "x").await;
    let admin = json!({ "memberId": world.carol_id, "role": "ADMIN" });
    alice.mutate("setMemberRole", "visible", admin).await;
    let mut input = crate::harness::bearer("Team's", "y");
    input["ownerTeamId"] = json!(world.team);
    bob.create(input).await;
    let joins = json!({ "teamId": world.team, "memberId": world.carol_id });
    assert_eq!(carol.refused("addTeamMember", joins.clone()).await["reason"], "BREAK_GLASS");
    // What she may lease anyway is in nobody's way.
    let made = alice.mutate("createTeam", "team { id }", json!({ "name": "Second" })).await;
    let second = text(&made["team"]["id"]);
    let share = json!({ "credentialId": hers, "granteeId": second, "level": "USE" });
    carol.mutate("shareCredential", "visible", share).await;
    let joins_second = json!({ "teamId": second, "memberId": world.carol_id });
    carol.mutate("addTeamMember", "visible", joins_second).await;
    alice.mutate("addTeamMember", "visible", joins).await;
}

async fn made(client: &Client, input: Value) -> String {
    text(&client.mutate("createEnvironment", "environment { id }", input).await["environment"]["id"])
}

async fn made_account(client: &Client) -> String {
    let made = client.mutate("createServiceAccount", "serviceAccount { id }", json!({ "name": "ci" })).await;
    text(&made["serviceAccount"]["id"])
}

/// What alice, who has a credential by her role alone, may not do.
async fn breaks_glass(world: &World, mutation: &str, input: Value) {
    assert_eq!(world.alice.refused(mutation, input).await["reason"], "BREAK_GLASS", "{mutation}");
}

#[tokio::test]
async fn an_environment_that_a_service_account_or_her_team_holds_is_no_way_round() {
    let world = World::start().await;
    let alice = &world.alice;
    let hers = create_bearer(&world.carol, "Hers", "x").await;
    let account = made_account(alice).await;
    let made_team = alice.mutate("createTeam", "team { id }", json!({ "name": "Mine" })).await;
    let team = text(&made_team["team"]["id"]);
    let joins = json!({ "teamId": team, "memberId": me(alice).await });
    alice.mutate("addTeamMember", "visible", joins).await;
    let held = made(alice, json!({ "name": "Held" })).await;
    alice.mutate("shareEnvironment", "visible", json!({ "environmentId": held, "granteeId": account })).await;
    let of_team = made(alice, json!({ "name": "Of the team", "teamId": team })).await;
    for environment in [held, of_team] {
        let into = json!({ "credentialId": hers, "granteeId": environment, "level": "USE", "reason": "x" });
        breaks_glass(&world, "shareCredential", into).await;
    }
}

#[tokio::test]
async fn the_hour_is_no_way_to_what_has_no_end() {
    let world = World::start().await;
    let alice = &world.alice;
    let hers = create_bearer(&world.carol, "Hers", "x").await;
    let environment = made(alice, json!({ "name": "Production" })).await;
    for grantee in [&environment, &world.team] {
        let into = json!({ "credentialId": hers, "granteeId": grantee, "level": "USE" });
        alice.mutate("shareCredential", "visible", into).await;
    }
    let id = me(alice).await;
    let hour = json!({ "credentialId": hers, "granteeId": id, "level": "USE", "reason": "outage" });
    alice.mutate("shareCredential", "visible", hour).await;
    let account = made_account(alice).await;
    let joins = json!({ "teamId": world.team, "memberId": id });
    let shares = |grantee: &str| json!({ "environmentId": environment, "granteeId": grantee });
    let ways = [
        ("addTeamMember", &joins),
        ("shareEnvironment", &shares(&id)),
        ("shareEnvironment", &shares(&account)),
    ];
    for (mutation, input) in ways {
        breaks_glass(&world, mutation, input.clone()).await;
    }
    // A deleted credential comes back with its grants; and the alert stays to be looked at.
    alert(&world).await;
    alice.mutate("deleteCredential", "visible", json!({ "credentialId": hers })).await;
    for (mutation, input) in ways {
        breaks_glass(&world, mutation, input.clone()).await;
    }
    alice.mutate("restoreCredential", "visible", json!({ "credentialId": hers })).await;
    // What was done about the deletion was done before this one's alert.
    let next = create_bearer(&world.carol, "Next", "y").await;
    let hour = json!({ "credentialId": next, "granteeId": id, "level": "USE", "reason": "outage" });
    alice.mutate("shareCredential", "visible", hour).await;
    let both = async || {
        let alerts = alice.data("{ alerts { nodes { cause state } } }", Value::Null).await;
        let alerts = alerts["alerts"]["nodes"].as_array().expect("alerts").clone();
        (alerts.len() == 2).then_some(alerts)
    };
    let open = json!({ "cause": "BREAK_GLASS", "state": "OPEN" });
    assert_eq!(keytrail_test_support::eventually("both alerts", both).await, [open.clone(), open]);
    // Whom the owner gives it for good may.
    let input = json!({ "credentialId": hers, "granteeId": id, "level": "USE" });
    world.carol.mutate("shareCredential", "visible", input).await;
    for (mutation, input) in ways {
        alice.mutate(mutation, "visible", input.clone()).await;
    }
}

#[tokio::test]
async fn an_admin_of_a_team_does_not_make_himself_its_lead_and_may_take_away_from_anybody() {
    let world = World::start().await;
    let (alice, bob, carol) = (&world.alice, &world.bob, &world.carol);
    let mut input = crate::harness::bearer("Team's", "y");
    input["ownerTeamId"] = json!(world.team);
    let of_team = bob.create(input).await;
    alice.mutate("setMemberRole", "visible", json!({ "memberId": world.bob_id, "role": "ADMIN" })).await;
    let leads = json!({ "teamId": world.team, "memberId": world.bob_id, "lead": true });
    for mutation in ["setTeamLead", "addTeamMember"] {
        assert_eq!(bob.refused(mutation, leads.clone()).await["reason"], "BREAK_GLASS", "{mutation}");
    }
    // He is in it already: what the team has until some day is nothing new to him.
    let hers = create_bearer(carol, "Hers", "x").await;
    let until = json!({
        "credentialId": hers, "granteeId": world.team, "level": "USE", "expiresAt": "2099-01-01T00:00:00Z"
    });
    carol.mutate("shareCredential", "visible", until).await;
    let stays = json!({ "teamId": world.team, "memberId": world.bob_id });
    bob.mutate("addTeamMember", "visible", stays).await;
    let manage =
        json!({ "credentialId": of_team, "granteeId": world.bob_id, "level": "MANAGE", "reason": "x" });
    assert_eq!(bob.refused("shareCredential", manage).await["reason"], "BREAK_GLASS");
    alice.mutate("setTeamLead", "visible", leads).await;

    // The owner gave it for good: an admin may end that by his role, but not make it longer.
    let lasting = create_bearer(carol, "Lasting", "x").await;
    let account = made_account(alice).await;
    let mut share = json!({ "credentialId": lasting, "granteeId": account, "level": "USE" });
    carol.mutate("shareCredential", "visible", share.clone()).await;
    share["expiresAt"] = json!("2099-01-01T00:00:00Z");
    alice.mutate("shareCredential", "visible", share.clone()).await;
    let grants = carol.credential(&lasting, GRANTS).await["grants"].clone();
    assert!(text(&grants[0]["expiresAt"]).starts_with("2099-"), "{grants}");
    share["expiresAt"] = json!("2100-01-01T00:00:00Z");
    share["reason"] = json!("longer");
    breaks_glass(&world, "shareCredential", share).await;
}
