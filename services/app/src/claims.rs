//! Names and keys that a running mutation has taken for itself on this node: two at once would
//! otherwise both find them free in the views.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::AppError;

/// Longest wait for another mutation with the same key, or of the same thing.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Held>);

#[derive(Default)]
struct Held {
    taken: Mutex<HashSet<String>>,
    freed: Notify,
}

/// Given back when dropped.
pub(crate) struct Claim {
    held: Arc<Held>,
    what: String,
}

impl Claims {
    /// Takes it, or none when somebody has it.
    pub(crate) fn try_take(&self, what: String) -> Option<Claim> {
        let free = self.0.taken.lock().insert(what.clone());
        free.then(|| Claim { held: Arc::clone(&self.0), what })
    }

    /// Takes it as soon as it is free.
    pub(crate) async fn take(&self, what: String) -> Result<Claim, AppError> {
        let taking = async {
            loop {
                // Registered before looking, so that no giving back is missed.
                let freed = self.0.freed.notified();
                if let Some(claim) = self.try_take(what.clone()) {
                    return claim;
                }
                freed.await;
            }
        };
        tokio::time::timeout(PATIENCE, taking).await.map_err(|_| {
            AppError::conflict("another change of the same thing, or one with this idempotencyKey, is still running: try again")
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.held.taken.lock().remove(&self.what);
        self.held.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_taken_is_free_again_after_it_is_given_back() {
        let claims = Claims::default();
        let first = claims.try_take("a".into());
        assert!(first.is_some() && claims.try_take("a".into()).is_none());
        let waiting = tokio::spawn({
            let claims = claims.clone();
            async move { claims.take("a".into()).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.expect("joined"));
    }
}
