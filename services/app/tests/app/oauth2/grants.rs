//! What keeps a grant, and what ends it at the provider.

use super::*;

#[tokio::test]
async fn who_rotates_another_secret_leaves_the_tokens_to_the_client() {
    let world = World::start().await;
    let id = world.authorized().await;
    world.rotated(id, "client_secret", 0).await.unwrap();
    // What ends later is all that ends.
    let client = world.token_client(&world.alice, "https://other.example/token").await;
    let other = world.authorized_by(&world.alice, client, "Other").await;
    world.rotated(other, "access_token", 0).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-2"]);
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 1).await;
    running.end().await;
    let row = world.row_of(id).await;
    let kept = row.authorization.as_ref().and_then(|known| known.authorization.refresh).unwrap();
    let known = world.ports.views.known_secrets(row.tenant).await.unwrap();
    assert!(known.contains(&kept), "the sweep keeps it");
    assert_eq!((row.current_version(), world.kept.provider.reused()), (2, 0));
}

#[tokio::test]
async fn a_token_of_ones_own_ends_the_grant_and_frees_the_client() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let refused = world.rotated(id, "access_token", 3_600).await;
    assert!(matches!(refused, Err(AppError::Refused { reason: "TOKEN_OF_CLIENT", .. })), "{refused:?}");
    let at = world.row_of(id).await.authorization.unwrap().authorization.refresh.unwrap();
    world.rotated(id, "access_token", 0).await.unwrap();
    assert_eq!(world.row_of(id).await.authorization, None);
    assert_eq!(world.ended(1).await, ["refresh-1"]);
    while !world.app.oauth_client(&world.alice, client).await.unwrap().unwrap().users.is_empty() {
        world.ended(1).await;
    }
    use keytrail_ports::SecretStore;
    assert!(world.kept.vault.get(at).await.is_err(), "its token is destroyed");
}

#[tokio::test]
async fn what_is_purged_ends_at_the_provider() {
    let world = World::start().await;
    let id = world.authorized().await;
    world.app.delete_credential(&world.alice, plain("deleteCredential"), id, false, None).await.unwrap();
    world.app.purge_credential(&world.alice, plain("purgeCredential"), id, None).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-1"]);
}

#[tokio::test]
async fn a_grant_by_which_others_may_live_is_not_ended() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "One").await;
    let two = world.authorized_by(&world.alice, client, "Two").await;
    world.rotated(id, "access_token", 0).await.unwrap();
    world.rotated(two, "access_token", 0).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-2"], "the last one ends it");
}
