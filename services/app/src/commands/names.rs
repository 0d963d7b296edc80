//! Names and external ids: unique, and held while a mutation runs.

use keytrail_domain::{CredentialId, Owner, TenantId};
use keytrail_ports::views::CredentialRow;

use crate::{App, AppError, claims::Claim};

/// Numbers tried for a name that is made from the component.
const MADE_NAMES: u32 = 10_000;

impl App {
    /// Holds a credential's name for its owner.
    ///
    /// # Errors
    /// `CONFLICT` when another credential of the owner has it.
    pub(crate) async fn hold_name(
        &self,
        tenant: TenantId,
        owner: Owner,
        name: &str,
        except: Option<CredentialId>,
    ) -> Result<Claim, AppError> {
        let name = name.trim();
        let taken =
            || AppError::conflict("the owner has another credential of this name: choose another name");
        let claim = self.try_hold(tenant, owner, name).ok_or_else(taken)?;
        let others = self.ports().views.credentials_by_name(tenant, name).await?;
        if others.iter().any(|row| blocks(row, owner, except)) {
            return Err(taken());
        }
        Ok(claim)
    }

    fn try_hold(&self, tenant: TenantId, owner: Owner, name: &str) -> Option<Claim> {
        self.0.claims.try_take(format!("name\0{tenant}\0{owner}\0{}", name.to_lowercase()))
    }

    /// Makes and holds a free name: the component's, with a number behind it when that is taken.
    pub(crate) async fn make_name(
        &self,
        tenant: TenantId,
        owner: Owner,
        component: &str,
    ) -> Result<(String, Claim), AppError> {
        for number in 1..=MADE_NAMES {
            let name = if number == 1 { component.to_owned() } else { format!("{component} {number}") };
            match self.hold_name(tenant, owner, &name, None).await {
                Ok(claim) => return Ok((name, claim)),
                Err(AppError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::conflict("too many credentials of this component have no name of their own: give one"))
    }

    /// Holds an external id.
    ///
    /// # Errors
    /// `CONFLICT` when another credential of the tenant has it.
    pub(crate) async fn hold_external_id(
        &self,
        tenant: TenantId,
        external_id: Option<&str>,
        except: Option<CredentialId>,
    ) -> Result<Option<Claim>, AppError> {
        let Some(id) = external_id.map(str::trim) else { return Ok(None) };
        let taken = || AppError::conflict("another credential has this externalId");
        let claim = self.0.claims.try_take(format!("external\0{tenant}\0{id}")).ok_or_else(taken)?;
        let other = self.ports().views.credential_by_external_id(tenant, id).await?;
        if other.is_some_and(|row| row.deleted_at.is_none() && Some(row.id) != except) {
            return Err(taken());
        }
        Ok(Some(claim))
    }
}

fn blocks(row: &CredentialRow, owner: Owner, except: Option<CredentialId>) -> bool {
    row.owner == owner && row.deleted_at.is_none() && Some(row.id) != except
}
