//! Where things are.

use std::{io, path::PathBuf};

/// The folder with the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// A path under the root, written with `/`.
pub(crate) fn path(relative: &str) -> PathBuf {
    root().join(relative)
}

/// Where cargo puts what a profile builds (`debug`, `release`): this program lies in `debug` itself.
pub(crate) fn built(profile: &str) -> io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or_else(|| io::Error::other("no target directory"))?;
    Ok(target.join(profile))
}
