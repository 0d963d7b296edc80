//! How an admin command reaches the application: in the server that runs, or opened here.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::sleep;

use super::failure::Failure;
use crate::{
    admin::{Admin, ProgressReader, SocketAdmin},
    config::{Config, DEV_DATA_DIR, Mode, Source},
    data_dir::{DataDir, DataDirError, Wanted, is_data_dir},
    launch::{Launcher, Wired},
    lifecycle::Lifecycle,
};

/// How often progress is printed.
const PRINT_EVERY: Duration = Duration::from_secs(1);

/// What a command does when there is no data directory yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// Make one for `keytrail serve`.
    Make,
    /// Say so.
    Refuse,
}

/// The application, however it was reached.
pub(super) enum Reached {
    /// A server holds the directory.
    Server(Arc<dyn Admin>),
    /// Nobody did; now we do.
    Here(Here),
}

/// The application, opened for one command. The directory is released last.
pub(super) struct Here {
    admin: Arc<dyn Admin>,
    app: Box<dyn Wired>,
    life: Lifecycle,
    _dir: DataDir,
}

impl Reached {
    pub(super) fn admin(&self) -> &dyn Admin {
        match self {
            Self::Server(admin) => &**admin,
            Self::Here(here) => &*here.admin,
        }
    }

    /// Ends what was opened here; a server goes on.
    pub(super) async fn release(self) -> Result<(), Failure> {
        let Self::Here(here) = self else { return Ok(()) };
        here.life.stop();
        let end = here.life.finished().await;
        here.app.close().await;
        Ok(end?)
    }
}

/// Takes the data directory, or finds the server that has it.
pub(super) async fn reach(
    config: Config,
    absent: Absent,
    launcher: &dyn Launcher,
) -> Result<Reached, Failure> {
    let path = data_dir(&config);
    let wanted = match absent {
        Absent::Make if !is_data_dir(&path) => Wanted::For(Mode::Serve),
        _ => Wanted::Existing,
    };
    let dir = match DataDir::open(&path, wanted) {
        Ok(dir) => dir,
        Err(DataDirError::InUse { path, .. }) => {
            return Ok(Reached::Server(Arc::new(SocketAdmin::of(&path))));
        }
        Err(error) => return Err(error.into()),
    };
    let life = Lifecycle::new();
    let app = launcher.open(Arc::new(config), &dir, &life).await?;
    Ok(Reached::Here(Here { admin: app.admin(), app, life, _dir: dir }))
}

/// The directory that is configured; when nobody configured one and only that of `keytrail dev` is
/// there, that one.
fn data_dir(config: &Config) -> PathBuf {
    let chosen = &config.data_dir;
    let dev = Path::new(DEV_DATA_DIR);
    if chosen.source == Source::Default && !is_data_dir(&chosen.path) && is_data_dir(dev) {
        return dev.into();
    }
    chosen.path.clone()
}

/// Prints how far it is to standard error, until dropped.
pub(super) async fn print_progress(what: &str, mut reader: ProgressReader) -> std::convert::Infallible {
    loop {
        sleep(PRINT_EVERY).await;
        let Some(news) = reader.news() else { continue };
        let of = news.total.map_or(String::new(), |total| format!(" of {total}"));
        // Progress that nobody can see is not worth failing for.
        let _unprinted = writeln!(io::stderr(), "{what}: {}{of}", news.done);
    }
}
