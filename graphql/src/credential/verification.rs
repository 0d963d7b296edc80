//! Checks and what they found.

use async_graphql::{ID, Object};
use keytrail_domain::verification::Report;
use keytrail_ports::views::VerificationRow;

use crate::{
    enums::{CheckTrigger, InconclusiveReason, Verdict},
    scalar::DateTime,
};

/// One check of a stored credential.
pub struct Verification(pub VerificationRow);

/// A check of fields that were not saved, or of a stored credential just now.
pub struct TestReport(pub Report);

macro_rules! report {
    ($name:ident, $self:ident => $report:expr, { $($more:tt)* }) => {
        #[Object]
        impl $name {
            $($more)*

            /// What it proved.
            async fn verdict(&$self) -> Verdict {
                $report.verdict.into()
            }

            /// Why it proved nothing, when it is inconclusive.
            async fn reason(&$self) -> Option<InconclusiveReason> {
                $report.reason.map(Into::into)
            }

            /// One sentence for a person.
            async fn message(&$self) -> &str {
                &$report.message
            }

            /// Who the system says the credential is.
            async fn identity(&$self) -> Option<&str> {
                $report.identity.as_deref()
            }

            /// What the system says it may do.
            async fn scopes(&$self) -> &[String] {
                &$report.scopes
            }

            /// When it ends, by evidence of the system.
            async fn expires_at(&$self) -> Option<DateTime> {
                $report.expires_at.map(DateTime)
            }

            /// How long it took.
            async fn duration_ms(&$self) -> u64 {
                $report.duration_ms
            }
        }
    };
}

report!(Verification, self => self.0.report, {
    /// The event that says so, or the entry of a routine check that told nothing new.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Which secret version was checked.
    async fn secret_version(&self) -> u32 {
        self.0.version
    }

    /// Who or what asked.
    async fn trigger(&self) -> CheckTrigger {
        self.0.trigger.into()
    }
});

report!(TestReport, self => self.0, {});
