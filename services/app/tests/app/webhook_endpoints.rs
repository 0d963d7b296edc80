//! Endpoints themselves: who sees them, and what of them is in the vault.

use keytrail_app::{AppError, PageArgs, WebhookEndpointUpdate};
use keytrail_domain::{Role, SecretValue};

use crate::{
    webhooks::{URL, change, hook},
    world::{World, keyed, plain},
};

#[tokio::test]
async fn a_secret_is_shown_once_and_two_sign_while_the_old_one_counts() {
    let world = World::start().await;
    let new = || hook(URL);
    let create = || keyed("createWebhookEndpoint", "k", serde_json::json!({}));
    let made = world.app.create_webhook_endpoint(&world.alice, create(), new()).await.unwrap();
    let (id, secret) = made.value;
    assert!(secret.unwrap().expose().starts_with("whsec_"));
    let again = world.app.create_webhook_endpoint(&world.alice, create(), new()).await.unwrap();
    assert_eq!((again.value, again.replayed), ((id, None), true));
    let rotate = plain("rotateWebhookSecret");
    let rotated = world.app.rotate_webhook_secret(&world.alice, rotate, (id, None), 60).await.unwrap();
    assert!(rotated.value.1.is_some());
    world.named("One").await;
    world.round(id).await;
    world.kept.clock.forward(61);
    world.named("Two").await;
    world.round(id).await;
    let signatures: Vec<_> = world
        .kept
        .receivers
        .at(URL)
        .iter()
        .map(|it| it.headers["webhook-signature"].split(' ').count())
        .collect();
    assert_eq!(signatures, [2, 1]);
    // The sweep keeps both secrets and the URL, and none of them once the endpoint is deleted.
    let tenant = world.alice.principal.tenant;
    let ours =
        |all: Vec<keytrail_domain::SecretRef>| all.into_iter().filter(|at| at.owner == id.as_uuid()).count();
    assert_eq!(ours(world.ports.views.known_secrets(tenant).await.unwrap()), 3);
    let delete = plain("deleteWebhookEndpoint");
    world.app.delete_webhook_endpoint(&world.alice, delete, (id, None)).await.unwrap();
    assert_eq!(ours(world.ports.views.known_secrets(tenant).await.unwrap()), 0);
}

#[tokio::test]
async fn a_url_is_in_the_vault_and_changes_only_when_it_is_another_one() {
    let world = World::start().await;
    let old = "https://chat.example.com/services/T0000/B0000/s3cr3t";
    let id = world.endpoint(hook(old), None).await;
    let row = world.endpoint_row(id).await;
    assert_eq!(row.target.shown, "https://chat.example.com/…cr3t");
    let secrets = world.secrets().await;
    for (url, revision, added) in [(old, 1, 0), (URL, 2, 1), (URL, 2, 0)] {
        let before = world.secrets().await;
        let update = WebhookEndpointUpdate { url: Some(SecretValue::new(url.into())), ..change(id) };
        let call = plain("updateWebhookEndpoint");
        world.app.update_webhook_endpoint(&world.alice, call, update).await.unwrap();
        world.shown().await;
        assert_eq!(world.endpoint_row(id).await.revision, revision, "{url}");
        assert_eq!(world.secrets().await, before + added, "{url}");
    }
    assert_eq!(world.secrets().await, secrets + 1);
    let known = world.ports.views.known_secrets(row.tenant).await.unwrap();
    assert!(!known.contains(&row.target.at.unwrap()), "the sweep may take the old one");
    world.named("One").await;
    world.round(id).await;
    assert_eq!(world.kept.receivers.at(URL).len(), 1);
    let log = world.everything().await;
    let text: String = log.iter().map(|event| String::from_utf8_lossy(&event.data).into_owned()).collect();
    assert!(!text.contains("s3cr3t") && !text.contains("/in"), "{text}");
}

#[tokio::test]
async fn leads_see_and_change_the_endpoints_of_their_team_alone() {
    let world = World::start().await;
    let team = world.team("Ops").await;
    let bob = world.member("bob", Role::Member).await;
    let place = crate::world::place(team, crate::world::member_of(&bob));
    world.app.add_team_member(&world.alice, plain("addTeamMember"), place, true).await.unwrap();
    let own = world.endpoint(hook(URL), Some(team)).await;
    let tenants = world.endpoint(hook(URL), None).await;
    let seen = world.app.webhook_endpoints(&bob, PageArgs::default()).await.unwrap();
    assert_eq!(seen.edges.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [own]);
    let test = |id| world.app.send_test_webhook(&bob, plain("sendTestWebhook"), id);
    test(own).await.unwrap();
    assert!(matches!(test(tenants).await, Err(AppError::NotFound)));
    world.round(own).await;
    assert_eq!(world.kept.receivers.kinds(URL), ["webhook.test"]);
}
