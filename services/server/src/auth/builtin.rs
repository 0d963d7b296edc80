//! The issuer for one machine: an Ed25519 key in the data directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keytrail_domain::{SecretValue, Timestamp, TokenId};
use serde_json::{Value, json};

use super::KeySet;

/// `iss` of our own tokens.
pub const BUILTIN_ISSUER: &str = "keytrail";
/// `aud` of our own tokens.
pub const BUILTIN_AUDIENCE: &str = "keytrail";
/// The key's name in the data directory.
const KEY_FILE: &str = "issuer.key";

/// Why the issuer cannot work.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key file cannot be read or written.
    #[error("cannot use the issuer's key file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the key file.
    #[error("the issuer's key file {path} must have mode 0600")]
    TooOpen {
        /// Which.
        path: PathBuf,
    },
    /// It holds no Ed25519 key.
    #[error(
        "the issuer's key file {path} is damaged: restore it, or remove it to make a new key, which ends all tokens"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// The crypto library failed.
    #[error("the issuer's key cannot be made or used")]
    Crypto,
}

/// What a minted token is to say.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// Its id.
    pub token: TokenId,
    /// The tenant's slug.
    pub tenant_slug: String,
    /// Whom it names.
    pub subject: String,
    /// Now.
    pub issued_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// Mints and proves tokens with a key of its own.
pub struct BuiltinIssuer {
    key: EncodingKey,
    key_id: String,
    jwks: Value,
    keys: Arc<KeySet>,
}

impl BuiltinIssuer {
    /// Reads the key in the data directory; at the first start, makes it. Blocks on the disk.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn open(data_dir: &Path) -> Result<Self, IssuerError> {
        let path = data_dir.join(KEY_FILE);
        match fs::read(&path) {
            Ok(pem) => Self::load(&path, &pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = create(&path)?;
                Self::load(&path, &pem)
            }
            Err(source) => Err(IssuerError::File { path, source }),
        }
    }

    fn load(path: &Path, pem: &[u8]) -> Result<Self, IssuerError> {
        let metadata =
            fs::metadata(path).map_err(|source| IssuerError::File { path: path.to_owned(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(IssuerError::TooOpen { path: path.to_owned() });
        }
        let damaged = || IssuerError::Damaged { path: path.to_owned() };
        let key = EncodingKey::from_ed_pem(pem).map_err(|_| damaged())?;
        let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| damaged())?;
        let (key_id, jwks) = published(pair.public_key().as_ref());
        let keys = Arc::new(KeySet::from_jwks(&jwks).ok_or(IssuerError::Crypto)?);
        Ok(Self { key, key_id, jwks, keys })
    }

    /// A signed token. It is shown once, to whoever asked for it.
    ///
    /// # Errors
    /// [`IssuerError::Crypto`].
    pub fn mint(&self, request: &MintRequest) -> Result<SecretValue, IssuerError> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let claims = json!({
            "iss": BUILTIN_ISSUER,
            "aud": BUILTIN_AUDIENCE,
            "sub": request.subject,
            "tenant": request.tenant_slug,
            "iat": request.issued_at.as_seconds(),
            "exp": request.expires_at.as_seconds(),
            "jti": request.token,
        });
        let token = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| IssuerError::Crypto)?;
        Ok(SecretValue::new(token))
    }

    /// The JWKS document for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }

    pub(super) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys)
    }
}

/// The key's id is its thumbprint (RFC 7638, RFC 8037).
fn published(public: &[u8]) -> (String, Value) {
    let x = general_purpose::URL_SAFE_NO_PAD.encode(public);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    let thumbprint = digest::digest(&digest::SHA256, canonical.as_bytes());
    let id = general_purpose::URL_SAFE_NO_PAD.encode(thumbprint);
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "alg": "EdDSA", "use": "sig" });
    (id, json!({ "keys": [key] }))
}

/// Writes a new key beside its place and links it there, so that the file is whole or absent and
/// of two processes one wins.
fn create(path: &Path) -> Result<Vec<u8>, IssuerError> {
    let failed = |source| IssuerError::File { path: path.to_owned(), source };
    let pem = new_pem()?;
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let placed = write_private(&draft, &pem).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).map_err(failed)?;
    match placed {
        Ok(()) => sync_directory(path).map(|()| pem).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn new_pem() -> Result<Vec<u8>, IssuerError> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| IssuerError::Crypto)?;
    let body = general_purpose::STANDARD.encode(document.as_ref());
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into_bytes())
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = BuiltinIssuer::open(folder.path()).unwrap();
        let second = BuiltinIssuer::open(folder.path()).unwrap();
        assert_eq!(first.jwks(), second.jwks());
        let mode = fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_damaged_or_open_key_file_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        BuiltinIssuer::open(folder.path()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(BuiltinIssuer::open(folder.path()), Err(IssuerError::TooOpen { .. })));
        fs::write(&path, "nonsense").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let damaged = BuiltinIssuer::open(folder.path()).err().unwrap();
        assert!(damaged.to_string().contains("issuer.key"), "{damaged}");
    }

    #[test]
    fn a_key_that_another_process_made_meanwhile_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let theirs = create(&path).unwrap();
        assert_eq!(create(&path).unwrap(), theirs);
    }

    #[test]
    fn the_published_document_holds_the_public_half_only() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = BuiltinIssuer::open(folder.path()).unwrap();
        let key = &issuer.jwks()["keys"][0];
        assert_eq!(key["crv"], "Ed25519");
        assert!(key.get("d").is_none());
    }
}
