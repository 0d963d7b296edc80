//! Response wrapping: the server keeps an answer and gives a single-use token for it, so that a payload goes
//! from the vault to its consumer and never through here.

use rustify::Endpoint;
use url::Url;
use vaultrs::{
    api::{EndpointResult, WrapInfo, kv2::requests::ReadSecretRequest},
    client::Client,
    error::ClientError,
    token,
};

use super::{ONLY_VERSION, client::KvClient, fault::Fault, link::Link};

/// Where tokens are exchanged. *Format* of Vault's API.
const UNWRAP: &str = "v1/sys/wrapping/unwrap";

/// Where a server's tokens are exchanged.
pub(super) fn url(address: &Url) -> String {
    format!("{address}{UNWRAP}")
}

/// Asks for a secret as a token that lives so many seconds.
pub(super) async fn wrap(link: &Link, mount: &str, path: &str, seconds: u32) -> Result<WrapInfo, Fault> {
    link.call(|session| async move { wrapped(&session.client, mount, path, seconds).await }).await
}

/// The library's own `wrap` asks for ten minutes, whatever is wanted.
async fn wrapped(client: &KvClient, mount: &str, path: &str, seconds: u32) -> Result<WrapInfo, ClientError> {
    let request = ReadSecretRequest::builder()
        .mount(mount)
        .path(path)
        .version(Some(ONLY_VERSION))
        .build()
        .map_err(|_| ClientError::ResponseEmptyError)?;
    let mut middle = client.middle().clone();
    middle.wrap = Some(format!("{seconds}s"));
    let answered = request.with_middleware(&middle).exec(client.http()).await;
    let answered = answered.map_err(of_status)?;
    let result = answered.wrap::<EndpointResult<_>>()?;
    result.wrap_info.ok_or(ClientError::ResponseWrapError)
}

/// As the library judges its other calls: an answer that is an error of the API's is one.
fn of_status(error: rustify::errors::ClientError) -> ClientError {
    match &error {
        rustify::errors::ClientError::ServerResponseError { code, content: Some(text) } => {
            match serde_json::from_str::<Refused>(text) {
                Ok(refused) => ClientError::APIError { code: *code, errors: refused.errors },
                Err(_) => ClientError::RestClientError { source: error },
            }
        }
        _ => ClientError::RestClientError { source: error },
    }
}

/// What the API says when it says no.
#[derive(serde::Deserialize)]
struct Refused {
    errors: Vec<String>,
}

/// Ends a token. One that was used or is past its time is not there any more.
pub(super) async fn revoke(link: &Link, accessor: &str) -> Result<(), Fault> {
    let revoke = |session: super::link::Borrowed| async move {
        token::revoke_accessor(&session.client, accessor).await
    };
    match link.call(revoke).await {
        Err(Fault::Refused | Fault::Missing) => Ok(()),
        outcome => outcome,
    }
}
