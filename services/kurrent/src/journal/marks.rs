//! Marks: `ktm-<name>`, whose version counts how often it was set. *Format*.

use keytrail_ports::{JournalError, Mark, SwapError};
use serde_json::json;

use super::{
    KurrentJournal,
    stream::{self, Keeps},
};
use crate::fault::Fault;

/// The type of the event that holds a value.
const TYPE: &str = "MarkSet";

fn name(mark: &str) -> String {
    format!("ktm-{mark}")
}

impl KurrentJournal {
    pub(super) async fn last_mark(&self, mark: &str) -> Result<Option<Mark>, JournalError> {
        let last = self.backwards(&name(mark), None, 1).await?.pop();
        Ok(last.map(|event| Mark { value: event.data.to_vec(), version: event.revision + 1 }))
    }

    pub(super) async fn put_mark(&self, mark: &str, value: Vec<u8>) -> Result<(), JournalError> {
        let event = stream::event(TYPE, &value, &json!({}));
        self.write(&name(mark), &[event], Keeps::Last).await.map(drop)
    }

    pub(super) async fn swap(
        &self,
        mark: &str,
        expected: Option<u64>,
        value: Vec<u8>,
    ) -> Result<u64, SwapError> {
        // Versions begin at 1, revisions at 0.
        let end = match expected {
            Some(0) => return Err(SwapError::Conflict),
            Some(version) => Some(version - 1),
            None => None,
        };
        let event = stream::event(TYPE, &value, &json!({}));
        match self.write_at(&name(mark), end, &[event], Keeps::Last).await {
            Ok(revision) => Ok(revision + 1),
            Err(Fault::Conflict(_)) => Err(SwapError::Conflict),
            Err(fault) => Err(stream::broken(fault).into()),
        }
    }
}
