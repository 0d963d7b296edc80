//! The operations that run on one socket.

use std::{collections::HashMap, pin::Pin};

use futures_util::{
    Stream, StreamExt,
    stream::{AbortHandle, SelectAll, abortable},
};

use crate::http::graphql::Event;

type Tagged = Pin<Box<dyn Stream<Item = (String, Event)>>>;

/// Running operations by the client's ids.
#[derive(Default)]
pub(super) struct Operations {
    events: SelectAll<Tagged>,
    running: HashMap<String, AbortHandle>,
}

impl Operations {
    pub(super) fn has(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    pub(super) fn start(&mut self, id: String, events: impl Stream<Item = Event> + 'static) {
        let tag = id.clone();
        let (events, handle) = abortable(events.map(move |event| (tag.clone(), event)));
        self.events.push(Box::pin(events));
        self.running.insert(id, handle);
    }

    /// Stops one; it says nothing more.
    pub(super) fn stop(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
        }
    }

    /// The next event of any operation; waits for ever when there is none.
    pub(super) async fn next(&mut self) -> (String, Event) {
        match self.events.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}
