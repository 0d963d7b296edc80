//! A file beside an embedded log that was copied to a server: where that is, and which log it is there.

use std::{fs::File, io::Write};

use uuid::Uuid;

use super::failed;
use crate::{data_dir::DataDir, launch::StartError};

const NAME: &str = "log.moved";
const UNREADABLE: &str = "check the data directory's permissions";

/// Where an embedded log went.
pub(super) struct Moved {
    place: String,
    /// The first versions did not write it.
    log: Option<Uuid>,
}

impl Moved {
    /// None when the log was not copied, or not to its end.
    pub(super) fn read(dir: &DataDir) -> Result<Option<Self>, StartError> {
        let text = match std::fs::read_to_string(dir.file(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error, UNREADABLE)),
        };
        let mut lines = text.lines().map(str::trim);
        let place = lines.next().unwrap_or_default().to_owned();
        Ok(Some(Self { place, log: lines.next().and_then(|id| id.parse().ok()) }))
    }

    /// Whole or not at all, also after a power cut.
    pub(super) fn write(dir: &DataDir, place: &str, log: Uuid) -> std::io::Result<()> {
        let path = dir.file(NAME);
        let next = path.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(format!("{place}\n{log}\n").as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&next, &path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// What happens on a log that was copied is not in the copy: the two would never be one again.
    pub(super) fn refuse_to_serve(self, dir: &DataDir) -> StartError {
        let file = dir.file(NAME);
        StartError::new(
            self.text(),
            format!(
                "set KEYTRAIL_EVENT_LOG to it; to go on from here, without what happened there since, delete {}: the next start \
                 says what is left to do",
                file.display()
            ),
        )
    }

    /// The same log under the same or another name, such as `localhost` for `127.0.0.1`.
    pub(super) fn is_at(&self, place: &str, log: Option<Uuid>) -> bool {
        self.place == place || (self.log.is_some() && self.log == log)
    }

    /// A second copy would lack what happened on the first.
    pub(super) fn refuse_another_copy(self) -> StartError {
        StartError::new(
            self.text(),
            "set KEYTRAIL_EVENT_LOG to it and start `keytrail serve`; from there the server's own backup moves it on, \
             docs/kurrentdb.md says how",
        )
    }

    fn text(&self) -> String {
        format!("the event log of this directory was copied to {}", self.place)
    }
}
