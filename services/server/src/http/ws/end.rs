//! How a socket ends.

use actix_ws::{CloseCode, CloseReason};

/// Why a socket ends, with the protocol's own codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// We close it.
    Close(u16, &'static str),
    /// The subscriber's id is in use (4409).
    Duplicate(String),
    /// The client closed it: say the same.
    Answer(Option<CloseReason>),
    /// There is nobody to say anything to.
    Gone,
    /// The client does not take what was sent.
    Stalled,
}

impl End {
    pub(super) const AWAY: Self = Self::Close(1001, "the server is stopping");
    pub(super) const TEXT_ONLY: Self = Self::Close(1003, "messages are text");
    pub(super) const TOO_LARGE: Self = Self::Close(1009, "the message is too large");
    pub(super) const LATER: Self = Self::Close(1013, "try again later");
    pub(super) const BAD_MESSAGE: Self = Self::Close(4400, "invalid message");
    pub(super) const NOT_READY: Self = Self::Close(4401, "Unauthorized");
    pub(super) const FORBIDDEN: Self = Self::Close(4403, "Forbidden");
    pub(super) const EXPIRED: Self = Self::Close(4403, "Forbidden: the token has expired");
    pub(super) const NO_INIT: Self = Self::Close(4408, "Connection initialisation timeout");
    pub(super) const SECOND_INIT: Self = Self::Close(4429, "Too many initialisation requests");

    /// The close frame's content; none when no frame is to be sent.
    pub(super) fn reason(self) -> Option<Option<CloseReason>> {
        let ours = |code: u16, text: String| Some(Some((CloseCode::from(code), text).into()));
        match self {
            Self::Close(code, text) => ours(code, text.to_owned()),
            Self::Duplicate(id) => ours(4409, format!("Subscriber for {id} already exists")),
            Self::Answer(reason) => Some(reason),
            Self::Gone | Self::Stalled => None,
        }
    }
}
