//! A mark that only the present holder of the work changes.

use keytrail_ports::{Journal, SwapError};

use super::Tenure;
use crate::AppError;

/// A mark, and the version from which its next change goes out.
pub(crate) struct Fenced {
    name: String,
    version: Option<u64>,
    lost: bool,
}

impl Fenced {
    /// The mark's value, and the right to change it. Where others may have had that right it gets a new
    /// version at once: whatever they have on its way comes too late from now on.
    pub(crate) async fn take(
        journal: &dyn Journal,
        name: String,
        tenure: &Tenure,
    ) -> Result<(Self, Option<Vec<u8>>), AppError> {
        tenure.check()?;
        let known = journal.mark(&name).await?;
        let version = known.as_ref().map(|mark| mark.version);
        let value = known.map(|mark| mark.value);
        let mut fenced = Self { name, version, lost: false };
        if let Some(value) = value.as_ref().filter(|_| journal.is_shared()) {
            fenced.set(journal, value.clone(), tenure).await?;
        }
        Ok((fenced, value))
    }

    /// Changes it, if nobody else has.
    pub(crate) async fn set(
        &mut self,
        journal: &dyn Journal,
        value: Vec<u8>,
        tenure: &Tenure,
    ) -> Result<(), AppError> {
        tenure.check()?;
        match journal.swap_mark(&self.name, self.version, value).await {
            Ok(version) => {
                self.version = Some(version);
                Ok(())
            }
            Err(SwapError::Conflict) => {
                self.lost = true;
                Err(AppError::internal("a mark has changed meanwhile: it is read again"))
            }
            Err(SwapError::Journal(error)) => Err(error.into()),
        }
    }

    /// Somebody else has changed it, or an answer of ours was lost: it has to be taken again.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }
}
