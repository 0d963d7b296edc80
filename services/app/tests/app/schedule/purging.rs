//! What becomes of a deleted credential when nobody restores it.

use keytrail_ports::SecretStore;
use tokio_util::sync::CancellationToken;

use super::{HOUR, Watch};
use crate::world::plain;

const DAY: i64 = 24 * HOUR;

impl Watch {
    async fn kinds(&self, id: keytrail_domain::CredentialId) -> Vec<String> {
        self.world.stream(id).await.into_iter().map(|event| event.event_type).collect()
    }

    async fn purged(&self, id: keytrail_domain::CredentialId) -> usize {
        self.kinds(id).await.iter().filter(|kind| *kind == "CredentialPurged").count()
    }
}

#[tokio::test]
async fn it_is_purged_once_when_it_cannot_be_restored_any_more_and_its_secrets_are_destroyed() {
    let mut watch = Watch::with_interval(300 * 86_400).await;
    let id = watch.create("Over").await;
    let kept = watch.create("Kept").await;
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    for id in [id, kept] {
        app.delete_credential(&alice, plain("deleteCredential"), id, false, None).await.unwrap();
    }
    watch.pass(30 * DAY - HOUR, 10 * DAY - HOUR / 3).await;
    app.restore_credential(&alice, plain("restoreCredential"), kept, None).await.unwrap();
    assert_eq!(watch.purged(id).await, 0);
    // Another process reads from the views what is due.
    let mut watch = watch.again().await;
    watch.pass(2 * HOUR, HOUR).await;
    watch.pass(2 * DAY, DAY).await;
    assert_eq!((watch.purged(id).await, watch.purged(kept).await), (1, 0));
    let created = watch.world.stream(id).await.remove(0);
    let data: serde_json::Value = serde_json::from_slice(&created.data).unwrap();
    let secret = serde_json::from_value(data["secret"].clone()).unwrap();
    let vault = watch.world.kept.vault.clone();
    assert!(vault.get(secret).await.is_ok(), "nobody has destroyed it yet");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (app, stop) = (watch.world.app.clone(), stop.clone());
        async move { app.run_usage(stop).await }
    });
    while vault.get(secret).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(vault.inner.calls().destroy, 2, "it and its fingerprint; of the other one nothing is");
}
