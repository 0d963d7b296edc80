//! Whose log it is: the vault knows which one it belongs to, and how far that had come.

use keytrail_domain::SecretValue;
use keytrail_kurrent::KurrentEventStore;
use keytrail_ports::{EventStore, SecretStore};
use keytrail_vault::SweepError;

use super::{KURRENT_HINT, kurrent_settings, log_at, log_here, secrets::open_secrets, views};
use crate::{
    config::{Config, EventLog},
    data_dir::DataDir,
    launch::StartError,
    wire::failed,
};

/// Asked before anything is written there. A vault that does not answer is asked later, [`vault_belongs`]; only a new
/// log is not begun without it: the vault may belong to one.
pub(super) async fn refuse_server_of_another(
    secrets: &dyn SecretStore,
    address: &SecretValue,
) -> Result<(), StartError> {
    let mark = secrets.deployment().await;
    if let Ok(None) = mark {
        return Ok(());
    }
    let there = KurrentEventStore::peek(kurrent_settings(address)?).await;
    match (mark, there.map_err(|error| failed(&error, KURRENT_HINT))?) {
        (Ok(Some(mark)), Some(log)) if log != mark.log_id => {
            Err(not_ours(&SweepError::AnotherLog { vault: mark.log_id, log }, mark.log_id))
        }
        (Ok(Some(mark)), None) => Err(StartError::new(
            format!("the vault belongs to event log {}, and the server has none", mark.log_id),
            claim_hint(mark.log_id),
        )),
        (Err(error), None) => Err(failed(
            &error,
            "the server in KEYTRAIL_EVENT_LOG has no event log yet, and whether this vault belongs to another one is \
             not known until it answers: check KEYTRAIL_EVENT_LOG, and start again when the vault answers",
        )),
        (Ok(_) | Err(_), _) => Ok(()),
    }
}

/// What the vault says of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultSays {
    Ours,
    /// It does not answer.
    Nothing,
}

/// A vault of another log, or of a newer copy of it: what was in that one would seem to be lost, and what is written
/// from here on would be apart from it. One that does not answer is no reason not to start: it is asked until it does.
pub(super) async fn vault_belongs(
    secrets: &dyn SecretStore,
    log: &dyn EventStore,
) -> Result<VaultSays, StartError> {
    let Err(error) = keytrail_vault::belongs(secrets, log).await else { return Ok(VaultSays::Ours) };
    match (&error, secrets.deployment().await) {
        (SweepError::Store(_) | SweepError::Log(_), _) | (_, Err(_) | Ok(None)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "whether the vault belongs to this log is not known: asking until it is");
            Ok(VaultSays::Nothing)
        }
        (_, Ok(Some(mark))) => Err(not_ours(&error, mark.log_id)),
    }
}

fn not_ours(error: &SweepError, vault: uuid::Uuid) -> StartError {
    failed(error, &claim_hint(vault))
}

fn claim_hint(vault: uuid::Uuid) -> String {
    format!(
        "check KEYTRAIL_EVENT_LOG, KEYTRAIL_VAULT and KEYTRAIL_DATA_DIR, or put back the log; when that is gone for \
         good, or you went back on purpose, run `keytrail vault claim --instead-of {vault}` on one node, and delete views.db on the others"
    )
}

/// Lets the vault belong to the log that is configured, instead of the one that is named; answers the log's id. Views
/// of the log that is given up are gone with it.
pub(in crate::wire) async fn claim_vault(
    config: &Config,
    dir: &DataDir,
    instead_of: uuid::Uuid,
) -> Result<uuid::Uuid, StartError> {
    let secrets = open_secrets(config, dir).await?;
    let hint = "nothing was changed: put that right and run the command again";
    let mark = secrets.deployment().await.map_err(|error| failed(&error, hint))?;
    if mark.is_none_or(|mark| mark.log_id != instead_of) {
        let belongs = mark.map_or("no event log yet".to_owned(), |mark| format!("event log {}", mark.log_id));
        return Err(StartError::new(
            format!("the vault belongs to {belongs}, and not to {instead_of}"),
            "is it the right vault? `keytrail serve` says to which log it belongs",
        ));
    }
    let (log, _) = match &config.event_log {
        EventLog::Embedded => log_here(dir).await?,
        EventLog::Kurrent(address) => log_at(address).await?,
    };
    keytrail_vault::claim(&*secrets, &*log).await.map_err(|error| failed(&error, hint))?;
    views::discard(dir).map_err(|error| failed(&error, "delete views.db yourself"))?;
    log.log_id().await.map_err(|error| failed(&error, hint))
}
