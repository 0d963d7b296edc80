//! Nothing secret in logs and errors, whatever goes wrong.

use std::error::Error;

use keytrail_ports::{SecretError, SecretStore};
use keytrail_test_support::{LogBuffer, OpenBao};
use keytrail_vault::{KeySource, NOISY_LOG_TARGETS, SealedConfig, SealedSecretStore};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::*;

const CANARY: &str = "canary-93ae-never-to-be-seen";

/// Everything is on and shown, the libraries' chatter and spans included.
fn everything() -> EnvFilter {
    EnvFilter::new("trace")
}

/// As the server sets logs up, but with all the rest turned on.
fn as_configured() -> EnvFilter {
    NOISY_LOG_TARGETS
        .iter()
        .fold(everything(), |filter, target| filter.add_directive(format!("{target}=off").parse().unwrap()))
}

fn listen(filter: EnvFilter) -> (LogBuffer, impl Drop) {
    let buffer = LogBuffer::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::FULL)
        .with_writer(buffer.clone())
        .finish();
    (buffer, tracing::subscriber::set_default(subscriber))
}

/// Puts and gets the canary in good and in bad weather; answers every error's whole text.
async fn use_and_abuse(store: &dyn SecretStore, at: SecretRef) -> String {
    let mut errors = Vec::new();
    store.put(at, &payload(CANARY)).await.unwrap();
    assert!(store.get(at).await.unwrap() == payload(CANARY));
    errors.extend(store.put(at, &payload(CANARY)).await.err());
    store.delete(at).await.unwrap();
    errors.extend(store.get(at).await.err());
    store.destroy(at).await.unwrap();
    errors.extend(store.get(at).await.err());
    assert_eq!(errors.len(), 3);
    texts(&errors)
}

fn texts(errors: &[SecretError]) -> String {
    let mut text = String::new();
    for error in errors {
        let mut next: Option<&dyn Error> = Some(error);
        while let Some(error) = next {
            text.push_str(&format!("{error} {error:?} {error:#?}\n"));
            next = error.source();
        }
    }
    text
}

/// The words that must not be seen. A text is also looked for as the libraries would print bytes.
fn assert_silent(text: &str, secrets: &[&str]) {
    for secret in secrets {
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(
            !text.contains(secret) && !text.contains(bytes.trim_matches(['[', ']'])),
            "a secret is in sight"
        );
    }
}

#[tokio::test]
async fn no_payload_and_no_token_is_in_any_log_or_error_of_the_vault_adapter() {
    let server = OpenBao::raft_with_policy().await;
    let access = server.fresh_access().await;
    let secret_id = std::fs::read_to_string(&access.secret_id_file).unwrap();
    let held = server.create_token(&[&access.mount], "1h").await;

    let (log, _listening) = listen(everything());
    let store = connect(config(&server, &access.mount, token(&held))).await;
    let by_role = connect(config(&server, &access.mount, approle(&access))).await;
    by_role.health().await.unwrap();
    let mut errors = use_and_abuse(&store, somewhere()).await;
    let at = somewhere();
    server.seal().await;
    errors += &texts(&[store.put(at, &payload(CANARY)).await.unwrap_err()]);
    server.stop();
    errors += &texts(&[store.put(at, &payload(CANARY)).await.unwrap_err()]);
    server.start().await;
    recovered(&store).await;
    server.revoke(&held).await;
    errors += &texts(&[store.put(at, &payload(CANARY)).await.unwrap_err()]);

    assert!(log.text().contains("vaultrs"), "the log was listened to");
    assert_silent(&(log.text() + &errors), &[CANARY, held.trim(), secret_id.trim()]);
}

#[tokio::test]
async fn with_the_noisy_targets_off_no_path_is_in_a_log_or_error() {
    let server = dev().await;
    let (log, _listening) = listen(as_configured());
    let store = store_of_root(server).await;
    let at = somewhere();
    let errors = use_and_abuse(&store, at).await;
    assert!(log.text().contains("logged in to the vault"), "the log was listened to");
    let secret = at.secret.as_uuid().to_string();
    assert_silent(&(log.text() + &errors), &[&at.path(), &secret, CANARY, server.root_token()]);
}

#[tokio::test]
async fn no_payload_and_no_key_is_in_any_log_or_error_of_the_sealed_store() {
    let folder = tempfile::TempDir::new().unwrap();
    let key = folder.path().join("secrets.key");
    let config = SealedConfig { path: folder.path().join("secrets.db"), key: KeySource::File(key.clone()) };
    let (log, _listening) = listen(everything());
    let store = SealedSecretStore::open(config).await.unwrap();
    let errors = use_and_abuse(&store, somewhere()).await;
    let key = std::fs::read_to_string(key).unwrap();
    assert_silent(&(log.text() + &errors), &[CANARY, key.trim()]);
}
