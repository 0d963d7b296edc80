//! Who may do what, with from and until: one table, closed and opened by changes.

use keytrail_domain::{
    CredentialId, EnvironmentId, MemberId, Position, ServiceAccountId, TeamId, Timestamp, TokenId,
};
use keytrail_domain::{Grantee, Owner};
use keytrail_ports::{AuthorityChange, AuthoritySnapshot};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    code::{self, Principal},
    doc,
    thing::{Tenant, Thing},
};
use crate::{
    column::{moment, position, run, to_moment},
    fault::Fault,
};

/// A member's role in the tenant.
pub(super) const ROLE: i64 = 0;
/// A member of a team.
pub(super) const TEAM: i64 = 1;
/// A grant on a credential.
pub(super) const GRANT: i64 = 2;
/// The owner of a credential.
pub(super) const OWNER: i64 = 3;
/// Somebody who holds an environment.
pub(super) const HOLDING: i64 = 4;
/// A service account that is there.
const ACCOUNT: i64 = 5;
/// A token of a service account.
const TOKEN: i64 = 6;

/// When a change happened.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) position: Position,
    pub(super) since: Timestamp,
}

/// What is in force for one object; for one principal, or for all.
struct Held {
    kind: i64,
    object: i64,
    principal: Option<Principal>,
}

/// What begins to be in force.
struct Level {
    principal: Principal,
    level: i64,
    expires_at: i64,
}

/// What a change is about: a team, an environment or a credential; none for a role or an account, which are
/// about the tenant.
pub(super) fn object(change: &AuthorityChange) -> Option<Uuid> {
    match change {
        AuthorityChange::Role { .. } | AuthorityChange::Account { .. } => None,
        AuthorityChange::ApiToken { token, .. } => Some(token.as_uuid()),
        AuthorityChange::Membership { team, .. } | AuthorityChange::TeamGone { team } => Some(team.as_uuid()),
        AuthorityChange::Holding { environment, .. } | AuthorityChange::EnvironmentGone { environment } => {
            Some(environment.as_uuid())
        }
        AuthorityChange::Owned { credential, .. }
        | AuthorityChange::Granted { credential, .. }
        | AuthorityChange::CredentialGone { credential } => Some(credential.as_uuid()),
    }
}

/// What one change ends, and what it begins.
fn meaning(change: &AuthorityChange, object: i64) -> (Vec<Held>, Option<Level>) {
    let lasting = |principal, level| Level { principal, level, expires_at: moment(None) };
    let of_all = |kind| Held { kind, object, principal: None };
    let of = |kind, principal| vec![Held { kind, object, principal: Some(principal) }];
    match *change {
        AuthorityChange::Role { member, role } => {
            let principal = code::principal(Grantee::Member(member));
            (of(ROLE, principal), role.map(|role| lasting(principal, code::role(role))))
        }
        AuthorityChange::Membership { member, lead, .. } => {
            let principal = code::principal(Grantee::Member(member));
            (of(TEAM, principal), lead.map(|lead| lasting(principal, i64::from(lead))))
        }
        AuthorityChange::TeamGone { .. } => (vec![of_all(TEAM)], None),
        AuthorityChange::Holding { grantee, until, .. } => {
            let principal = code::principal(grantee);
            let begins = until.map(|until| Level { expires_at: moment(until), ..lasting(principal, 0) });
            (of(HOLDING, principal), begins)
        }
        AuthorityChange::EnvironmentGone { .. } => (vec![of_all(HOLDING)], None),
        AuthorityChange::Account { account, present } => {
            let principal = code::principal(Grantee::ServiceAccount(account));
            (of(ACCOUNT, principal), present.then(|| lasting(principal, 0)))
        }
        AuthorityChange::ApiToken { account, until, .. } => {
            let principal = code::principal(Grantee::ServiceAccount(account));
            let begins = until.map(|until| Level { expires_at: moment(until), ..lasting(principal, 0) });
            (of(TOKEN, principal), begins)
        }
        AuthorityChange::Owned { owner, .. } => {
            let manage = code::level(keytrail_domain::Level::Manage);
            (vec![of_all(OWNER)], Some(lasting(code::owner(owner), manage)))
        }
        AuthorityChange::Granted { grantee, level, .. } => {
            let principal = code::principal(grantee);
            let begins = level.map(|(level, expires_at)| Level {
                principal,
                level: code::level(level),
                expires_at: moment(expires_at),
            });
            (of(GRANT, principal), begins)
        }
        AuthorityChange::CredentialGone { .. } => (vec![of_all(GRANT), of_all(OWNER)], None),
    }
}

/// Writes a change about an object down.
pub(super) fn change(
    inside: &Connection,
    (tenant, object): (Tenant, Option<Thing>),
    at: Moment,
    change: &AuthorityChange,
) -> Result<(), Fault> {
    let (ends, begins) = meaning(change, object.map_or(0, |Thing(number)| number));
    for held in &ends {
        close(inside, tenant, at, held)?;
    }
    match (begins, ends.first()) {
        (Some(level), Some(held)) => open(inside, tenant, at, (held, &level)),
        _ => Ok(()),
    }
}

fn close(inside: &Connection, Tenant(tenant): Tenant, at: Moment, held: &Held) -> Result<(), Fault> {
    let until = position(at.position);
    let of_object = "UPDATE authority INDEXED BY authority_of_object SET until_pos = ? \
                     WHERE tenant = ? AND object = ? AND kind = ? AND until_pos IS NULL";
    let of_principal = "UPDATE authority INDEXED BY authority_of_object SET until_pos = ? \
                        WHERE tenant = ? AND object = ? AND kind = ? AND principal = ? AND until_pos IS NULL";
    match held.principal {
        None => run(inside, of_object, params![until, tenant, held.object, held.kind])?,
        Some(one) => run(inside, of_principal, params![until, tenant, held.object, held.kind, one])?,
    };
    Ok(())
}

fn open(
    inside: &Connection,
    Tenant(tenant): Tenant,
    at: Moment,
    (held, level): (&Held, &Level),
) -> Result<(), Fault> {
    let insert = "INSERT INTO authority (tenant, kind, object, principal, level, expires_at, since, from_pos) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let (from, since) = (position(at.position), at.since.as_micros());
    let values =
        params![tenant, held.kind, held.object, level.principal, level.level, level.expires_at, since, from];
    run(inside, insert, values).map(|_| ())
}

/// Everything in force for a tenant, as the changes that lead to it.
pub(super) fn snapshot(
    connection: &Connection,
    tenant: Tenant,
    at: Option<Position>,
) -> Result<AuthoritySnapshot, Fault> {
    let find = "SELECT kind, things.id, principal, level, expires_at FROM authority AS a \
                INDEXED BY authority_of_object LEFT JOIN things ON things.number = a.object \
                WHERE a.tenant = ? AND until_pos IS NULL";
    let changes = doc::all(connection, find, [tenant.0], held_change)?;
    Ok(AuthoritySnapshot { position: at, changes })
}

/// One right: kind, object, principal, level and end.
pub(super) fn held_change(row: &Row<'_>) -> Result<AuthorityChange, Fault> {
    let object = Uuid::from_bytes(row.get::<_, Option<[u8; 16]>>(1)?.unwrap_or_default());
    let (principal, level) = (code::to_grantee(row.get(2)?)?, row.get::<_, i64>(3)?);
    let credential = CredentialId::from_uuid(object);
    match row.get(0)? {
        ROLE => Ok(AuthorityChange::Role { member: member(principal)?, role: Some(code::to_role(level)?) }),
        TEAM => Ok(AuthorityChange::Membership {
            team: TeamId::from_uuid(object),
            member: member(principal)?,
            lead: Some(level == 1),
        }),
        GRANT => {
            let level = Some((code::to_level(level)?, to_moment(row.get(4)?)));
            Ok(AuthorityChange::Granted { credential, grantee: principal, level })
        }
        HOLDING => Ok(AuthorityChange::Holding {
            environment: EnvironmentId::from_uuid(object),
            grantee: principal,
            until: Some(to_moment(row.get(4)?)),
        }),
        ACCOUNT => Ok(AuthorityChange::Account { account: account(principal)?, present: true }),
        TOKEN => Ok(AuthorityChange::ApiToken {
            token: TokenId::from_uuid(object),
            account: account(principal)?,
            until: Some(to_moment(row.get(4)?)),
        }),
        OWNER => Ok(AuthorityChange::Owned { credential, owner: owner(principal)? }),
        _ => Err(code::unknown("a right")),
    }
}

pub(super) fn member(principal: Grantee) -> Result<MemberId, Fault> {
    match principal {
        Grantee::Member(member) => Ok(member),
        _ => Err(code::unknown("a member")),
    }
}

fn account(principal: Grantee) -> Result<ServiceAccountId, Fault> {
    match principal {
        Grantee::ServiceAccount(account) => Ok(account),
        _ => Err(code::unknown("a service account")),
    }
}

fn owner(principal: Grantee) -> Result<Owner, Fault> {
    match principal {
        Grantee::Member(member) => Ok(Owner::Member(member)),
        Grantee::Team(team) => Ok(Owner::Team(team)),
        Grantee::ServiceAccount(_) | Grantee::Environment(_) => Err(code::unknown("an owner")),
    }
}
