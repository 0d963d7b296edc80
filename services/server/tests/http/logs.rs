//! What is written down of a request, and what never is.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    client::{Answer, JSON, Ws, anonymous_post, post},
    world::{Plan, World},
};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that the server says at any level; the clients of the test are left out. Each test
/// runs in a process of its own.
fn written() -> Page {
    let page = Page::default();
    let filter = "trace,hyper=off,hyper_util=off,reqwest=off,tungstenite=off,tokio_tungstenite=off";
    let subscriber =
        tracing_subscriber::fmt().with_writer(page.clone()).with_env_filter(EnvFilter::new(filter));
    tracing::subscriber::set_global_default(subscriber.with_ansi(false).finish()).unwrap();
    page
}

async fn secretive(world: &World, text: &str) -> Answer {
    let body = json!({ "query": text, "variables": { "t": "hunter2-variable" } });
    Answer::of(post(world, JSON, &body)).await
}

#[tokio::test]
async fn a_slow_request_and_a_failed_one_are_written_with_their_id_and_tenant() {
    let page = written();
    let world = Plan::with(|plan| plan.options.slow_after = Duration::ZERO).start();
    let answer = secretive(&world, "query($t: String!) { echo(text: $t) uncoded }").await;
    let text = page.text();
    let slow = text.lines().find(|line| line.contains("slow request")).unwrap_or_else(|| panic!("{text}"));
    let tenant = keytrail_domain::TenantId::of_slug("acme").to_string();
    for part in ["WARN", answer.header("x-request-id"), &tenant, "took_ms"] {
        assert!(slow.contains(part), "{part} is not in {slow}");
    }
    assert!(text.lines().any(|line| line.contains("ERROR") && line.contains("without a code")), "{text}");
}

#[tokio::test]
async fn no_token_text_or_variable_is_written_at_any_level() {
    let page = written();
    let world = World::start();
    for text in [
        "query($t: String!) { echo(text: $t) hunter2: uncoded }",
        "query($t: Int!) { add(a: $t, b: 1) }",
        "{ echo(text: \"hunter2\"",
        "{ panics }",
    ] {
        secretive(&world, text).await;
    }
    let wrong = format!("{}hunter2", world.token());
    Answer::of(anonymous_post(&world, JSON, &json!({})).bearer_auth(wrong)).await;
    let mut socket = Ws::ready(&world).await;
    socket.subscribe("1", "{ echo(text: \"hunter2\") }").await;
    socket.hear_json().await;
    let text = page.text();
    assert!(text.contains("request"), "nothing was written");
    let leak = text.lines().find(|line| line.contains("hunter2") || line.contains("eyJ"));
    assert_eq!(leak, None);
}
