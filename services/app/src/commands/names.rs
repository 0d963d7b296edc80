//! Names and external ids: unique, and held while a mutation runs.

use keytrail_domain::{CredentialId, Owner, TenantId};
use keytrail_ports::views::CredentialRow;

use crate::{App, AppError, claims::Claim};

/// Highest number in a name that is made from the component.
const HIGHEST: u32 = 1 << 20;
/// Numbers tried from a free one on: others that are made at the same time take some.
const TRIES: u32 = 1_000;

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

    /// Makes and holds a free name: the component's, with a number behind it when that is taken. Few
    /// names are looked at, however many there are.
    pub(crate) async fn make_name(
        &self,
        tenant: TenantId,
        owner: Owner,
        component: &str,
    ) -> Result<(String, Claim), AppError> {
        let mut search = FreeNumber::default();
        while let Some(number) = search.next().filter(|number| *number <= HIGHEST) {
            let taken = self.has_name(tenant, owner, &numbered(component, number)).await?;
            search.found(number, taken);
        }
        for number in search.taken + 1..=search.taken + TRIES {
            let name = numbered(component, number);
            match self.hold_name(tenant, owner, &name, None).await {
                Ok(claim) => return Ok((name, claim)),
                Err(AppError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::conflict("too many credentials of this component have no name of their own: give one"))
    }

    async fn has_name(&self, tenant: TenantId, owner: Owner, name: &str) -> Result<bool, AppError> {
        let rows = self.ports().views.credentials_by_name(tenant, name).await?;
        Ok(rows.iter().any(|row| blocks(row, owner, None)))
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

fn numbered(component: &str, number: u32) -> String {
    if number == 1 { component.to_owned() } else { format!("{component} {number}") }
}

/// Looks for a free number behind a taken one: doubles up to a free one, then halves between. What
/// is taken may have gaps; the number found may be any that is free.
#[derive(Default)]
struct FreeNumber {
    taken: u32,
    free: Option<u32>,
}

impl FreeNumber {
    /// The number to look at; none when the one behind `taken` is free.
    fn next(&self) -> Option<u32> {
        match self.free {
            None => Some(self.taken.saturating_mul(2).max(1)),
            Some(free) if free - self.taken > 1 => Some(self.taken + (free - self.taken) / 2),
            Some(_) => None,
        }
    }

    fn found(&mut self, number: u32, taken: bool) {
        if taken {
            self.taken = number;
        } else {
            self.free = Some(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The number found among these, and how many were looked at.
    fn search(taken: &BTreeSet<u32>) -> (u32, usize) {
        let (mut search, mut looks) = (FreeNumber::default(), 0);
        while let Some(number) = search.next() {
            search.found(number, taken.contains(&number));
            looks += 1;
        }
        (search.taken + 1, looks)
    }

    #[test]
    fn a_thousand_unnamed_ones_are_numbered_in_turn_with_few_looks_each() {
        let (mut taken, mut all) = (BTreeSet::new(), 0);
        for expected in 1..=1_000 {
            let (number, looks) = search(&taken);
            assert_eq!(number, expected);
            assert!(looks <= 21, "{looks} looks for {number}");
            taken.insert(number);
            all += looks;
        }
        assert!(all < 20_000, "{all} looks in all");
    }

    #[test]
    fn a_gap_ends_at_a_free_number_too() {
        for gap in 1..=64 {
            let taken: BTreeSet<u32> = (1..=64).filter(|number| *number != gap).collect();
            let (number, looks) = search(&taken);
            assert!(!taken.contains(&number) && looks <= 14, "{number} after {looks} looks");
        }
    }
}
