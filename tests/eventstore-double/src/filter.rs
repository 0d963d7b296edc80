//! Which events of `$all` somebody wants.

use tonic::Status;

use crate::{
    log::Recorded,
    messages::read::{Expression, FilterOptions, Subject, Window},
};

/// How many events the real server looks at before it says where it is, unless it is told.
const WINDOW: u32 = 32;

/// A filter by prefixes.
#[derive(Debug)]
pub(crate) struct Filter {
    by_stream: bool,
    prefixes: Vec<String>,
    /// A checkpoint is due after so many events.
    pub(crate) interval: u32,
}

impl Filter {
    pub(crate) fn read(options: FilterOptions) -> Result<Self, Status> {
        let window = match options.window {
            Some(Window::Max(max)) => max,
            Some(Window::Count(())) => WINDOW,
            None => return Err(Status::invalid_argument("a filter without a window")),
        };
        let interval = window.saturating_mul(options.checkpoint_interval_multiplier);
        if interval == 0 {
            return Err(Status::invalid_argument("a filter whose checkpoint interval is 0"));
        }
        let (by_stream, expression) = match options.subject {
            Some(Subject::Stream(expression)) => (true, expression),
            Some(Subject::Kind(expression)) => (false, expression),
            None => return Err(Status::invalid_argument("a filter of nothing")),
        };
        Ok(Self { by_stream, prefixes: prefixes(expression)?, interval })
    }

    pub(crate) fn wants(&self, event: &Recorded) -> bool {
        let text = if self.by_stream { &event.stream } else { &event.kind };
        self.prefixes.iter().any(|prefix| text.starts_with(prefix))
    }
}

/// Clients spell prefixes also as regular expressions, of which only those are read that say no more than that.
fn prefixes(expression: Expression) -> Result<Vec<String>, Status> {
    if expression.regex.is_empty() {
        return Ok(expression.prefix);
    }
    Err(Status::unimplemented("the double knows filters by prefix only"))
}
