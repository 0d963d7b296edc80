//! The admin commands' end of the socket.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{io::BufReader, net::UnixStream, time::timeout};

use super::{
    Admin, AdminAnswer, AdminCode, AdminError, AdminReply, AdminRequest, CreateTenant, CreatedTenant,
    MintToken, MintedToken, ProgressSender, RebuiltViews, Status, SweepMode, Swept, progress,
    protocol::{HEARTBEAT, LINE_PATIENCE, SHORT_PATIENCE, garbled, receive, send},
};
use crate::data_dir::admin_socket;

/// Room for a slow machine.
const SLACK: Duration = Duration::from_secs(5);

/// The application in the server that holds a data directory. Each request is a connection.
#[derive(Clone, Debug)]
pub struct SocketAdmin {
    socket: PathBuf,
}

impl SocketAdmin {
    /// Talks to the server that holds this data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self { socket: admin_socket(data_dir) }
    }

    async fn ask(&self, request: AdminRequest, progress: &ProgressSender) -> Result<AdminAnswer, AdminError> {
        let connected = timeout(LINE_PATIENCE, UnixStream::connect(&self.socket)).await;
        let stream = connected.map_err(|_| self.unreachable())?.map_err(|_| self.unreachable())?;
        let between_lines = request.patience().map_or(HEARTBEAT * 3, |_| SHORT_PATIENCE + SLACK);
        let (from, mut to) = stream.into_split();
        send(&mut to, request).await?;
        let mut from = BufReader::new(from);
        loop {
            match receive(&mut from, between_lines).await? {
                AdminReply::Progress(news) => progress.report(news),
                AdminReply::Done(answer) => return Ok(answer),
                AdminReply::Failed(error) => return Err(error),
            }
        }
    }

    async fn ask_briefly(&self, request: AdminRequest) -> Result<AdminAnswer, AdminError> {
        self.ask(request, &progress().0).await
    }

    fn unreachable(&self) -> AdminError {
        AdminError::new(
            AdminCode::Unavailable,
            format!("nobody answers at the admin socket {}", self.socket.display()),
            "the process that holds the data directory may still be starting or stopping: try again",
        )
    }
}

#[async_trait]
impl Admin for SocketAdmin {
    async fn create_tenant(&self, wish: CreateTenant) -> Result<CreatedTenant, AdminError> {
        match self.ask_briefly(AdminRequest::CreateTenant(wish)).await? {
            AdminAnswer::Tenant(created) => Ok(created),
            _ => Err(garbled()),
        }
    }

    async fn mint_token(&self, wish: MintToken) -> Result<MintedToken, AdminError> {
        match self.ask_briefly(AdminRequest::MintToken(wish)).await? {
            AdminAnswer::Token(minted) => Ok(minted),
            _ => Err(garbled()),
        }
    }

    async fn rebuild_views(&self, progress: &ProgressSender) -> Result<RebuiltViews, AdminError> {
        match self.ask(AdminRequest::RebuildViews, progress).await? {
            AdminAnswer::Views(rebuilt) => Ok(rebuilt),
            _ => Err(garbled()),
        }
    }

    async fn sweep(&self, mode: SweepMode, progress: &ProgressSender) -> Result<Swept, AdminError> {
        match self.ask(AdminRequest::Sweep { mode }, progress).await? {
            AdminAnswer::Swept(swept) => Ok(swept),
            _ => Err(garbled()),
        }
    }

    async fn status(&self) -> Result<Status, AdminError> {
        match self.ask_briefly(AdminRequest::Status).await? {
            AdminAnswer::Status(status) => Ok(status),
            _ => Err(garbled()),
        }
    }
}
