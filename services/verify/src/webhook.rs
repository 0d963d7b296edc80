//! The [`WebhookSender`] port over the guarded client.

mod excerpt;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use ipnet::IpNet;
use keytrail_ports::{
    Clock, WebhookAnswer, WebhookBusy, WebhookFailure, WebhookReply, WebhookRequest, WebhookSender,
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use tokio::time::timeout;
use url::Url;

use crate::guard::{Answer, Destinations, GuardError, GuardedHttp, HttpConfig, Lookup, Outgoing, StartError};

/// Most redirects that are followed.
const REDIRECTS: usize = 3;
/// A little less than the longest delivery, so that its answer is in time.
const TIME_LIMIT: Duration = Duration::from_millis(14_500);
/// Deliveries at once. Who sends bounds them; here nobody shall wait for a place.
const AT_ONCE: usize = 1_024;

/// Sends webhooks through a guarded client of their own, so that slow receivers hold back no check.
pub struct GuardedWebhookSender {
    http: GuardedHttp,
    clock: Arc<dyn Clock>,
    time_limit: Duration,
}

impl GuardedWebhookSender {
    /// A sender to public addresses and these networks. A crypto provider of rustls must be installed.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(
        allowed_networks: Vec<IpNet>,
        lookup: &Arc<dyn Lookup>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let config = HttpConfig {
            allowed_networks,
            time_limit: TIME_LIMIT,
            body_limit: excerpt::READ,
            at_once: AT_ONCE,
            per_host: AT_ONCE,
            ..HttpConfig::default()
        };
        Ok(Self { http: GuardedHttp::new(config, lookup)?, clock, time_limit: TIME_LIMIT })
    }

    /// The same with another time limit.
    #[must_use]
    pub fn within(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    async fn deliver(&self, request: WebhookRequest<'_>) -> Result<WebhookReply, Undelivered> {
        let mut url = parse(request.url)?;
        let headers = headers(&request)?;
        let mut asked = Vec::new();
        for _ in 0..=REDIRECTS {
            let outgoing = Outgoing {
                method: Method::POST,
                url: url.clone(),
                headers: headers.clone(),
                body: Some(request.body.clone()),
            };
            let answer = self.http.send(outgoing, Destinations::Any).await?;
            let to = next(&url, &answer)?;
            asked.push(url);
            match to {
                Some(other) => url = other,
                None => return Ok(self.reply(&answer, &asked)),
            }
        }
        Err(WebhookFailure(format!("it redirects more than {REDIRECTS} times")).into())
    }

    fn reply(&self, answer: &Answer, asked: &[Url]) -> WebhookReply {
        WebhookReply {
            status: answer.status,
            retry_after: answer.header(&RETRY_AFTER).and_then(|text| self.seconds(text)),
            excerpt: excerpt::excerpt(answer, asked),
        }
    }

    /// Seconds, or the moment of an HTTP date.
    fn seconds(&self, text: &str) -> Option<u64> {
        text.trim().parse().ok().or_else(|| {
            let moment = httpdate::parse_http_date(text).ok()?;
            let moment = moment.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
            Some(moment.saturating_sub(u64::try_from(self.clock.now().as_seconds()).unwrap_or_default()))
        })
    }
}

#[async_trait]
impl WebhookSender for GuardedWebhookSender {
    fn judge(&self, url: &str) -> Result<(), WebhookFailure> {
        let mut url = parse(url)?;
        self.http.judge(&mut url, Destinations::Any).map_err(failed)
    }

    async fn send(&self, request: WebhookRequest<'_>) -> Result<WebhookAnswer, WebhookBusy> {
        let start = Instant::now();
        let delivered = timeout(self.time_limit, self.deliver(request)).await;
        let outcome = match delivered.unwrap_or_else(|_| Err(GuardError::Timeout.into())) {
            Ok(reply) => Ok(reply),
            Err(Undelivered::Failed(failure)) => Err(failure),
            Err(Undelivered::Busy) => return Err(WebhookBusy),
        };
        Ok(WebhookAnswer { outcome, duration: start.elapsed() })
    }
}

/// Why there is no reply.
enum Undelivered {
    Busy,
    Failed(WebhookFailure),
}

impl From<WebhookFailure> for Undelivered {
    fn from(failure: WebhookFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<GuardError> for Undelivered {
    fn from(error: GuardError) -> Self {
        if error == GuardError::Busy { Self::Busy } else { Self::Failed(failed(error)) }
    }
}

fn parse(url: &str) -> Result<Url, WebhookFailure> {
    Url::parse(url).map_err(|_| WebhookFailure("it must be an absolute URL".into()))
}

fn headers(request: &WebhookRequest<'_>) -> Result<HeaderMap, WebhookFailure> {
    let header = |(name, value): &(&'static str, String)| {
        let value = HeaderValue::from_str(value).ok()?;
        Some((HeaderName::from_static(name), value))
    };
    let all: Option<HeaderMap> = request.headers.iter().map(header).collect();
    all.ok_or_else(|| WebhookFailure("a header cannot be sent".into()))
}

/// Where to go on to; none at the end. A redirect that would make a GET of it is the end.
fn next(from: &Url, answer: &Answer) -> Result<Option<Url>, WebhookFailure> {
    if !matches!(answer.status, 307 | 308) {
        return Ok(None);
    }
    let Some(to) = answer.header(&LOCATION) else { return Ok(None) };
    from.join(to).map(Some).map_err(|_| WebhookFailure("it redirects to something that is no URL".into()))
}

fn failed(error: GuardError) -> WebhookFailure {
    WebhookFailure(error.to_string())
}
