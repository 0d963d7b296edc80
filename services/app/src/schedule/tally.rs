//! How many checks a day told nothing new: they are in no view, and too many to be counted one by
//! one when somebody asks. A number for each tenant and day, kept as a mark of the journal; what a
//! process that is killed has not written yet, at most a minute, is not counted.

use std::collections::HashMap;

use keytrail_domain::TenantId;
use keytrail_ports::{Journal, JournalError, Mark, SwapError, views::DailyRow};
use serde::{Deserialize, Serialize};

/// *Format*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) verifications: u64,
    pub(crate) failures: u64,
}

/// What was counted and not written yet.
#[derive(Default)]
pub(super) struct Tally(HashMap<(TenantId, String), Count>);

fn mark(tenant: TenantId, day: &str) -> String {
    format!("checks-of-day/{tenant}/{day}")
}

/// What is written of a tenant's day.
async fn written(journal: &dyn Journal, tenant: TenantId, day: &str) -> Result<Count, JournalError> {
    Ok(count(journal.mark(&mark(tenant, day)).await?.as_ref()))
}

fn count(mark: Option<&Mark>) -> Count {
    mark.and_then(|mark| serde_json::from_slice(&mark.value).ok()).unwrap_or_default()
}

impl Tally {
    pub(super) fn add(&mut self, tenant: TenantId, day: String, failure: bool) {
        let count = self.0.entry((tenant, day)).or_default();
        count.verifications += 1;
        count.failures += u64::from(failure);
    }

    /// Writes everything; what cannot be written now is tried again.
    pub(super) async fn flush(&mut self, journal: &dyn Journal) -> Result<(), JournalError> {
        while let Some((tenant, day)) = self.0.keys().next().cloned() {
            let name = mark(tenant, &day);
            let known = journal.mark(&name).await?;
            let (mut sum, key) = (count(known.as_ref()), (tenant, day));
            let more = self.0.get(&key).copied().unwrap_or_default();
            sum.verifications += more.verifications;
            sum.failures += more.failures;
            let value = serde_json::to_vec(&sum).unwrap_or_default();
            match journal.swap_mark(&name, known.map(|mark| mark.version), value).await {
                Ok(_) => _ = self.0.remove(&key),
                // Another node adds to it: once more.
                Err(SwapError::Conflict) => {}
                Err(SwapError::Journal(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The series of the views with these checks added.
pub(crate) async fn with_kept(
    journal: &dyn Journal,
    tenant: TenantId,
    rows: Vec<DailyRow>,
    days: impl Iterator<Item = String>,
) -> Result<Vec<DailyRow>, JournalError> {
    let mut rows: HashMap<String, DailyRow> = rows.into_iter().map(|row| (row.day.clone(), row)).collect();
    let mut all = Vec::new();
    for day in days {
        let kept = written(journal, tenant, &day).await?;
        let row = rows.remove(&day).unwrap_or(DailyRow { day, verifications: 0, failures: 0 });
        if row.verifications + kept.verifications > 0 {
            all.push(DailyRow {
                verifications: row.verifications + kept.verifications,
                failures: row.failures + kept.failures,
                ..row
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use keytrail_ports::memory::MemoryJournal;

    use super::*;

    #[tokio::test]
    async fn counts_of_several_processes_add_up_beside_those_of_the_views() {
        let (journal, tenant) = (MemoryJournal::new(), TenantId::of_slug("acme"));
        for failure in [true, false] {
            let mut tally = Tally::default();
            tally.add(tenant, "2026-11-22".into(), failure);
            tally.add(TenantId::of_slug("other"), "2026-11-22".into(), true);
            tally.flush(&journal).await.unwrap();
            tally.flush(&journal).await.unwrap();
        }
        let row = |day: &str, verifications, failures| DailyRow { day: day.into(), verifications, failures };
        let events = vec![row("2026-11-21", 1, 1), row("2026-11-22", 1, 0)];
        let days = ["2026-11-20", "2026-11-21", "2026-11-22"].map(str::to_owned).into_iter();
        let all = with_kept(&journal, tenant, events, days).await.unwrap();
        assert_eq!(all, [row("2026-11-21", 1, 1), row("2026-11-22", 3, 1)]);
    }
}
