//! Keys that an issuer publishes at a URL (RFC 7517).
//!
//! One task owns the connection: it reads the document at the start, regularly, and when a token
//! names a key that is not there, but not more often than allowed. Such a token waits, for a bounded
//! time, for a reading that began after it came. Old keys stay in use while the issuer is away.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{AuthError, InvalidToken, KeySet};

/// How the document is read.
#[derive(Clone, Debug)]
pub struct JwksOptions {
    /// Read again after this time in any case.
    pub longest_interval: Duration,
    /// Never read more often than this, whatever tokens ask for.
    pub shortest_interval: Duration,
    /// One read takes at most this long; a token waits for at most two.
    pub time_limit: Duration,
    /// The document has at most so many bytes.
    pub size_limit: usize,
}

impl Default for JwksOptions {
    fn default() -> Self {
        Self {
            longest_interval: Duration::from_secs(600),
            shortest_interval: Duration::from_secs(10),
            time_limit: Duration::from_secs(3),
            size_limit: 256 * 1024,
        }
    }
}

/// Why the document could not be read.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the document is too large")]
    TooLarge,
    #[error("it takes too long")]
    TimedOut,
    #[error("not a JWKS document with a usable key")]
    Format,
}

/// What the task found.
#[derive(Clone, Debug, Default)]
struct State {
    keys: Arc<KeySet>,
    /// The last try worked.
    fresh: bool,
    /// Wishes up to this number were made before the last reading began, or may not have one.
    answered: u64,
}

/// The keys at one URL, kept up to date by a task that ends with this value.
#[derive(Debug)]
pub struct JwksUrl {
    state: watch::Receiver<State>,
    /// How often someone wished for another reading.
    wishes: watch::Sender<u64>,
    time_limit: Duration,
    _stop: DropGuard,
}

impl JwksUrl {
    /// Starts to read the document. Needs a running Tokio runtime.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn start(url: Url, options: JwksOptions) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(options.time_limit)
            .build()?;
        let (publish, state) = watch::channel(State::default());
        let (wishes, asked) = watch::channel(0);
        let stop = CancellationToken::new();
        let time_limit = options.time_limit;
        let reader = Reader { client, url, options, publish };
        tokio::spawn(stop.clone().run_until_cancelled_owned(reader.run(asked)));
        Ok(Self { state, wishes, time_limit, _stop: stop.drop_guard() })
    }

    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, AuthError> {
        if let Some(key) = self.state.borrow().keys.find(id, algorithm) {
            return Ok(key.clone());
        }
        let state = self.refreshed().await?;
        match state.keys.find(id, algorithm) {
            Some(key) => Ok(key.clone()),
            None if state.fresh => Err(InvalidToken::UnknownKey.into()),
            None => Err(unavailable()),
        }
    }

    async fn refreshed(&self) -> Result<State, AuthError> {
        let mut ours = 0;
        self.wishes.send_modify(|wishes| {
            *wishes += 1;
            ours = *wishes;
        });
        let mut state = self.state.clone();
        let answered = timeout(self.time_limit * 2, state.wait_for(|state| state.answered >= ours)).await;
        match answered {
            Ok(Ok(state)) => Ok(state.clone()),
            Ok(Err(_)) | Err(_) => Err(unavailable()),
        }
    }
}

fn unavailable() -> AuthError {
    AuthError::Unavailable { dependency: "the token issuer's keys" }
}

/// Why the reader stopped waiting.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Allowed,
    /// The verifier is gone.
    Nobody,
}

struct Reader {
    client: reqwest::Client,
    url: Url,
    options: JwksOptions,
    publish: watch::Sender<State>,
}

impl Reader {
    async fn run(self, mut asked: watch::Receiver<u64>) {
        loop {
            let wishes = *asked.borrow_and_update();
            self.read(wishes).await;
            let read_at = Instant::now();
            let next = self.wished_or_due(&mut asked, read_at);
            if timeout(self.options.longest_interval, next).await == Ok(Wish::Nobody) {
                return;
            }
        }
    }

    /// Ends when another reading is wished for and allowed; wishes that come too soon are answered
    /// with what there is.
    async fn wished_or_due(&self, asked: &mut watch::Receiver<u64>, read_at: Instant) -> Wish {
        while asked.changed().await.is_ok() {
            if read_at.elapsed() >= self.options.shortest_interval {
                return Wish::Allowed;
            }
            let wishes = *asked.borrow_and_update();
            self.publish.send_modify(|state| state.answered = wishes);
        }
        Wish::Nobody
    }

    async fn read(&self, wishes: u64) {
        let found = timeout(self.options.time_limit, self.fetch()).await.unwrap_or(Err(FetchError::TimedOut));
        if let Err(error) = &found {
            tracing::warn!(error = error as &dyn std::error::Error, "cannot read the token issuer's keys");
        }
        self.publish.send_modify(|state| {
            state.answered = wishes;
            state.fresh = found.is_ok();
            if let Ok(keys) = found {
                state.keys = Arc::new(keys);
            }
        });
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let answer = self.client.get(self.url.clone()).send().await?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > self.options.size_limit {
                return Err(FetchError::TooLarge);
            }
        }
        let document = serde_json::from_slice(&body).map_err(|_| FetchError::Format)?;
        KeySet::from_jwks(&document).filter(|keys| !keys.is_empty()).ok_or(FetchError::Format)
    }
}
