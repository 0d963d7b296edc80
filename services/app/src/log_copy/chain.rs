//! Walking the hash chains of all streams at once, in log order.

use std::collections::HashMap;

use keytrail_domain::{RecordedEvent, StreamId, chain::Hash};

/// The last event of each stream so far.
#[derive(Default)]
pub(super) struct Chains(HashMap<StreamId, (u64, Hash)>);

impl Chains {
    /// False when the event does not follow the one before it in its stream.
    pub(super) fn follows(&mut self, event: &RecordedEvent) -> bool {
        let (Ok(meta), Ok(hash)) = (event.meta(), event.hash()) else { return false };
        let before = self.0.insert(event.stream.clone(), (event.revision, hash));
        match before {
            None => event.revision == 0 && meta.previous_hash.is_none(),
            Some((revision, hash)) => event.revision == revision + 1 && meta.previous_hash == Some(hash),
        }
    }
}
