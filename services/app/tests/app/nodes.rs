//! Two processes over one log and one journal.

use keytrail_app::Work;
use keytrail_ports::Journal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    webhooks::{URL, hook},
    world::World,
};

fn deliver(node: &World) -> (CancellationToken, JoinHandle<()>) {
    let (app, stop) = (node.app.clone(), CancellationToken::new());
    let until = stop.clone();
    (stop, tokio::spawn(async move { app.run_webhooks(until).await }))
}

async fn begins(node: &World) {
    while !node.app.does(Work::Webhooks) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_of_two_nodes_delivers_and_the_other_goes_on_from_its_place_when_it_stops() {
    let [first, second] = World::start().await.two_nodes().await;
    let running = deliver(&first);
    begins(&first).await;
    let other = deliver(&second);
    let id = second.endpoint(hook(URL), None).await;
    let one = second.named("One").await;
    first.kept.receivers.wait_for(1).await;
    let two = first.named("Two").await;
    first.kept.receivers.wait_for(2).await;
    assert!(!second.app.does(Work::Webhooks));
    running.0.cancel();
    running.1.await.unwrap();
    assert!(!first.app.does(Work::Webhooks));
    let three = first.named("Three").await;
    begins(&second).await;
    second.kept.receivers.wait_for(3).await;
    let arrived = second.kept.receivers.at(URL).into_iter().map(|it| it.body["subject"].clone());
    let expected = [one, two, three].map(|id| id.to_string());
    assert_eq!(arrived.collect::<Vec<_>>(), expected, "nothing is sent twice");
    other.0.cancel();
    other.1.await.unwrap();
    assert!(second.kept.journal.mark(&format!("webhook-place/{id}")).await.unwrap().is_some());
}
