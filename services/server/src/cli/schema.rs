//! `keytrail schema`.

use std::io::Write;

use super::failure::Failure;
use crate::launch::Launcher;

pub(super) fn run(launcher: &dyn Launcher, out: &mut dyn Write) -> Result<(), Failure> {
    let schema = launcher.schema()?;
    out.write_all(schema.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
