//! A child process that cannot outlive the test.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Runs the program given as arguments and kills it as soon as standard input closes. The kernel
/// closes it when the test process ends in whatever way, so also statics and aborts leave nothing.
const SCRIPT: &str = r#""$@" </dev/null & pid=$!; cat >/dev/null; kill -9 "$pid"; wait "$pid" 2>/dev/null"#;

/// A running program; dropping it kills the program and waits for its end.
#[derive(Debug)]
pub(crate) struct Guarded(Child);

impl Guarded {
    /// Starts `program`; what it writes goes to the end of `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: &Path) -> io::Result<Self> {
        Self::start_as(None, program, arguments, log)
    }

    /// The same as another user, when there is one.
    pub(crate) fn start_as(
        user: Option<u32>,
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("/bin/sh");
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command
            .args(["-c", SCRIPT, "guard"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map(Self)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Nothing can be done about a failure here, and the script ends by itself.
        drop(self.0.wait());
    }
}
