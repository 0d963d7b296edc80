//! Ends that come nearer.

use futures_util::StreamExt;
use keytrail_app::{CredentialRotation, CredentialUpdate, Delivered, TenantUpdate};
use keytrail_domain::{CredentialId, Timestamp, alert::Severity};
use keytrail_ports::views::{AlertFilter, AlertRow, PageRequest};

use super::{HOUR, Watch};
use crate::world::plain;

const DAY: i64 = 24 * HOUR;

impl Watch {
    /// Ends that were told: days before, and on which day since `start` that was.
    async fn told(&self, id: CredentialId, start: Timestamp) -> Vec<(i64, u64)> {
        let ends =
            self.world.stream(id).await.into_iter().filter(|it| it.event_type.starts_with("CredentialExpir"));
        ends.map(|event| {
            let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
            let at = event.meta().unwrap().recorded_at.as_seconds();
            ((at - start.as_seconds()) / DAY, data["days"].as_u64().unwrap_or(0))
        })
        .collect()
    }

    async fn alert_rows(&self) -> Vec<AlertRow> {
        self.world.shown().await;
        let tenant = self.world.alice.principal.tenant;
        let all = self.world.ports.views.alerts(tenant, AlertFilter::default(), PageRequest::first(9)).await;
        all.unwrap().rows.into_iter().map(|(_, row)| row).collect()
    }

    async fn move_end(&mut self, id: CredentialId, end: Timestamp) {
        let update = CredentialUpdate {
            id,
            name: None,
            external_id: None,
            labels: None,
            expires_at: Some(Some(end)),
            allowed_hosts: None,
            fields: None,
            verify: false,
            expected_revision: None,
        };
        let alice = &self.world.alice;
        self.world.app.update_credential(alice, plain("updateCredential"), update).await.unwrap();
        self.turns().await;
    }
}

#[tokio::test]
async fn each_step_is_told_once_folded_into_one_alert_that_gets_worse() {
    let mut watch = Watch::with_interval(30 * 86_400).await;
    let start = watch.now();
    let id = watch.ending("Ending", start.plus_days(40)).await;
    watch.pass(33 * DAY + HOUR, DAY / 2).await;
    assert_eq!(watch.told(id, start).await, [(10, 30), (26, 14), (33, 7)]);
    let folded = ["AlertOpened expiring", "AlertRepeated expiring", "AlertRepeated expiring"];
    assert_eq!(watch.alerts(3).await, folded);
    assert_eq!(watch.alert_rows().await[0].severity, Severity::Warning);

    // Another process says nothing again, and goes on.
    let mut watch = watch.again().await;
    watch.pass(8 * DAY, DAY / 2).await;
    assert_eq!(watch.told(id, start).await[3..], [(39, 1), (40, 0)]);
    let over = ["AlertRepeated expiring", "AlertOpened expired", "AlertResolved expiring"];
    assert_eq!(watch.alerts(6).await[3..], over);
    let rows = watch.alert_rows().await;
    assert!(rows.iter().all(|row| row.severity == Severity::Critical), "{rows:?}");
    watch.pass(5 * DAY, DAY).await;
    assert_eq!(watch.told(id, start).await.len(), 5, "said once");
}

#[tokio::test]
async fn a_subscriber_hears_when_an_alert_opens_and_when_it_gets_worse() {
    let mut watch = Watch::with_interval(30 * 86_400).await;
    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let mut feed = app.credential_alerts(&alice, None, AlertFilter::default()).await.unwrap();
    watch.ending("Ending", watch.now().plus_days(31)).await;
    watch.pass(30 * DAY + HOUR, DAY / 4).await;
    let mut heard = Vec::new();
    for _ in 0..2 {
        match feed.next().await.unwrap().unwrap() {
            Delivered::Item { item: (event, _), .. } => heard.push(event.event_type.clone()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, ["AlertOpened", "AlertRepeated"], "and nothing at fourteen and seven days");
    assert_eq!(watch.alerts(4).await.len(), 4);
}

#[tokio::test]
async fn a_later_end_a_rotation_and_a_deletion_resolve() {
    let mut watch = Watch::with_interval(30 * 86_400).await;
    let soon = watch.now().plus_days(3);
    let moved = watch.ending("Moved", soon).await;
    assert_eq!(watch.alerts(1).await, ["AlertOpened expiring"]);
    watch.move_end(moved, watch.now().plus_days(20)).await;
    assert_eq!(watch.alerts(2).await[1], "AlertRepeated expiring", "nearer than thirty days still");
    watch.move_end(moved, watch.now().plus_days(90)).await;
    assert_eq!(watch.alerts(3).await[2], "AlertResolved expiring");
    watch.move_end(moved, soon).await;
    assert_eq!(watch.alerts(4).await[3], "AlertOpened expiring", "moved back, it is told again");

    let (app, alice) = (watch.world.app.clone(), watch.world.alice.clone());
    let rotation = CredentialRotation {
        id: moved,
        fields: serde_json::json!({ "token": "n3w" }).as_object().cloned().unwrap(),
        allowed_hosts: None,
        expires_at: None,
        verify: false,
        accept_inconclusive: false,
        overlap_seconds: 0,
        expected_revision: None,
    };
    app.rotate_credential(&alice, plain("rotateCredential"), rotation).await.unwrap();
    assert_eq!(watch.alerts(5).await[4], "AlertResolved expiring");

    let over = watch.ending("Over", watch.now().plus_seconds(60)).await;
    watch.pass(120, 60).await;
    assert_eq!(
        watch.alerts(8).await[5..],
        ["AlertOpened expiring", "AlertOpened expired", "AlertResolved expiring"]
    );
    app.delete_credential(&alice, plain("deleteCredential"), over, false, None).await.unwrap();
    assert_eq!(watch.alerts(9).await[8], "AlertResolved expired");
    app.restore_credential(&alice, plain("restoreCredential"), over, None).await.unwrap();
    assert_eq!(watch.alerts(10).await[9], "AlertOpened expired", "it is back, and over still");
}

#[tokio::test]
async fn a_tenant_chooses_the_days() {
    let mut watch = Watch::with_interval(30 * 86_400).await;
    let start = watch.now();
    let update = TenantUpdate { expiry_days: Some(vec![3, 60]), ..TenantUpdate::default() };
    let alice = watch.world.alice.clone();
    watch.world.app.update_tenant(&alice, plain("updateTenant"), update).await.unwrap();
    let id = watch.ending("Chosen", start.plus_days(70)).await;
    watch.pass(71 * DAY, DAY / 2).await;
    assert_eq!(watch.told(id, start).await, [(10, 60), (67, 3), (70, 0)]);
}
