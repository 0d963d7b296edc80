//! Packets of the connection phase.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::{not_understood, scramble};
use crate::{driver::place::broken, guard::Transport, recipe::Judgement};

const LONG_PASSWORD: u32 = 1;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const OURS: u32 = LONG_PASSWORD | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH;

/// Largest packet that is read.
const LARGEST: usize = 16 * 1024;
/// `utf8mb4_general_ci`.
const CHARSET: u8 = 45;
/// Bytes of the nonce that count.
const NONCE: usize = 20;

/// A connection with its packets numbered.
pub(super) struct Talk<S> {
    stream: S,
    /// The number of the next packet.
    pub(super) sequence: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(super) const fn begin(stream: S) -> Self {
        Self { stream, sequence: 0 }
    }

    pub(super) const fn go_on(stream: S, sequence: u8) -> Self {
        Self { stream, sequence }
    }

    pub(super) const fn begin_command(&mut self) {
        self.sequence = 0;
    }

    /// Exactly one packet: nothing that stands behind it is read.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, Judgement> {
        let head = self.stream.read_u32_le().await.map_err(broken)?;
        let [low, middle, high, number] = head.to_le_bytes();
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        if length == 0 || length > LARGEST {
            return Err(not_understood());
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.map_err(broken)?;
        self.sequence = number.wrapping_add(1);
        Ok(body)
    }

    pub(super) async fn send(&mut self, body: &[u8]) -> Result<(), Judgement> {
        let length = u32::try_from(body.len()).map_err(|_| not_understood())?;
        let head = length | u32::from(self.sequence) << 24;
        let packet = Zeroizing::new([&head.to_le_bytes(), body].concat());
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.write_all(&packet).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }
}

/// The server's first packet.
pub(super) struct Greeting {
    capabilities: u32,
    pub(super) nonce: Vec<u8>,
    pub(super) plugin: String,
}

impl Greeting {
    pub(super) fn parse(packet: &[u8]) -> Option<Self> {
        let rest = packet.strip_prefix(&[10])?;
        let (_version, rest) = text(rest)?;
        let (_thread, rest) = rest.split_at_checked(4)?;
        let (nonce, rest) = rest.split_at_checked(8)?;
        let (_filler, rest) = rest.split_at_checked(1)?;
        let (low, rest) = number(rest)?;
        let (_charset_and_status, rest) = rest.split_at_checked(3)?;
        let (high, rest) = number(rest)?;
        let (_length_and_reserved, rest) = rest.split_at_checked(11)?;
        let (more, rest) = rest.split_at_checked(NONCE - nonce.len())?;
        let (_end, rest) = rest.split_at_checked(1)?;
        let plugin = text(rest).map_or(rest, |(name, _)| name);
        Some(Self {
            capabilities: u32::from(low) | u32::from(high) << 16,
            nonce: [nonce, more].concat(),
            plugin: String::from_utf8_lossy(plugin).into_owned(),
        })
    }

    pub(super) const fn offers_tls(&self) -> bool {
        self.capabilities & SSL != 0
    }
}

/// What the server says while somebody logs in.
pub(super) enum Reply<'a> {
    Ok,
    /// Its number.
    Error(u16),
    /// Another method, with a new nonce.
    Switch {
        to: &'a str,
        nonce: &'a [u8],
    },
    /// The first byte of what a method says for itself.
    More(u8),
    Other,
}

impl<'a> Reply<'a> {
    pub(super) fn of(packet: &'a [u8]) -> Self {
        match packet {
            [0, ..] => Self::Ok,
            [0xff, low, high, ..] => Self::Error(u16::from_le_bytes([*low, *high])),
            [1, first, ..] => Self::More(*first),
            [0xfe, rest @ ..] => switch(rest).unwrap_or(Self::Other),
            _ => Self::Other,
        }
    }
}

fn switch(rest: &[u8]) -> Option<Reply<'_>> {
    let (name, nonce) = text(rest)?;
    Some(Reply::Switch { to: str::from_utf8(name).ok()?, nonce: nonce.get(..NONCE).unwrap_or(nonce) })
}

/// What a login is made of.
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) proof: &'a [u8],
    pub(super) database: Option<&'a str>,
    pub(super) plugin: &'a str,
    pub(super) transport: Transport,
}

/// A request for TLS: the head of the login that will follow. Servers read the flags here and not again.
pub(super) fn tls_request(database: Option<&str>) -> Vec<u8> {
    head(flags(database, Transport::Encrypted))
}

/// A login.
pub(super) fn login(login: &Login<'_>) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(head(flags(login.database, login.transport)));
    body.extend_from_slice(login.user.as_bytes());
    body.push(0);
    // All methods answer with 32 bytes at most.
    body.push(u8::try_from(login.proof.len()).unwrap_or(0));
    body.extend_from_slice(login.proof);
    if let Some(database) = login.database {
        body.extend_from_slice(database.as_bytes());
        body.push(0);
    }
    let plugin = if scramble::knows(login.plugin) { login.plugin } else { scramble::NATIVE };
    body.extend_from_slice(plugin.as_bytes());
    body.push(0);
    body
}

const fn flags(database: Option<&str>, transport: Transport) -> u32 {
    let with_database = if database.is_some() { CONNECT_WITH_DB } else { 0 };
    match transport {
        Transport::Encrypted => OURS | with_database | SSL,
        Transport::Plain => OURS | with_database,
    }
}

fn head(capabilities: u32) -> Vec<u8> {
    let largest: u32 = 1 << 24;
    [&capabilities.to_le_bytes()[..], &largest.to_le_bytes(), &[CHARSET], &[0; 23]].concat()
}

/// What stands before the next zero byte, and what behind it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (two, rest) = bytes.split_first_chunk()?;
    Some((u16::from_le_bytes(*two), rest))
}
