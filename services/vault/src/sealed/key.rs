//! The key-encryption key: where it comes from, and whether it is the right one.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{aead::RandomizedNonceKey, hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use keytrail_domain::SecretValue;
use keytrail_ports::{Clock, SystemClock};
use rusqlite::{Connection, TransactionBehavior};
use zeroize::Zeroizing;

use super::{OpenError, SealedConfig, envelope::ALGORITHM, file};

/// Length of every key here, AES-256.
pub(super) const KEY_LEN: usize = 32;
/// 32 bytes in base64 are 44 characters; a larger file is none, and is not read to its end.
const KEY_TEXT_LIMIT: u64 = 128;
/// What a key's id is derived from. *Format*.
const KEY_ID_LABEL: &[u8] = b"keytrail secrets.db key id v1";

/// Where the key-encryption key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file with 32 bytes in base64, mode 0600; made at the first start.
    File(PathBuf),
    /// The text itself: 32 bytes in base64.
    Value(SecretValue),
}

/// Which key wrapped a row: derived from the key, so that a wrong one is known at once. *Format*.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyId(pub(super) [u8; 16]);

/// A key-encryption key, ready for use.
pub(super) struct Kek {
    pub(super) id: KeyId,
    pub(super) key: RandomizedNonceKey,
}

impl Kek {
    pub(super) fn new(bytes: &[u8; KEY_LEN]) -> Result<Self, OpenError> {
        let key = RandomizedNonceKey::new(ALGORITHM, bytes).map_err(|_| OpenError::NoRandomness)?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), KEY_ID_LABEL);
        let mut id = [0; 16];
        id.copy_from_slice(&tag.as_ref()[..16]);
        Ok(Self { id: KeyId(id), key })
    }
}

/// Gets the key and makes sure that it is the one of this database.
pub(super) fn unlock(connection: &mut Connection, config: &SealedConfig) -> Result<Kek, OpenError> {
    let fault = |source| file::database_error(&config.path, source);
    // The write lock is held over making the key, so that of two first starts one waits.
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let known: Option<[u8; 16]> =
        work.query_row("SELECT max(id) FROM keys", [], |row| row.get(0)).map_err(fault)?;
    let kek = Kek::new(&*read_source(config, known.is_some())?)?;
    match known {
        Some(id) if KeyId(id) == kek.id => {}
        Some(_) => return Err(wrong_key(config)),
        None => {
            let added = SystemClock.now().as_micros();
            work.execute("INSERT INTO keys (id, added) VALUES (?1, ?2)", (kek.id.0, added)).map_err(fault)?;
        }
    }
    work.commit().map_err(fault)?;
    Ok(kek)
}

fn wrong_key(config: &SealedConfig) -> OpenError {
    let key = match &config.key {
        KeySource::File(path) => path.display().to_string(),
        KeySource::Value(_) => "the configured key".to_owned(),
    };
    OpenError::WrongKey { key, database: config.path.clone() }
}

fn read_source(config: &SealedConfig, in_use: bool) -> Result<Zeroizing<[u8; KEY_LEN]>, OpenError> {
    let path = match &config.key {
        KeySource::Value(text) => return decode(text.expose()).ok_or(OpenError::NotAKeyValue),
        KeySource::File(path) => path,
    };
    match open_private(path)? {
        Some(file) => read_file(path, file),
        // A new key could open nothing that is there.
        None if in_use => Err(OpenError::KeyMissing { key: path.clone(), database: config.path.clone() }),
        None => create_file(path),
    }
}

fn open_private(path: &Path) -> Result<Option<File>, OpenError> {
    let fault = |source| OpenError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault)?,
    };
    let mode = file.metadata().map_err(fault)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(OpenError::KeyTooOpen { key: path.to_owned() });
    }
    Ok(Some(file))
}

fn read_file(path: &Path, file: File) -> Result<Zeroizing<[u8; KEY_LEN]>, OpenError> {
    let not_a_key = || OpenError::NotAKey { key: path.to_owned() };
    // Room for all that is read, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * KEY_TEXT_LIMIT as usize));
    file.take(KEY_TEXT_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    std::str::from_utf8(&bytes).ok().and_then(decode).ok_or_else(not_a_key)
}

fn create_file(path: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, OpenError> {
    let fault = |source| OpenError::File { path: path.to_owned(), source };
    let mut key = Zeroizing::new([0; KEY_LEN]);
    rand::fill(&mut *key).map_err(|_| OpenError::NoRandomness)?;
    let mut text = Zeroizing::new(STANDARD.encode(*key));
    text.push('\n');
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    file::sync_folder(path).map_err(fault)?;
    Ok(key)
}

fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    <[u8; KEY_LEN]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}
