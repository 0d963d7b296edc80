//! The running server's end of the admin socket.

use std::{fs, io, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    io::BufReader,
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::Semaphore,
    time::{Instant, interval, sleep, timeout},
};
use tracing::{info, warn};

use super::{
    Admin, AdminAnswer, AdminCode, AdminError, AdminReply, AdminRequest, ProgressSender, progress,
    protocol::{HEARTBEAT, LINE_PATIENCE, receive, send},
};
use crate::{
    data_dir::{DataDir, admin_socket},
    lifecycle::{Lifecycle, Stage, Weight},
};

/// So many conversations run at once; more are turned away.
const CONVERSATIONS: usize = 8;
/// How often progress is passed on.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How long to wait after the system could not hand over a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the admin socket {path}: {cause}", path = path.display())]
pub struct SocketError {
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// A bound admin socket; removed when dropped.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // One that stays is taken away by the next server.
        let _unremoved = fs::remove_file(&self.path);
    }
}

impl AdminSocket {
    /// Binds the socket of a data directory that this process holds, mode 0600.
    ///
    /// # Errors
    /// The system refuses, for example because the path has more than about 100 bytes.
    pub fn bind(dir: &DataDir) -> Result<Self, SocketError> {
        let path = admin_socket(dir.path());
        let bind = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {} // one of a server that was killed: we hold the lock, so nobody uses it
            }
            let listener = UnixListener::bind(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        match bind() {
            Ok(listener) => Ok(Self { listener, path }),
            Err(cause) => Err(SocketError { path, cause }),
        }
    }

    /// Answers until the intake stops.
    pub async fn serve(self, admin: Arc<dyn Admin>, life: Lifecycle) {
        let stopping = life.stopping(Stage::Intake);
        let seats = Arc::new(Semaphore::new(CONVERSATIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => welcome(stream, &seats, &admin, &life),
                Err(error) => {
                    warn!(%error, "cannot accept on the admin socket");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Gives a seat to a connection of our own user; any other is closed without a word.
fn welcome(stream: UnixStream, seats: &Arc<Semaphore>, admin: &Arc<dyn Admin>, life: &Lifecycle) {
    let Ok(seat) = seats.clone().try_acquire_owned() else {
        return warn!("too many admin commands at once; one was turned away");
    };
    if !is_ours(&stream) {
        return warn!("another user tried the admin socket; turned away");
    }
    let (admin, of_life) = (admin.clone(), life.clone());
    life.spawn(Stage::Intake, Weight::Light, "admin command", async move {
        if let Err(error) = converse(stream, &*admin, &of_life).await {
            info!(code = ?error.code, %error, "an admin command broke off");
        }
        drop(seat);
    });
}

fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

async fn converse(stream: UnixStream, admin: &dyn Admin, life: &Lifecycle) -> Result<(), AdminError> {
    let (from, mut to) = stream.into_split();
    let request = match receive::<AdminRequest>(&mut BufReader::new(from), LINE_PATIENCE).await {
        Ok(request) => request,
        Err(error) => return send(&mut to, AdminReply::Failed(error)).await,
    };
    let end = match request.patience() {
        Some(patience) => {
            let (nobody_asks, _) = progress();
            let work = perform(admin, request, &nobody_asks);
            timeout(patience, work).await.unwrap_or_else(|_| Err(late()))
        }
        None => perform_aloud(admin, request, &mut to, life).await,
    };
    send(&mut to, end.map_or_else(AdminReply::Failed, AdminReply::Done)).await
}

/// Passes progress on, and says from time to time that there is none. Whoever asked may go away:
/// the work goes on.
async fn perform_aloud(
    admin: &dyn Admin,
    request: AdminRequest,
    to: &mut OwnedWriteHalf,
    life: &Lifecycle,
) -> Result<AdminAnswer, AdminError> {
    let (sender, mut reader) = progress();
    let mut work = perform(admin, request, &sender).boxed();
    let stopping = life.stopping(Stage::Intake);
    let mut tick = interval(PROGRESS_EVERY);
    let (mut told, mut listening) = (Instant::now(), true);
    loop {
        tokio::select! {
            end = &mut work => return end,
            () = stopping.cancelled() => return Err(interrupted()),
            _ = tick.tick(), if listening => {
                let quiet = told.elapsed() >= HEARTBEAT;
                if let Some(news) = reader.news().or_else(|| quiet.then(|| reader.latest())) {
                    told = Instant::now();
                    listening = send(to, AdminReply::Progress(news)).await.is_ok();
                }
            }
        }
    }
}

async fn perform(
    admin: &dyn Admin,
    request: AdminRequest,
    progress: &ProgressSender,
) -> Result<AdminAnswer, AdminError> {
    match request {
        AdminRequest::MintToken(wish) => admin.mint_token(wish).await.map(AdminAnswer::Token),
        AdminRequest::CreateTenant(wish) => admin.create_tenant(wish).await.map(AdminAnswer::Tenant),
        AdminRequest::RebuildViews => admin.rebuild_views(progress).await.map(AdminAnswer::Views),
        AdminRequest::Sweep { mode } => admin.sweep(mode, progress).await.map(AdminAnswer::Swept),
        AdminRequest::Status => admin.status().await.map(AdminAnswer::Status),
    }
}

fn late() -> AdminError {
    AdminError::new(
        AdminCode::Unavailable,
        "the server did not finish in time; whether it was done is not known",
        "look at the server's log, and try again",
    )
}

fn interrupted() -> AdminError {
    AdminError::new(
        AdminCode::Unavailable,
        "the server stopped before this was finished",
        "give the command again; it begins anew",
    )
}
