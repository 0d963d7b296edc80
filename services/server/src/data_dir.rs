//! The data directory: made for us alone, marked with what it is for, used by one process at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::config::Mode;

/// Says what the directory is for. *Format*.
const MARK: &str = "keytrail-mode";
/// Locked by the process that uses the directory, with its pid inside.
const LOCK: &str = "keytrail.lock";
/// The socket of the admin commands.
const SOCKET: &str = "admin.sock";
/// What may lie in a directory that is not ours yet: our own lock, and what file systems put there.
const HARMLESS: [&str; 2] = [LOCK, "lost+found"];

/// The embedded event log, in the data directory.
pub const LOG_FILE: &str = "log.db";

/// Which directory a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One for this kind of server; made when it is not there.
    For(Mode),
    /// One that is there already, whatever it is for.
    Existing,
}

/// A data directory, held by this process until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    mode: Mode,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses it.
    #[error("the data directory {path} is in use by {}", holder(*.pid), path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, where it is known.
        pid: Option<u32>,
    },
    /// It is for another kind of server.
    #[error("the data directory {path} was made by `keytrail {found}`, not by `keytrail {wanted}`", path = path.display())]
    OtherMode {
        /// The directory.
        path: PathBuf,
        /// What it is for.
        found: Mode,
        /// What was wanted.
        wanted: Mode,
    },
    /// There are files in it, and they are not ours.
    #[error("the directory {path} is not empty and was not made by keytrail", path = path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// It is not there.
    #[error("there is no data directory at {path}", path = path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Its mark makes no sense.
    #[error("the file {path} does not say what this directory is for", path = path.display())]
    Corrupt {
        /// The mark.
        path: PathBuf,
    },
    /// The system does not let us.
    #[error("cannot {what} {path}: {cause}", path = path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or("another process".into(), |pid| format!("process {pid}"))
}

impl DataDirError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => "stop that process, or set KEYTRAIL_DATA_DIR to another directory".into(),
            Self::OtherMode { found, .. } => {
                format!("use `keytrail {found}`, or set KEYTRAIL_DATA_DIR to another directory")
            }
            Self::NotOurs { .. } => {
                "set KEYTRAIL_DATA_DIR to a directory that is empty or does not exist".into()
            }
            Self::Missing { .. } => {
                "start `keytrail dev` or `keytrail serve` first, or set KEYTRAIL_DATA_DIR".into()
            }
            Self::Corrupt { .. } => {
                "write `serve` or `dev` into that file, or restore it from a backup".into()
            }
            Self::System { .. } => {
                "set KEYTRAIL_DATA_DIR to a directory that this user owns, for example one below that path"
                    .into()
            }
        }
    }
}

impl DataDir {
    /// Takes the directory, for as long as the answer lives. Blocks on the file system.
    ///
    /// # Errors
    /// [`DataDirError`]; nothing was changed in a directory that is not ours.
    pub fn open(path: &Path, wanted: Wanted) -> Result<Self, DataDirError> {
        match wanted {
            Wanted::For(_) => make(path)?,
            Wanted::Existing if is_data_dir(path) => {}
            Wanted::Existing => return Err(DataDirError::Missing { path: path.into() }),
        }
        check_contents(path)?;
        let lock = lock(path)?;
        let mode = match (read_mark(path)?, wanted) {
            (Some(found), Wanted::For(wanted)) if found != wanted => {
                return Err(DataDirError::OtherMode { path: path.into(), found, wanted });
            }
            (Some(found), _) => found,
            (None, Wanted::For(mode)) => write_mark(path, mode)?,
            (None, Wanted::Existing) => return Err(DataDirError::Missing { path: path.into() }),
        };
        close_to_others(path)?;
        Ok(Self { path: path.into(), mode, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The path of one file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Where the admin socket of a data directory is.
pub fn admin_socket(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

/// Whether there is a data directory of ours.
pub fn is_data_dir(path: &Path) -> bool {
    path.join(MARK).exists()
}

fn system<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DataDirError + 'a {
    move |cause| DataDirError::System { what, path: path.into(), cause }
}

fn make(path: &Path) -> Result<(), DataDirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(system("make the data directory", path))
}

/// Refuses a directory that holds somebody else's files.
fn check_contents(path: &Path) -> Result<(), DataDirError> {
    if is_data_dir(path) {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(system("read the data directory", path))? {
        let name = entry.map_err(system("read the data directory", path))?.file_name();
        let unfinished_mark = name.to_str().is_some_and(|name| name.starts_with(MARK));
        if !unfinished_mark && !HARMLESS.iter().any(|harmless| name == *harmless) {
            return Err(DataDirError::NotOurs { path: path.into() });
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(LOCK);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
    let mut file = options.open(&path).map_err(system("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::InUse { path: dir.into(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(cause)) => return Err(system("lock", &path)(cause)),
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.write_all(pid.as_bytes()))
        .map_err(system("write the lock file", &path))?;
    Ok(file)
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn read_mark(dir: &Path) -> Result<Option<Mode>, DataDirError> {
    let path = dir.join(MARK);
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim() {
            "dev" => Ok(Some(Mode::Dev)),
            "serve" => Ok(Some(Mode::Serve)),
            _ => Err(DataDirError::Corrupt { path }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(DataDirError::Corrupt { path }),
        Err(error) => Err(system("read", &path)(error)),
    }
}

/// Whole or not at all, also when the power goes.
fn write_mark(dir: &Path, mode: Mode) -> Result<Mode, DataDirError> {
    let (path, draft) = (dir.join(MARK), dir.join(format!("{MARK}.new")));
    let write = || {
        let mut file = File::create(&draft)?;
        writeln!(file, "{mode}")?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(system("write", &path))?;
    Ok(mode)
}

fn close_to_others(path: &Path) -> Result<(), DataDirError> {
    let what = "close to other users the data directory";
    let open_bits = fs::metadata(path).map_err(system(what, path))?.permissions().mode() & 0o077;
    if open_bits == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(system(what, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/data");
        (dir, path)
    }

    fn serve(path: &Path) -> Result<DataDir, DataDirError> {
        DataDir::open(path, Wanted::For(Mode::Serve))
    }

    #[test]
    fn a_new_directory_is_ours_alone_and_keeps_its_mark() {
        let (_dir, path) = place();
        drop(serve(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(DataDir::open(&path, Wanted::Existing).unwrap().mode(), Mode::Serve);
    }

    #[test]
    fn a_directory_that_others_could_read_is_closed_to_them() {
        let (_dir, path) = place();
        drop(serve(&path).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        drop(serve(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn dev_and_serve_refuse_each_others_directory() {
        let (_dir, path) = place();
        drop(DataDir::open(&path, Wanted::For(Mode::Dev)).unwrap());
        let error = serve(&path).unwrap_err();
        assert!(error.to_string().contains("made by `keytrail dev`"), "{error}");
        drop(DataDir::open(&path, Wanted::For(Mode::Dev)).unwrap());

        let (_dir, path) = place();
        drop(serve(&path).unwrap());
        let error = DataDir::open(&path, Wanted::For(Mode::Dev)).unwrap_err();
        assert!(error.to_string().contains("made by `keytrail serve`"), "{error}");
    }

    #[test]
    fn the_second_user_is_refused_and_told_who_holds_it() {
        let (_dir, path) = place();
        let first = serve(&path).unwrap();
        let error = serve(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        drop(first);
        serve(&path).unwrap();
    }

    #[test]
    fn somebody_elses_files_are_left_alone() {
        let (_dir, path) = place();
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("thesis.tex"), "x").unwrap();
        assert!(matches!(serve(&path), Err(DataDirError::NotOurs { .. })));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_fresh_file_system_and_an_interrupted_first_start_are_fine() {
        let (_dir, path) = place();
        fs::create_dir_all(path.join("lost+found")).unwrap();
        fs::write(path.join(LOCK), "99999\n").unwrap();
        fs::write(path.join(format!("{MARK}.new")), "").unwrap();
        serve(&path).unwrap();
    }

    #[test]
    fn what_must_exist_is_not_made() {
        let (_dir, path) = place();
        assert!(matches!(DataDir::open(&path, Wanted::Existing), Err(DataDirError::Missing { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_mark_without_meaning_is_named() {
        let (_dir, path) = place();
        drop(serve(&path).unwrap());
        fs::write(path.join(MARK), "").unwrap();
        assert!(serve(&path).unwrap_err().to_string().contains(MARK));
    }
}
