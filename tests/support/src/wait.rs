//! Waiting for a fact instead of for time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long any fact may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often it is asked.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks again and again until `fact` gives something, and answers it.
///
/// # Panics
/// After 30 seconds, naming `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut fact: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = fact().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain: {what}");
        sleep(INTERVAL).await;
    }
}
