//! What whoever stores a secret should know of it.

use async_graphql::{Context, Enum, Object, Result};

use super::Credential;
use crate::{
    context::{app, caller},
    error::OrFail,
};

/// What is to be known.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum SecretWarningCode {
    /// The version before has the same secret: nothing was rotated.
    SameSecret,
    /// An earlier version of the credential had this secret.
    UsedBefore,
    /// Other credentials have this secret, too.
    Duplicate,
}

/// A secret was seen before. It is told only of credentials that the caller may lease.
pub struct SecretWarning(keytrail_app::SecretWarning);

impl From<keytrail_app::SecretWarning> for SecretWarning {
    fn from(warning: keytrail_app::SecretWarning) -> Self {
        Self(warning)
    }
}

#[Object]
impl SecretWarning {
    /// What it is about.
    async fn code(&self) -> SecretWarningCode {
        match self.0 {
            keytrail_app::SecretWarning::SameSecret => SecretWarningCode::SameSecret,
            keytrail_app::SecretWarning::UsedBefore(_) => SecretWarningCode::UsedBefore,
            keytrail_app::SecretWarning::Duplicate(_) => SecretWarningCode::Duplicate,
        }
    }

    /// For people.
    async fn message(&self) -> String {
        match &self.0 {
            keytrail_app::SecretWarning::SameSecret => {
                "the version before has the same secret: whoever knew it knows it still".to_owned()
            }
            keytrail_app::SecretWarning::UsedBefore(number) => {
                format!("version {number} had this secret: whoever knew it knows it again")
            }
            keytrail_app::SecretWarning::Duplicate(ids) if ids.len() == 1 => {
                "another credential has the same secret: rotate both together".to_owned()
            }
            keytrail_app::SecretWarning::Duplicate(ids) => {
                format!("{} other credentials have the same secret: rotate all together", ids.len())
            }
        }
    }

    /// The earlier version that had it, for `USED_BEFORE`.
    async fn version(&self) -> Option<u32> {
        match self.0 {
            keytrail_app::SecretWarning::UsedBefore(number) => Some(number),
            _ => None,
        }
    }

    /// The other credentials, for `DUPLICATE`: at most a hundred, the newest.
    async fn credentials(&self, ctx: &Context<'_>) -> Result<Vec<Credential>> {
        let keytrail_app::SecretWarning::Duplicate(ids) = &self.0 else { return Ok(Vec::new()) };
        let (call, app) = (caller(ctx).await?, app(ctx)?);
        let mut found = Vec::new();
        for id in ids {
            found.extend(app.credential(&call, *id).await.or_fail(ctx)?.map(Credential::now));
        }
        Ok(found)
    }
}
