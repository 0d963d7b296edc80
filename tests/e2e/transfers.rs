//! Credentials that change hands: offered and accepted, or handed over when their owner is removed.

use keytrail_test_support::eventually;
use serde_json::{Value, json};

use crate::harness::{Client, World, bearer, history, text};

const OFFERS: &str = "{ transferOffers(first: 9) { totalCount nodes { credentialId credentialName component note \
                      credential { id } from { ... on Member { subject } } \
                      to { ... on Member { subject } ... on Team { name } } offeredBy { member { subject } } } } }";
const OWNER: &str = "name owner { ... on Member { subject } ... on Team { name } }";

async fn my_id(client: &Client) -> String {
    text(&client.data("{ viewer { member { id } } }", Value::Null).await["viewer"]["member"]["id"])
}

async fn offers(client: &Client) -> Value {
    client.data(OFFERS, Value::Null).await["transferOffers"]["nodes"].clone()
}

fn about(id: &str) -> Value {
    json!({ "credentialId": id })
}

async fn offer(client: &Client, id: &str, to: &str) {
    let input = json!({ "credentialId": id, "toOwnerId": to, "note": "yours now" });
    client.mutate("offerTransfer", "credential { transferOffer { note } }", input).await;
}

#[tokio::test]
async fn an_offer_is_seen_by_both_sides_and_moves_the_credential_when_it_is_accepted() {
    let world = World::start().await;
    let id = world.alice.create(bearer("Deploy", "s3cr3t")).await;
    world.bob.create(bearer("Deploy", "another")).await;
    offer(&world.alice, &id, &world.bob_id).await;
    let seen = offers(&world.bob).await;
    let expected = json!([{ "credentialId": id, "credentialName": "Deploy", "component": "http-bearer",
        "note": "yours now", "credential": null, "from": { "subject": "alice" }, "to": { "subject": "bob" },
        "offeredBy": { "member": { "subject": "alice" } } }]);
    assert_eq!(seen, expected, "the receiver does not see the credential itself");
    assert_eq!(offers(&world.alice).await[0]["credential"]["id"], json!(id));
    assert_eq!(offers(&world.carol).await, json!([]), "nobody else does");
    assert_eq!(world.carol.refused("acceptTransfer", about(&id)).await["code"], "NOT_FOUND");
    assert_eq!(
        world.bob.refused("leaseCredential", json!({ "credentialId": id, "purpose": "early" })).await["code"],
        "NOT_FOUND"
    );
    let taken = world.bob.refused("acceptTransfer", about(&id)).await;
    assert_eq!(taken["code"], "CONFLICT", "bob has one of that name");
    let mut input = about(&id);
    (input["name"], input["idempotencyKey"]) = (json!("Deploy 2"), json!("k"));
    for replayed in [false, true] {
        let selection = format!("replayed credential {{ {OWNER} }}");
        let done = world.bob.mutate("acceptTransfer", &selection, input.clone()).await;
        let moved = json!({ "name": "Deploy 2", "owner": { "subject": "bob" } });
        assert_eq!(done, json!({ "replayed": replayed, "credential": moved }));
    }
    world
        .bob
        .mutate("leaseCredential", "lease { version }", json!({ "credentialId": id, "purpose": "mine" }))
        .await;
    assert_eq!(offers(&world.bob).await, json!([]));
    // Alice owns the tenant and sees it by her role, and leases it no more.
    let refused =
        world.alice.refused("leaseCredential", json!({ "credentialId": id, "purpose": "old" })).await;
    assert_eq!(refused["code"], "FORBIDDEN");
    let events = history(&world.bob, &id).await;
    assert_eq!(
        events[1..],
        ["CredentialTransferOffered by alice", "CredentialTransferred by bob", "CredentialRenamed by bob"]
    );
}

#[tokio::test]
async fn an_offer_that_is_declined_or_taken_back_is_none() {
    let world = World::start().await;
    let id = world.alice.create(bearer("Deploy", "s3cr3t")).await;
    offer(&world.alice, &id, &world.bob_id).await;
    let pending = json!({ "credentialId": id, "toOwnerId": world.carol_id });
    assert_eq!(world.alice.refused("offerTransfer", pending).await["reason"], "TRANSFER_PENDING");
    world.bob.mutate("declineTransfer", "credentialId", about(&id)).await;
    assert_eq!(world.bob.refused("acceptTransfer", about(&id)).await["code"], "NOT_FOUND");
    offer(&world.alice, &id, &world.bob_id).await;
    world.alice.mutate("cancelTransfer", "credential { transferOffer { note } }", about(&id)).await;
    assert_eq!(world.bob.refused("acceptTransfer", about(&id)).await["code"], "NOT_FOUND");
    assert_eq!(world.alice.refused("acceptTransfer", about(&id)).await["reason"], "NO_TRANSFER_OFFER");
}

#[tokio::test]
async fn an_offer_counts_as_long_as_who_made_it_may_give_the_credential_away() {
    let world = World::start().await;
    let id = world.carol.create(bearer("Carols", "s3cr3t")).await;
    let share = json!({ "credentialId": id, "granteeId": world.bob_id, "level": "MANAGE" });
    world.carol.mutate("shareCredential", "visible", share.clone()).await;
    offer(&world.bob, &id, &my_id(&world.alice).await).await;
    let revoke = json!({ "credentialId": id, "granteeId": world.bob_id });
    world.carol.mutate("revokeShare", "visible", revoke).await;
    assert_eq!(world.alice.refused("acceptTransfer", about(&id)).await["reason"], "NO_TRANSFER_OFFER");
    world.carol.mutate("shareCredential", "visible", share).await;
    let done = world.alice.mutate("acceptTransfer", &format!("credential {{ {OWNER} }}"), about(&id)).await;
    assert_eq!(done["credential"]["owner"], json!({ "subject": "alice" }));
}

#[tokio::test]
async fn a_role_alone_gives_nobody_a_credential_by_way_of_an_offer() {
    let world = World::start().await;
    // Alice owns the tenant: she manages what is bob's by that alone.
    let id = world.bob.create(bearer("Bobs", "s3cr3t")).await;
    let himself = json!({ "credentialId": id, "toOwnerId": my_id(&world.alice).await });
    assert_eq!(world.alice.refused("offerTransfer", himself).await["reason"], "BREAK_GLASS");
    let team = text(
        &world.alice.mutate("createTeam", "team { id }", json!({ "name": "Later" })).await["team"]["id"],
    );
    offer(&world.alice, &id, &team).await;
    let join = json!({ "teamId": team, "memberId": my_id(&world.alice).await });
    world.alice.mutate("addTeamMember", "visible", join).await;
    assert_eq!(world.alice.refused("acceptTransfer", about(&id)).await["reason"], "BREAK_GLASS");
    // Nor to an admin who removes its owner.
    world
        .alice
        .mutate("setMemberRole", "visible", json!({ "memberId": world.carol_id, "role": "ADMIN" }))
        .await;
    let heir = json!({ "memberId": world.bob_id, "handOverToId": world.carol_id });
    assert_eq!(world.carol.refused("removeMember", heir).await["reason"], "BREAK_GLASS");
}

#[tokio::test]
async fn what_a_removed_member_owned_is_somebody_elses_and_an_alert_says_so_until_it_is_rotated() {
    let world = World::start().await;
    let (own, gone) =
        (world.bob.create(bearer("Deploy", "s3cr3t")).await, world.bob.create(bearer("Old", "s3cr3t")).await);
    world.bob.mutate("deleteCredential", "visible", about(&gone)).await;
    world.alice.create(bearer("Deploy", "another")).await;
    world.alice.mutate("removeMember", "visible", json!({ "memberId": world.bob_id })).await;
    let moved = json!({ "name": "Deploy (2)", "owner": { "subject": "alice" } });
    let handed = async || (world.alice.credential(&own, OWNER).await == moved).then_some(());
    eventually("it is handed over", handed).await;
    let restored = async || {
        let done = world.alice.mutate(
            "restoreCredential",
            "credential { owner { ... on Member { subject } } }",
            about(&gone),
        );
        (done.await["credential"]["owner"]["subject"] == "alice").then_some(())
    };
    eventually("and the deleted one, too", restored).await;
    let alerts = async |state: &str| {
        let seen =
            world.alice.credential(&own, "alerts { nodes { cause state } }").await["alerts"]["nodes"].clone();
        (seen == json!([{ "cause": "HANDED_OVER", "state": state }])).then_some(())
    };
    eventually("an alert says so", async || alerts("OPEN").await).await;
    let rotate = json!({ "credentialId": own, "verify": false, "fields": { "token": "unknown-to-him" } });
    world.alice.mutate("rotateCredential", "visible", rotate).await;
    eventually("a rotation ends it", async || alerts("RESOLVED").await).await;
    // To whom it goes can be said, and must be somebody who stays.
    let id = world.carol.create(bearer("Carols", "s3cr3t")).await;
    let nobody = json!({ "memberId": world.carol_id, "handOverToId": world.carol_id });
    assert_eq!(world.alice.refused("removeMember", nobody).await["code"], "BAD_USER_INPUT");
    let input = json!({ "memberId": world.carol_id, "handOverToId": world.team });
    world.alice.mutate("removeMember", "visible", input).await;
    let owner =
        async || world.alice.credential(&id, OWNER).await["owner"]["name"].as_str().map(str::to_owned);
    assert_eq!(eventually("it is the team's", owner).await, "Ops");
}

#[tokio::test]
async fn what_a_removed_member_ran_runs_on_in_other_hands() {
    let world = World::start().await;
    let (alice, bob) = (&world.alice, &world.bob);
    let id = bob.create(bearer("Deploy", "s3cr3t")).await;
    let made = async |client: &Client, name: &str| {
        let connection = json!({ "component": "http-bearer", "name": name, "credentialIds": [] });
        let made = client.mutate("createConnection", "connection { id }", connection).await;
        text(&made["connection"]["id"])
    };
    let (kept, gone) = (made(bob, "Cluster").await, made(bob, "Old").await);
    made(alice, "cluster").await;
    bob.mutate("deleteConnection", "visible", json!({ "connectionId": gone })).await;
    let steps = json!([{ "component": "http-bearer", "credentialId": id }]);
    let flow = bob.mutate("createFlow", "flow { id }", json!({ "name": "Sync", "steps": steps })).await;
    let flow = text(&flow["flow"]["id"]);
    bob.mutate("startFlow", "visible", json!({ "flowId": flow, "skipVerification": true })).await;
    alice.mutate("removeMember", "visible", json!({ "memberId": world.bob_id })).await;
    let query = "query($flow: ID!, $kept: ID!) { \
                 flow(id: $flow) { name active owner { ... on Member { subject } } } \
                 connection(id: $kept) { name owner { ... on Member { subject } } } }";
    let moved = json!({
        "flow": { "name": "Sync", "active": true, "owner": { "subject": "alice" } },
        "connection": { "name": "Cluster (2)", "owner": { "subject": "alice" } },
    });
    let handed = async || {
        let seen = alice.data(query, json!({ "flow": flow, "kept": kept })).await;
        (seen == moved).then_some(())
    };
    eventually("they are handed over", handed).await;
    let restored = alice.mutate(
        "restoreConnection",
        "connection { name owner { ... on Member { subject } } }",
        json!({ "connectionId": gone }),
    );
    let expected = json!({ "connection": { "name": "Old", "owner": { "subject": "alice" } } });
    assert_eq!(restored.await, expected);
    let refused = alice.refused("deleteCredential", about(&id)).await;
    assert_eq!(refused["reason"], "CREDENTIAL_IN_USE", "it is the flow's still");
}
