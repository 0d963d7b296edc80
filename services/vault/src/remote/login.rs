//! Getting a token and knowing how long it lives.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    time::Duration,
};

use keytrail_domain::SecretValue;
use vaultrs::{api::AuthInfo, auth, token};
use zeroize::Zeroizing;

use super::{
    client::{Clients, KvClient},
    config::{Login, parse_token},
    fault::Fault,
};

/// A token that the vault accepts.
pub(super) struct LoggedIn {
    pub(super) client: KvClient,
    pub(super) lease: Lease,
}

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// None: for ever.
    pub(super) left: Option<Duration>,
    pub(super) renewable: bool,
}

impl Lease {
    fn of(seconds: u64, renewable: bool) -> Self {
        Self { left: (seconds > 0).then(|| Duration::from_secs(seconds)), renewable }
    }
}

impl Login {
    /// The vault counts rejections, and locks.
    pub(super) fn can_be_locked(&self) -> bool {
        matches!(self, Self::AppRole { .. })
    }

    /// Another one when the file that it comes from holds something else; none when it cannot be read.
    pub(super) async fn version(&self) -> Option<u64> {
        let file = match self {
            Self::Token(_) => return None,
            Self::TokenFile(file) | Self::AppRole { secret_id_file: file, .. } => file,
            Self::Kubernetes { token_file, .. } => token_file,
        };
        let held = tokio::fs::read(file).await.map(Zeroizing::new).ok()?;
        let mut hasher = DefaultHasher::new();
        held.hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Gets a token.
    pub(super) async fn perform(&self, clients: &Clients) -> Result<LoggedIn, Fault> {
        match self {
            Self::Token(token) => known_token(clients, token).await,
            Self::TokenFile(path) => known_token(clients, &read_line(path).await?).await,
            Self::AppRole { mount, role_id, secret_id_file } => {
                let secret_id = read_line(secret_id_file).await?;
                let answer =
                    auth::approle::login(&clients.anonymous(), mount, role_id, secret_id.expose()).await;
                granted(clients, answer)
            }
            Self::Kubernetes { mount, role, token_file } => {
                let proof = read_line(token_file).await?;
                let answer = auth::kubernetes::login(&clients.anonymous(), mount, role, proof.expose()).await;
                granted(clients, answer)
            }
        }
    }
}

/// Is the token behind this client good? Only the vault knows.
pub(super) async fn look_up(client: &KvClient) -> Result<Lease, Fault> {
    let found = token::lookup_self(client).await?;
    Ok(Lease::of(found.ttl, found.renewable.unwrap_or(false)))
}

/// Asks for more time.
pub(super) async fn renew(client: &KvClient) -> Result<Lease, Fault> {
    let granted = token::renew_self(client, None).await?;
    Ok(Lease::of(granted.lease_duration, granted.renewable))
}

async fn known_token(clients: &Clients, token: &SecretValue) -> Result<LoggedIn, Fault> {
    let client = clients.with_token(token);
    let lease = look_up(&client).await.map_err(as_login)?;
    Ok(LoggedIn { client, lease })
}

fn granted(
    clients: &Clients,
    answer: Result<AuthInfo, vaultrs::error::ClientError>,
) -> Result<LoggedIn, Fault> {
    let info = answer.map_err(|error| as_login(error.into()))?;
    let token = SecretValue::new(info.client_token);
    let lease = Lease::of(info.lease_duration, info.renewable);
    Ok(LoggedIn { client: clients.with_token(&token), lease })
}

/// A bad secret id is a 400, a bad token or role a 403: both mean that we are not let in.
fn as_login(fault: Fault) -> Fault {
    match fault {
        Fault::Refused | Fault::Forbidden => Fault::Login,
        other => other,
    }
}

async fn read_line(path: &Path) -> Result<SecretValue, Fault> {
    let text = tokio::fs::read_to_string(path).await.map(Zeroizing::new).map_err(|fault| {
        tracing::warn!(path = %path.display(), kind = ?fault.kind(), "cannot read the vault login file");
        Fault::LoginFile
    })?;
    parse_token(&text).ok_or(Fault::LoginFile)
}
