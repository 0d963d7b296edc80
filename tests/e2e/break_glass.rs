//! A role opens no lease; who takes the use of a credential by his role says why, has it for an hour, and all
//! owners are told.

use serde_json::{Value, json};

use crate::harness::{World, create_bearer, text};

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

#[tokio::test]
async fn an_owner_takes_use_with_a_reason_for_an_hour_and_an_alert_says_so() {
    let world = World::start().await;
    let (alice, carol) = (&world.alice, &world.carol);
    let hers = create_bearer(carol, "Hers", "x").await;
    let me = alice.data("{ viewer { member { id } } }", Value::Null).await;
    let me = text(&me["viewer"]["member"]["id"]);
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
}

#[tokio::test]
async fn a_service_account_that_an_admin_lets_in_breaks_glass_and_one_that_the_owner_lets_in_does_not() {
    let world = World::start().await;
    let (alice, carol) = (&world.alice, &world.carol);
    let hers = create_bearer(carol, "Hers", "x").await;
    let made = alice.mutate("createServiceAccount", "serviceAccount { id }", json!({ "name": "ci" })).await;
    let account = text(&made["serviceAccount"]["id"]);
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
