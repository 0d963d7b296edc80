//! The lines on the admin socket: one request, then any number of progress lines, then one end.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{
    AdminCode, AdminError, CreateTenant, CreatedTenant, MintToken, MintedToken, Progress, RebuiltViews,
    Status, SweepMode, Swept,
};

/// The protocol's version. Another one is refused: both ends come with one release.
pub const VERSION: u16 = 1;
/// No line is longer, in bytes.
pub(super) const LONGEST_LINE: u64 = 64 * 1024;
/// A request must be there so soon after the connection, and an answer must be taken so soon.
pub(super) const LINE_PATIENCE: Duration = Duration::from_secs(5);
/// A short request is answered, or given up, within this.
pub(super) const SHORT_PATIENCE: Duration = Duration::from_secs(30);
/// A long request says so often that it still runs.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "each is a method of Admin")]
pub enum AdminRequest {
    MintToken(MintToken),
    CreateTenant(CreateTenant),
    RebuildViews,
    Sweep { mode: SweepMode },
    Status,
}

impl AdminRequest {
    /// How long it may take; none: as long as it goes on.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Self::RebuildViews | Self::Sweep { .. } => None,
            Self::MintToken(_) | Self::CreateTenant(_) | Self::Status => Some(SHORT_PATIENCE),
        }
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is the answer of a method of Admin")]
pub enum AdminAnswer {
    Token(MintedToken),
    Tenant(CreatedTenant),
    Views(RebuiltViews),
    Swept(Swept),
    Status(Status),
}

/// One line from the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AdminReply {
    /// It still runs, and is so far.
    Progress(Progress),
    /// The end, well.
    Done(AdminAnswer),
    /// The end, not well.
    Failed(AdminError),
}

/// A line with the version in front.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned<T> {
    version: u16,
    message: T,
}

/// Only the version, of a line that we may not understand.
#[derive(Deserialize)]
struct AnyVersion {
    version: u16,
}

/// Writes one line; the other end must take it in time.
///
/// # Errors
/// [`AdminCode::Protocol`]: it did not, or is gone.
pub(super) async fn send<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    message: T,
) -> Result<(), AdminError> {
    let mut line = serde_json::to_vec(&Versioned { version: VERSION, message }).map_err(|_| garbled())?;
    line.push(b'\n');
    let written = timeout(LINE_PATIENCE, to.write_all(&line)).await;
    written.map_err(|_| silent())?.map_err(|_| gone())
}

/// Reads one line of at most [`LONGEST_LINE`] bytes.
///
/// # Errors
/// [`AdminCode::Protocol`]: too late, too long, another version, or no such message. The line is
/// not quoted: it may hold a token.
pub(super) async fn receive<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    patience: Duration,
) -> Result<T, AdminError> {
    let mut line = zeroize::Zeroizing::new(Vec::new());
    let mut limited = from.take(LONGEST_LINE);
    let read = timeout(patience, limited.read_until(b'\n', &mut line)).await;
    read.map_err(|_| silent())?.map_err(|_| gone())?;
    if line.last() != Some(&b'\n') {
        return Err(if line.len() as u64 == LONGEST_LINE { garbled() } else { gone() });
    }
    let AnyVersion { version } = serde_json::from_slice(&line).map_err(|_| garbled())?;
    if version != VERSION {
        return Err(AdminError::new(
            AdminCode::Protocol,
            format!("the other end speaks version {version} of the admin protocol, and this one {VERSION}"),
            "use the `keytrail` of the same release as the running server",
        ));
    }
    let Versioned { message, .. } = serde_json::from_slice(&line).map_err(|_| garbled())?;
    Ok(message)
}

const SAME_RELEASE: &str = "is it a `keytrail` of the same release? Its log may say more";

pub(super) fn garbled() -> AdminError {
    AdminError::new(AdminCode::Protocol, "the other end of the admin socket makes no sense", SAME_RELEASE)
}

fn silent() -> AdminError {
    AdminError::new(AdminCode::Protocol, "the other end of the admin socket is silent", SAME_RELEASE)
}

fn gone() -> AdminError {
    AdminError::new(
        AdminCode::Unavailable,
        "the other end of the admin socket is gone",
        "see whether the server still runs, and try again",
    )
}

/// A secret that crosses the socket because the one who asked is to see it, this once.
pub(super) mod shown_once {
    use keytrail_domain::SecretValue;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::admin) fn serialize<S: Serializer>(value: &SecretValue, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.expose())
    }

    pub(in crate::admin) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretValue, D::Error> {
        String::deserialize(from).map(SecretValue::new)
    }
}
