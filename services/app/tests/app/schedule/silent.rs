//! Views that do not answer, and events that are too many.

use keytrail_app::{ScheduleOptions, TenantUpdate};
use keytrail_domain::verification::Verdict;

use super::{HOUR, Watch};
use crate::{feed::rename_often, world::plain};

impl Watch {
    /// A schedule that begins again.
    fn anew(&mut self) {
        self.schedule = self.world.app.schedule(ScheduleOptions::default());
    }
}

#[tokio::test]
async fn what_could_not_be_placed_is_tried_again_a_minute_later_and_then_again() {
    let mut watch = Watch::start().await;
    let ids = [watch.create("One").await, watch.create("Two").await];
    watch.anew();
    let placed = |watch: &Watch| ids.map(|id| watch.schedule.next_check(id).is_some());
    watch.world.kept.silence.about("tenant");
    watch.turns().await;
    assert_eq!(placed(&watch), [false, false]);
    watch.pass(60, 60).await;
    assert_eq!(placed(&watch), [false, false], "tried again, in vain");
    watch.world.kept.silence.end();
    watch.pass(59, 59).await;
    assert_eq!(placed(&watch), [false, false], "not before its minute");
    watch.pass(1, 1).await;
    assert_eq!(placed(&watch), [true, true]);
    let before = watch.checks();
    watch.pass(HOUR + 60, 300).await;
    assert!(watch.checks() >= before + 2);
}

#[tokio::test]
async fn while_rows_cannot_be_listed_what_is_due_is_checked_and_its_result_taken_up() {
    let mut watch = Watch::start().await;
    watch.anew();
    watch.world.kept.silence.about("tenants");
    let id = watch.world.create(&watch.world.alice, "Due").await.unwrap().value;
    watch.world.shown().await;
    watch.schedule.turn().await.unwrap_err();
    let due = watch.schedule.next_check(id).expect("its event placed it");
    watch.answer(Verdict::Inconclusive);
    watch.world.kept.clock.forward(HOUR);
    watch.schedule.turn().await.unwrap_err();
    watch.schedule.settle().await.unwrap();
    assert_eq!(watch.checks(), 1);
    assert!(watch.schedule.next_check(id).unwrap() > due);
    assert_eq!(watch.world.app.schedule_numbers().in_flight, 0);
}

#[tokio::test]
async fn after_more_events_than_can_be_told_the_days_that_a_tenant_chose_meanwhile_count() {
    let mut watch = Watch::with_interval(30 * 86_400).await;
    let id = watch.ending("Ending", watch.now().plus_days(50)).await;
    let alice = watch.world.alice.clone();
    let update = TenantUpdate { expiry_days: Some(vec![60]), ..TenantUpdate::default() };
    watch.world.app.update_tenant(&alice, plain("updateTenant"), update).await.unwrap();
    let busy = watch.world.create(&alice, "Busy").await.unwrap().value;
    rename_often(&watch.world, busy).await;
    watch.turns().await;
    let told: Vec<_> =
        watch.events(id).await.into_iter().filter(|it| it.starts_with("CredentialExpir")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}
