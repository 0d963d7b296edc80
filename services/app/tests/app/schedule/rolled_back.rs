//! An earlier version that counts again is checked soon: connections wait for that.

use keytrail_app::CredentialRotation;
use keytrail_domain::verification::Verdict;

use super::{HOUR, Watch};
use crate::world::plain;

#[tokio::test]
async fn what_was_gone_back_to_is_checked_within_minutes_and_not_with_the_next_slot() {
    let mut watch = Watch::with_interval(24 * 3_600).await;
    let id = watch.create("Deploy").await;
    let rotation = CredentialRotation {
        id,
        fields: serde_json::json!({ "token": "n3w" }).as_object().cloned().unwrap(),
        allowed_hosts: None,
        expires_at: None,
        verify: false,
        accept_inconclusive: false,
        overlap_seconds: 30 * 24 * 3_600 - 1,
        expected_revision: None,
    };
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    app.rotate_credential(&alice, plain("rotateCredential"), rotation).await.unwrap();
    watch.answer(Verdict::Invalid);
    let kinds = |events: Vec<keytrail_domain::RecordedEvent>| -> Vec<String> {
        events.into_iter().map(|event| event.event_type).collect()
    };
    let mut so_far = Vec::new();
    for _ in 0..25 {
        watch.pass(HOUR, HOUR).await;
        so_far = kinds(watch.world.stream(id).await);
        if so_far.iter().any(|kind| kind == "CredentialRolledBack") {
            break;
        }
    }
    assert_eq!(so_far[2..], ["CredentialInvalidated", "CredentialRolledBack"]);
    watch.answer(Verdict::Valid);
    watch.pass(180, 60).await;
    let last = kinds(watch.world.stream(id).await).pop();
    assert_eq!(last.as_deref(), Some("CredentialVerified"), "after {so_far:?}");
}
