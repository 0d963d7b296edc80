//! What somebody may see: by grants and ownership in force.

use keytrail_domain::{Grantee, Timestamp};
use keytrail_ports::Scope;
use rusqlite::types::Value;

use super::{
    authority::{GRANT, OWNER},
    code,
    listing::{Clause, blob, one_of},
    thing::Tenant,
};

/// Somebody, and when.
pub(super) struct Holders<'a> {
    pub(super) tenant: Tenant,
    pub(super) grantees: &'a [Grantee],
    pub(super) now: Timestamp,
}

impl<'a> Holders<'a> {
    /// None for a scope that shows everything.
    pub(super) fn of(tenant: Tenant, scope: &'a Scope, now: Timestamp) -> Option<Self> {
        match scope {
            Scope::All => None,
            Scope::GrantedTo(grantees) => Some(Self { tenant, grantees, now }),
        }
    }

    /// True for a credential that one of them holds; `column` is the credential's number.
    pub(super) fn hold(&self, column: &str) -> Clause {
        if self.grantees.is_empty() {
            return Clause::new("0", []);
        }
        let mut held = Clause::new(
            format!(
                "EXISTS (SELECT 1 FROM authority AS a INDEXED BY authority_of_object \
                 WHERE a.tenant = ? AND a.object = {column}"
            ),
            [Value::Integer(self.tenant.0)],
        );
        held.and(self.in_force());
        held.within("", ")")
    }

    /// The numbers of what they hold.
    pub(super) fn held(&self) -> Clause {
        if self.grantees.is_empty() {
            return Clause::new("SELECT NULL AS object WHERE 0", []);
        }
        let mut held = Clause::new(
            "SELECT a.object FROM authority AS a INDEXED BY authority_of_principal WHERE a.tenant = ?",
            [Value::Integer(self.tenant.0)],
        );
        held.and(self.in_force());
        held
    }

    fn in_force(&self) -> Clause {
        let principals = self.grantees.iter().map(|grantee| blob(code::principal(*grantee))).collect();
        let mut all = one_of("a.principal", principals);
        all.and(Clause::new(format!("a.kind IN ({GRANT}, {OWNER})"), []));
        all.and(Clause::new("a.until_pos IS NULL", []));
        all.and(Clause::new("a.expires_at > ?", [Value::Integer(self.now.as_micros())]));
        all
    }
}
