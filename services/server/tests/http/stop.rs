//! Stopping in order.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use crate::{
    client::{Answer, Heard, JSON, Ws, http, post, query},
    world::World,
};

#[tokio::test]
async fn sockets_hear_1001_streams_end_and_the_stop_is_quick() {
    let mut world = World::start();
    let mut idle = Ws::open(&world).await;
    let mut busy = Ws::ready(&world).await;
    busy.subscribe("1", "subscription { forever }").await;
    busy.hear_json().await;
    let stream = post(&world, "text/event-stream", &query("subscription { forever }")).send().await.unwrap();
    let kept_alive = http();
    kept_alive.get(world.url("/healthz")).send().await.unwrap();

    let started = Instant::now();
    let stopping = tokio::spawn(world.server.take().unwrap().stop());
    for socket in [&mut idle, &mut busy] {
        assert_eq!(socket.hear().await, Heard::Close(1001, "the server is stopping".into()));
        assert_eq!(socket.hear().await, Heard::Cut);
    }
    assert!(!Answer::read(stream).await.text.contains("complete"));
    stopping.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(http().get(world.url("/healthz")).send().await.is_err());
}

#[tokio::test]
async fn a_request_that_runs_is_answered_before_the_end() {
    let mut world = World::start();
    let asking = tokio::spawn(post(&world, JSON, &query("mutation { slowBump }")).send());
    world.levers.begun.notified().await;
    let stopping = tokio::spawn(world.server.take().unwrap().stop());
    world.levers.go_on.notify_one();
    let answer = Answer::read(asking.await.unwrap().unwrap()).await;
    assert_eq!((answer.status, world.levers.bumps.load(Ordering::SeqCst)), (200, 1));
    stopping.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_stop_for_ten_seconds() {
    let mut world = World::start();
    let asking = tokio::spawn(post(&world, JSON, &query("{ waits }")).send());
    world.levers.begun.notified().await;
    let started = Instant::now();
    world.server.take().unwrap().stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    asking.abort();
}
