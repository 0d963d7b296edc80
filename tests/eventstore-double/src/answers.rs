//! The statuses that the real server answers with, and what it says beside them.

use tonic::{
    Code, Status,
    metadata::{MetadataMap, MetadataValue},
};

use crate::log::{Expected, MAX_APPEND_SIZE};

pub(crate) fn stream_deleted(stream: &str) -> Status {
    let said = format!("Event stream '{stream}' is deleted.");
    exception(Code::FailedPrecondition, said, &[("exception", "stream-deleted"), ("stream-name", stream)])
}

pub(crate) fn too_large() -> Status {
    let said = format!("Maximum Append Size of {MAX_APPEND_SIZE} Exceeded.");
    let size = MAX_APPEND_SIZE.to_string();
    exception(
        Code::InvalidArgument,
        said,
        &[("exception", "maximum-append-size-exceeded"), ("maximum-append-size", &size)],
    )
}

/// What `Delete` and `Tombstone` answer; an append has a message for it.
pub(crate) fn wrong_expected_version(stream: &str, expected: Expected, current: Option<u64>) -> Status {
    let wanted = match expected {
        Expected::Exact(revision) => revision.to_string(),
        Expected::NoStream => "-1".to_owned(),
        Expected::Any => "-2".to_owned(),
        Expected::StreamExists => "-4".to_owned(),
    };
    let found = current.map_or_else(|| "-1".to_owned(), |revision| revision.to_string());
    let said = format!(
        "Append failed due to WrongExpectedVersion. Stream: {stream}, Expected version: {wanted}, Actual version: {found}"
    );
    let metadata = [
        ("exception", "wrong-expected-version"),
        ("stream-name", stream),
        ("expected-version", &wanted),
        ("actual-version", &found),
    ];
    exception(Code::FailedPrecondition, said, &metadata)
}

pub(crate) fn not_leader(host: &str, port: u16) -> Status {
    let said = format!("Leader info available at {host}:{port}.");
    let port = port.to_string();
    let metadata =
        [("exception", "not-leader"), ("leader-endpoint-host", host), ("leader-endpoint-port", &port)];
    exception(Code::NotFound, said, &metadata)
}

pub(crate) fn access_denied() -> Status {
    exception(Code::PermissionDenied, "Access Denied".to_owned(), &[("exception", "access-denied")])
}

fn exception(code: Code, said: String, facts: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (key, value) in facts {
        if let Ok(value) = MetadataValue::try_from(*value) {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, said, metadata)
}
