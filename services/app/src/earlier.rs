//! What an earlier try of the same mutation left in a stream: the log knows it before the views do.

use keytrail_domain::{EventId, Idempotency, Position, RecordedEvent, StreamId, Timestamp};

use crate::{
    App, AppError, Call,
    idempotency::{SECONDS, principal_key},
};

/// Events read at once.
const PAGE: usize = 1_000;

/// A mutation of one caller with his key, to be recognised in a stream.
pub(crate) struct Wanted {
    principal: String,
    idempotency: Idempotency,
    /// What is as old is another mutation.
    since: Timestamp,
}

/// What a mutation left in a stream.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// HMAC of its input.
    pub(crate) input: String,
    /// Its first event.
    pub(crate) first: RecordedEvent,
    /// Its last event: the place that its answer gave.
    pub(crate) last: (Position, EventId),
}

impl Wanted {
    pub(crate) fn new(call: &Call, idempotency: &Idempotency, now: Timestamp) -> Self {
        Self {
            principal: principal_key(&call.principal.actor),
            idempotency: idempotency.clone(),
            since: now.plus_seconds(-SECONDS),
        }
    }

    /// Looks at a stream's next event.
    pub(crate) fn look(&self, event: &RecordedEvent, found: &mut Option<Earlier>) -> Result<(), AppError> {
        let meta = event.meta()?;
        let Some(given) = meta.idempotency else { return Ok(()) };
        let same = (&given.mutation, &given.key) == (&self.idempotency.mutation, &self.idempotency.key);
        if !same || meta.recorded_at <= self.since || principal_key(&meta.actor) != self.principal {
            return Ok(());
        }
        let last = (event.position, event.id);
        match found {
            Some(earlier) => earlier.last = last,
            None => *found = Some(Earlier { input: given.input, first: event.clone(), last }),
        }
        Ok(())
    }
}

impl App {
    /// What the log itself knows of an earlier try that changed this stream.
    pub(crate) async fn earlier_in(
        &self,
        stream: &StreamId,
        wanted: &Wanted,
    ) -> Result<Option<Earlier>, AppError> {
        let (mut found, mut from) = (None, 0);
        loop {
            let page = self.ports().log.read_stream(stream, from, PAGE).await?;
            for event in &page {
                wanted.look(event, &mut found)?;
                from = event.revision + 1;
            }
            if page.len() < PAGE {
                return Ok(found);
            }
        }
    }
}
