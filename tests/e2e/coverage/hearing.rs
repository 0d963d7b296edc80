//! Subscriptions: each subscriber hears of what he may view, at the moment of delivery.

use std::collections::BTreeSet;

use serde_json::json;

use super::table::{CANARY, SUBSCRIPTIONS, Setting, rejected};
use crate::{
    harness::{Client, bearer, text},
    sdl::Sdl,
};

/// A position in the log of the caller's tenant, before what comes.
async fn now(client: &Client, name: &str) -> String {
    let made = client.mutate("createTeam", "position", json!({ "name": name })).await;
    text(&made["position"])
}

#[tokio::test]
async fn subscribers_hear_of_what_they_may_view_and_of_nothing_else() {
    let setting = Setting::begin().await;
    let (sdl, world) = (Sdl::read(), &setting.world);
    let (own, own_alert) = rejected(&world.stranger, &setting.api).await;
    let (acme, other) = (now(&world.alice, "Mark").await, now(&world.stranger, "Mark").await);
    let changes = [(&world.alice, &setting.credential, &setting.alert), (&world.stranger, &own, &own_alert)];
    for (client, credential, alert) in changes {
        client.mutate("acknowledgeAlert", "visible", json!({ "alertId": alert })).await;
        client
            .mutate("updateCredential", "visible", json!({ "credentialId": credential, "name": "New" }))
            .await;
    }
    for name in SUBSCRIPTIONS {
        let selection = sdl.everything("Subscription", name, &mut BTreeSet::new());
        let query = format!("subscription($after: String) {{ {name}(after: $after) {selection} }}");
        let (wanted, kind) = match name {
            "credentialAlerts" => ("AlertAcknowledged", "AlertChange"),
            _ => ("CredentialRenamed", "CredentialChange"),
        };
        for (client, after, id) in [(&world.bob, &acme, &setting.credential), (&world.stranger, &other, &own)]
        {
            let mut socket = client.socket().await;
            socket.subscribe(&query, json!({ "after": after })).await;
            let heard = socket.next_data().await[name].clone();
            assert!(!heard.to_string().contains(CANARY), "{heard:#}");
            assert_eq!((&heard["__typename"], &heard["event"]["type"]), (&json!(kind), &json!(wanted)));
            let about = if name == "credentialAlerts" {
                &heard["alert"]["credential"]["id"]
            } else {
                &heard["event"]["credential"]["id"]
            };
            assert_eq!(about, id, "{name}");
        }
        let mut socket = world.stranger.socket().await;
        socket.subscribe(&query, json!({ "after": acme })).await;
        let refused = socket.hear().await;
        assert!(refused.to_string().contains("BAD_USER_INPUT"), "a cursor of another tenant: {refused:#}");
    }
}

#[tokio::test]
async fn a_subscriber_is_told_once_when_he_may_not_view_any_more() {
    let setting = Setting::begin().await;
    let world = &setting.world;
    let after = now(&world.alice, "Mark").await;
    let mut socket = world.bob.socket().await;
    let query = "subscription($after: String) { credentialEvents(after: $after) { __typename \
                 ... on CredentialChange { event { type } } ... on AccessLost { id } } }";
    socket.subscribe(query, json!({ "after": after })).await;
    let rename = json!({ "credentialId": setting.credential, "name": "New" });
    world.alice.mutate("updateCredential", "visible", rename).await;
    assert_eq!(socket.next_data().await["credentialEvents"]["event"]["type"], "CredentialRenamed");
    let revoke = json!({ "credentialId": setting.credential, "granteeId": world.bob_id });
    world.alice.mutate("revokeShare", "visible", revoke).await;
    let heard = socket.next_data().await["credentialEvents"].clone();
    assert_eq!(heard, json!({ "__typename": "AccessLost", "id": setting.credential }));
    // What happens later is not heard; his own next thing is.
    let rename = json!({ "credentialId": setting.credential, "name": "Newer" });
    world.alice.mutate("updateCredential", "visible", rename).await;
    world.bob.create(bearer("Own", CANARY)).await;
    assert_eq!(socket.next_data().await["credentialEvents"]["event"]["type"], "CredentialCreated");
}
