//! What a process that holds secrets forbids itself, first of all.

use std::io;

use rustix::{
    fs::Mode,
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
};

/// What was allowed before, for a command that another program takes the place of.
#[derive(Debug)]
pub struct Before {
    mask: Mode,
    files: Rlimit,
}

impl Before {
    /// Gives the program that comes now the user's own mask and limit of files. Core files stay forbidden: it
    /// gets a secret.
    ///
    /// # Errors
    /// The system refuses.
    pub fn restore(self) -> io::Result<()> {
        umask(self.mask);
        Ok(setrlimit(Resource::Nofile, self.files)?)
    }
}

/// No core file, no other process that looks into our memory, files for us alone, and as many open
/// files as the system allows. Call it before any thread is started.
///
/// # Errors
/// The system refuses; nothing should be read that is secret then.
pub fn harden() -> io::Result<Before> {
    let mask = umask(Mode::RWXG | Mode::RWXO);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    Ok(Before { mask, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardened_process_leaves_no_core_file_and_no_readable_file() {
        harden().unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0);
    }
}
