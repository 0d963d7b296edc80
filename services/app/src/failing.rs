//! Work that is tried again for ever says that it fails once, and once that it works again: an outage would fill the
//! log otherwise. A failure that lasts is said again now and then.

use std::time::Duration;

use tokio::time::Instant;

use crate::AppError;

/// After this a failure that goes on is said again.
const REMIND: Duration = Duration::from_secs(600);

/// What was said last.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// Something else is away, whatever words that came in.
    Away,
    /// A mistake of ours, or damage: this one.
    Other(String),
}

/// One piece of such work.
#[derive(Debug)]
pub(crate) struct Failing {
    work: &'static str,
    said: Option<(Said, Instant)>,
}

impl Failing {
    /// Work that has not failed yet.
    pub(crate) fn new(work: &'static str) -> Self {
        Self { work, said: None }
    }

    /// It failed. Says so when it is news; what is away is a warning, anything else an error.
    pub(crate) fn failed(&mut self, error: &AppError) {
        let (work, is_news) = (self.work, self.is_news(error));
        let cause = error as &dyn std::error::Error;
        match what(error) {
            _ if !is_news => tracing::debug!(work, error = cause, "failed again"),
            Said::Away => tracing::warn!(work, error = cause, "failed: trying again until it works"),
            Said::Other(_) => tracing::error!(work, error = cause, "failed: trying again until it works"),
        }
    }

    fn is_news(&mut self, error: &AppError) -> bool {
        let what = what(error);
        let known = self.said.as_ref().is_some_and(|(said, at)| *said == what && at.elapsed() < REMIND);
        if !known {
            self.said = Some((what, Instant::now()));
        }
        !known
    }

    /// It did something as it should that it had not done before.
    pub(crate) fn works(&mut self) {
        if self.said.take().is_some() {
            tracing::info!(work = self.work, "works again");
        }
    }
}

fn what(error: &AppError) -> Said {
    match error {
        AppError::Unavailable { .. } | AppError::OutcomeUnknown(_) => Said::Away,
        error => {
            let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
            Said::Other(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> AppError {
        AppError::Unavailable { dependency: "vault", source: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_news_until_it_works_again_or_is_another_or_lasts() {
        let mut failing = Failing::new("work");
        assert!(failing.is_news(&away()) && !failing.is_news(&away()));
        let damage = |what| AppError::internal(what);
        assert!(failing.is_news(&damage("damage")), "an outage hides no mistake");
        assert!(!failing.is_news(&damage("damage")) && failing.is_news(&damage("more")), "nor one another");
        assert!(failing.is_news(&away()) && !failing.is_news(&away()));
        failing.works();
        assert!(failing.is_news(&away()));
        tokio::time::advance(REMIND).await;
        assert!(failing.is_news(&away()) && !failing.is_news(&away()));
    }
}
