//! Receivers of webhooks that answer as a test says.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use keytrail_ports::{
    WebhookAnswer, WebhookBusy, WebhookFailure, WebhookReply, WebhookRequest, WebhookSender,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, watch};

/// What a receiver does.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    Answer(u16),
    /// Once somebody lets it.
    AnswerLater(u16, Arc<Notify>),
    AskForTime(u16, u64),
    HangUp,
    Hang,
    /// Nothing: it is not even asked.
    KeepUsBusy,
}

/// What arrived somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) url: String,
    pub(crate) headers: HashMap<&'static str, String>,
    pub(crate) body: Value,
}

impl Arrived {
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }
}

/// All receivers, by URL; one that nobody scripted takes everything.
#[derive(Default)]
pub(crate) struct Receivers {
    scripts: Mutex<HashMap<String, VecDeque<Does>>>,
    arrived: Mutex<Vec<Arrived>>,
    count: watch::Sender<usize>,
}

impl Receivers {
    /// These answers in turn; the last one stays.
    pub(crate) fn script(&self, url: &str, does: impl IntoIterator<Item = Does>) {
        self.scripts.lock().insert(url.to_owned(), does.into_iter().collect());
    }

    pub(crate) fn at(&self, url: &str) -> Vec<Arrived> {
        self.arrived.lock().iter().filter(|arrived| arrived.url == url).cloned().collect()
    }

    /// The types that arrived, in order.
    pub(crate) fn kinds(&self, url: &str) -> Vec<String> {
        self.at(url).iter().map(|arrived| arrived.kind().replace("keytrail.", "")).collect()
    }

    /// Waits until so many have arrived in all.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut arrived = self.count.subscribe();
        let waiting = arrived.wait_for(|sum| *sum >= count);
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("arrives").expect("lives");
    }

    fn next(&self, url: &str) -> Does {
        let mut scripts = self.scripts.lock();
        let Some(script) = scripts.get_mut(url) else { return Does::Answer(204) };
        let next = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        next.unwrap_or(Does::Answer(204))
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    fn judge(&self, url: &str) -> Result<(), WebhookFailure> {
        if url.starts_with("https://") { Ok(()) } else { Err(WebhookFailure("must be https".into())) }
    }

    async fn send(&self, request: WebhookRequest<'_>) -> Result<WebhookAnswer, WebhookBusy> {
        let does = self.next(request.url);
        if matches!(does, Does::KeepUsBusy) {
            return Err(WebhookBusy);
        }
        self.arrived.lock().push(Arrived {
            url: request.url.to_owned(),
            headers: request.headers.into_iter().collect(),
            body: serde_json::from_slice(&request.body).expect("json"),
        });
        self.count.send_modify(|sum| *sum += 1);
        let reply =
            |status, retry_after| Ok(WebhookReply { status, retry_after, excerpt: Some("ok".into()) });
        let outcome = match does {
            Does::Answer(status) => reply(status, None),
            Does::AnswerLater(status, now) => {
                now.notified().await;
                reply(status, None)
            }
            Does::AskForTime(status, seconds) => reply(status, Some(seconds)),
            Does::HangUp => Err(WebhookFailure("no answer".into())),
            Does::KeepUsBusy => return Err(WebhookBusy),
            Does::Hang => std::future::pending().await,
        };
        Ok(WebhookAnswer { outcome, duration: Duration::from_millis(3) })
    }
}
