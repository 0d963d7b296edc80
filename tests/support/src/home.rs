//! A folder and a user for a server that is started by a test.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::process::Command;

/// Who runs servers when the tests run as root: `nobody`, the same number on all Linux systems.
const NOBODY: u32 = 65_534;

/// A temporary folder that belongs to whoever runs the server.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    user: Option<u32>,
}

impl Home {
    pub(crate) fn new(prefix: &str) -> Self {
        let folder = TempDir::with_prefix(prefix).expect("a temporary folder");
        let owner = fs::metadata(folder.path()).expect("the folder is there").uid();
        // Some servers refuse to run as root, and all the others should not either.
        let user = (owner == 0).then_some(NOBODY);
        let home = Self { folder, user };
        home.give(home.folder.path());
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The user that the server runs as; none: the one that runs the tests.
    pub(crate) const fn user(&self) -> Option<u32> {
        self.user
    }

    /// A file that only the server's user can read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("the folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        self.give(&path);
        path
    }

    /// Runs a program in the folder as the server's user and answers what it printed.
    ///
    /// # Errors
    /// What it wrote to its error stream, when it failed.
    pub(crate) async fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        let output = command.args(arguments).current_dir(self.path()).output().await;
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn give(&self, path: &Path) {
        if self.user.is_some() {
            chown(path, self.user, self.user).expect("root may give files away");
        }
    }
}

/// A program of a Debian package; some do not lie on the path.
///
/// # Panics
/// When it is not installed, with what to do.
pub(crate) fn installed(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .chain(versions.map(|version| version.path().join("bin")));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed: run `cargo xtask tools` (Debian package {package})")
    })
}
