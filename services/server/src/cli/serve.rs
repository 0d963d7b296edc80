//! `keytrail serve`, and what `keytrail dev` shares with it.

use std::{io::Write, sync::Arc};

use tracing::info;

use super::{dev, failure::Failure};
use crate::{
    admin::AdminSocket,
    config::{Config, Mode},
    data_dir::{DataDir, Wanted},
    launch::{Launcher, Wired},
    lifecycle::{Lifecycle, Stage, Weight},
};

/// Serves until a signal, or until something vital fails.
pub(super) async fn run(
    config: Config,
    mode: Mode,
    launcher: &dyn Launcher,
    life: &Lifecycle,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    life.watch_signals().map_err(|error| Failure::system("cannot listen to signals", &error))?;
    let config = Arc::new(config);
    let dir = DataDir::open(&config.data_dir.path, Wanted::For(mode))?;
    let stopping = life.stopping(Stage::Intake);
    let app = tokio::select! {
        app = launcher.open(config.clone(), &dir, life) => app?,
        () = stopping.cancelled() => return Ok(()), // a start that is cut is repaired by the next one
    };
    let begun = begin(&*app, &dir, &config, mode, life, out).await;
    if begun.is_err() {
        life.stop();
    }
    let end = life.finished().await;
    app.close().await;
    info!("stopped");
    begun.and_then(|()| Ok(end?))
}

async fn begin(
    app: &dyn Wired,
    dir: &DataDir,
    config: &Config,
    mode: Mode,
    life: &Lifecycle,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let socket = AdminSocket::bind(dir)?;
    life.spawn(Stage::Intake, Weight::Vital, "admin socket", socket.serve(app.admin(), life.clone()));
    let address = app.listen(life).await?;
    life.set_ready();
    let base = config.local_url(address);
    writeln!(out, "listening on {base}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))?;
    if mode == Mode::Dev {
        dev::greet(&*app.admin(), &base, dir, out).await?;
    }
    Ok(())
}
