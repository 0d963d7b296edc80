//! How far a long request is. Only the latest word counts, so nothing queues.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// So many are done.
    pub done: u64,
    /// Of so many, when that is known.
    pub total: Option<u64>,
}

/// Where the one who works says how far it is. Never waits.
#[derive(Clone, Debug)]
pub struct ProgressSender(watch::Sender<Progress>);

/// Where the one who waits reads it.
#[derive(Debug)]
pub struct ProgressReader(watch::Receiver<Progress>);

/// A pair of both.
pub fn progress() -> (ProgressSender, ProgressReader) {
    let (sender, receiver) = watch::channel(Progress::default());
    (ProgressSender(sender), ProgressReader(receiver))
}

impl ProgressSender {
    /// Says how far it is.
    pub fn report(&self, progress: Progress) {
        self.0.send_replace(progress);
    }
}

impl ProgressReader {
    /// What was said since the last look, if anything.
    pub fn news(&mut self) -> Option<Progress> {
        self.0.has_changed().unwrap_or(false).then(|| *self.0.borrow_and_update())
    }

    /// Waits until something is said, or nobody can say anything any more.
    pub async fn changed(&mut self) {
        // A sender that is gone has said its last word: that is news, too.
        let _gone = self.0.changed().await;
    }

    /// What was said last.
    pub fn latest(&self) -> Progress {
        *self.0.borrow()
    }
}
