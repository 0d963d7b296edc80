//! The embedded log, copied to an event store.

use keytrail_app::{Copied, CopyStage, LogCopy, journal_topics};
use keytrail_domain::SecretValue;
use keytrail_kurrent::{KurrentEventStore, KurrentJournal, Settings};
use keytrail_ports::{DeploymentMark, EventStore};

use super::{failed, stores};
use crate::{
    config::Config,
    data_dir::DataDir,
    launch::{CopiedLog, CopyProgress, StartError},
};

/// A file beside the log that says where it was copied to.
pub(super) const MOVED: &str = "log.moved";

/// What to do when a copy ended early.
const HINT: &str = "nothing is lost: put it right and run the command again, it goes on from there";

pub(super) async fn run(
    config: &Config,
    dir: &DataDir,
    to: &SecretValue,
    told: &(dyn Fn(CopyProgress) + Sync),
) -> Result<CopiedLog, StartError> {
    let (log, journal) = stores::embedded(dir).await?;
    let parse = || Settings::parse(to.expose()).map_err(|error| wrong_address(&error));
    let place = parse()?.to_string();
    let target = KurrentEventStore::open(parse()?).await;
    let target =
        target.map_err(|error| failed(&error, "check the address, docs/kurrentdb.md has examples"))?;
    let kept = journal_topics().map(|(topic, age)| (topic.to_owned(), age));
    let target_journal = KurrentJournal::new(parse()?, kept).map_err(|error| failed(&error, HINT))?;
    let copy = LogCopy { from: &log, from_journal: &journal, to: &target, to_journal: &target_journal };
    let tell = |stage, done, total| {
        let what = match stage {
            CopyStage::Copying => "events copied",
            CopyStage::Verifying => "events verified",
            CopyStage::Journal => "subjects of the journal",
        };
        told(CopyProgress { what, done, total });
    };
    let copied = copy.run(&tell).await.map_err(|error| failed(&error, HINT))?;
    anchor(config, dir, &target, &copied).await?;
    let told = std::fs::write(dir.file(MOVED), format!("{place}\n"));
    told.map_err(|error| failed(&error, HINT))?;
    let Copied { events, there_before, entries, .. } = copied;
    Ok(CopiedLog { events, there_before, entries, place })
}

/// From now on the vault belongs to the new log: the sweep would refuse for ever otherwise.
async fn anchor(
    config: &Config,
    dir: &DataDir,
    log: &dyn EventStore,
    copied: &Copied,
) -> Result<(), StartError> {
    let Some((position, event)) = copied.head else { return Ok(()) };
    let secrets = stores::open_secrets(config, dir).await?;
    let log_id = log.log_id().await.map_err(|error| failed(&error, HINT))?;
    let mark = DeploymentMark { log_id, position, event: Some(event) };
    secrets.set_deployment(mark).await.map_err(|error| failed(&error, HINT))
}

fn wrong_address(error: &keytrail_kurrent::SettingsError) -> StartError {
    StartError::new(
        format!("the address to copy to cannot be used: {error}"),
        "docs/kurrentdb.md has examples",
    )
}
