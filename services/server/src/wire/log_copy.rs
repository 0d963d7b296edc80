//! The embedded log, copied to an event store.

use keytrail_app::{Copied, CopyStage, LogCopy, journal_topics};
use keytrail_domain::SecretValue;
use keytrail_kurrent::{KurrentEventStore, KurrentJournal, OpenError, Settings};
use keytrail_ports::{DeploymentMark, EventStore, SecretStore};
use uuid::Uuid;

use super::{failed, moved::Moved, stores};
use crate::{
    config::Config,
    data_dir::DataDir,
    launch::{CopiedLog, CopyProgress, StartError},
};

/// What to do when a copy ended early.
const HINT: &str = "nothing is lost: put it right and run the command again, it goes on from there";

/// The same when it was done before.
const DONE: &str =
    "an earlier run copied all of it there: start `keytrail serve` with KEYTRAIL_EVENT_LOG set to it";

pub(super) async fn run(
    config: &Config,
    dir: &DataDir,
    to: &SecretValue,
    told: &(dyn Fn(CopyProgress) + Sync),
) -> Result<CopiedLog, StartError> {
    let (log, journal) = stores::embedded(dir).await?;
    let parse = || Settings::parse(to.expose()).map_err(|error| wrong_address(&error));
    let place = parse()?.to_string();
    let hint = match Moved::read(dir)? {
        None => HINT,
        // Of one that does not answer nothing can be said but its name.
        Some(moved) if moved.is_at(&place, KurrentEventStore::peek(parse()?).await.ok().flatten()) => DONE,
        Some(moved) => return Err(moved.refuse_another_copy()),
    };
    let target = opened(KurrentEventStore::open(parse()?).await)?;
    let kept = journal_topics().map(|(topic, age)| (topic.to_owned(), age));
    let target_journal =
        KurrentJournal::new(parse()?, &target, kept).map_err(|error| failed(&error, HINT))?;
    let secrets = stores::open_secrets(config, dir).await?;
    let home = match keytrail_vault::belongs(&*secrets, &log).await {
        // An earlier run came to its end but for the last step.
        Err(_) if keytrail_vault::belongs(&*secrets, &target).await.is_ok() => Ok(()),
        home => home,
    };
    home.map_err(|error| failed(&error, "put back the log that belongs to this vault, or its newer copy"))?;
    let copy = LogCopy { from: &log, from_journal: &journal, to: &target, to_journal: &target_journal };
    let tell = |stage, done, total| {
        let what = match stage {
            CopyStage::Looking => "events looked at",
            CopyStage::Copying => "events copied",
            CopyStage::Verifying => "events verified",
            CopyStage::Journal => "subjects of the journal",
        };
        told(CopyProgress { what, done, total });
    };
    let copied = copy.run(&tell).await.map_err(|error| failed(&error, hint))?;
    let log_id = target.log_id().await.map_err(|error| failed(&error, HINT))?;
    anchor(&*secrets, log_id, &copied).await?;
    Moved::write(dir, &place, log_id).map_err(|error| failed(&error, HINT))?;
    copy.finish().await.map_err(|error| failed(&error, HINT))?;
    let Copied { events, there_before, entries, .. } = copied;
    Ok(CopiedLog { events, there_before, entries, place })
}

/// From now on the vault belongs to the new log: the sweep would refuse for ever otherwise.
async fn anchor(secrets: &dyn SecretStore, log_id: Uuid, copied: &Copied) -> Result<(), StartError> {
    let Some((position, event)) = copied.head else { return Ok(()) };
    let mark = DeploymentMark { log_id, position, event: Some(event) };
    secrets.set_deployment(mark).await.map_err(|error| failed(&error, HINT))
}

fn opened<T>(opened: Result<T, OpenError>) -> Result<T, StartError> {
    opened.map_err(|error| failed(&error, "check the address, docs/kurrentdb.md has examples"))
}

fn wrong_address(error: &keytrail_kurrent::SettingsError) -> StartError {
    StartError::new(
        format!("the address to copy to cannot be used: {error}"),
        "docs/kurrentdb.md has examples",
    )
}
