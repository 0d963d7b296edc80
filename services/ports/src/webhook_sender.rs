//! Sends webhooks.

use std::time::Duration;

use async_trait::async_trait;

/// One signed delivery. Its headers hold signatures, never the signing secret; its URL may be one.
#[derive(Clone)]
pub struct WebhookRequest<'a> {
    /// Where to.
    pub url: &'a str,
    /// Header names in lower case, and values in visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// What came back.
    pub outcome: Result<WebhookReply, WebhookFailure>,
    /// How long it took.
    pub duration: Duration,
}

/// What a receiver answered at the end of all redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookReply {
    /// HTTP status.
    pub status: u16,
    /// How long the receiver asks us to wait, in seconds.
    pub retry_after: Option<u64>,
    /// The beginning of its body; none when it is empty, came from a private network, or tells the URL.
    pub excerpt: Option<String>,
}

/// Why there is no answer. The text is ours and quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WebhookFailure(pub String);

/// We have too much to do ourselves: nothing was delivered, and that says nothing of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests of Keytrail are on their way")]
pub struct WebhookBusy;

/// Sends webhooks to where the operator allows.
///
/// Promises, each a case in the tests of `keytrail-verify`:
/// 1. A URL that `judge` refuses is refused by `send` too, and so is every redirect to such a URL.
/// 2. Nothing is sent to an address that the operator does not allow, whatever the name says.
/// 3. At most three redirects are followed, and only those that keep method and body (307, 308).
/// 4. It ends within `PATIENCE_SECONDS`.
/// 5. Only what the receiver or its name service did is an answer's failure.
/// 6. An excerpt has at most a kilobyte. None is taken from a private network's answer, nor from one with path
///    and query of a URL that was asked, or a long part of them, in it.
#[async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// Whether something may be sent there, as far as the URL says.
    ///
    /// # Errors
    /// The rule that it breaks, without the URL.
    fn judge(&self, url: &str) -> Result<(), WebhookFailure>;

    /// Sends, and waits for the answer.
    ///
    /// # Errors
    /// It could not be tried.
    async fn send(&self, request: WebhookRequest<'_>) -> Result<WebhookAnswer, WebhookBusy>;
}

impl dyn WebhookSender {
    /// No delivery takes longer than this.
    pub const PATIENCE_SECONDS: u64 = 15;
}
