//! Work that is tried again for ever says that it fails once, and once that it works again: an outage would fill the
//! log otherwise.

use crate::AppError;

/// Of what went wrong first, when it is still wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Something else is away.
    Away,
    /// A mistake of ours, or damage.
    Other,
}

/// One piece of such work.
#[derive(Debug)]
pub(crate) struct Failing {
    work: &'static str,
    said: Option<Kind>,
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
        match kind(error) {
            _ if !is_news => tracing::debug!(work, error = cause, "failed again"),
            Kind::Away => tracing::warn!(work, error = cause, "failed: trying again until it works"),
            Kind::Other => tracing::error!(work, error = cause, "failed: trying again until it works"),
        }
    }

    fn is_news(&mut self, error: &AppError) -> bool {
        let kind = kind(error);
        self.said.replace(kind) != Some(kind)
    }

    /// It did something as it should.
    pub(crate) fn works(&mut self) {
        if self.said.take().is_some() {
            tracing::info!(work = self.work, "works again");
        }
    }
}

fn kind(error: &AppError) -> Kind {
    match error {
        AppError::Unavailable { .. } | AppError::OutcomeUnknown(_) => Kind::Away,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> AppError {
        AppError::Unavailable { dependency: "vault", source: None }
    }

    #[test]
    fn a_failure_is_news_until_it_works_again_or_is_another() {
        let mut failing = Failing::new("work");
        assert!(failing.is_news(&away()) && !failing.is_news(&away()));
        assert!(failing.is_news(&AppError::internal("damage")), "an outage hides no mistake");
        assert!(failing.is_news(&away()) && !failing.is_news(&away()));
        failing.works();
        assert!(failing.is_news(&away()));
    }
}
