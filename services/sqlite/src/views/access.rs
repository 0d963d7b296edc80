//! Who has what on one object, now or as of a position.

use keytrail_domain::{CredentialId, EnvironmentId, Grantee, Owner, Position, TeamId, Timestamp};
use keytrail_ports::{
    AuthorityChange,
    views::{GrantRow, TeamMemberRow},
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    authority::{GRANT, HOLDING, OWNER, ROLE, TEAM, held_change, member},
    code, doc, thing,
    thing::{Tenant, Thing},
};
use crate::{
    column::{position, to_moment},
    fault::Fault,
};

/// What every question here selects; the object's own id is `?4`.
const COLUMNS: &str = "kind, ?4 AS object_id, principal, level, expires_at, since";

/// Rights of one kind on one object.
struct About {
    kind: i64,
    object: Thing,
    id: Uuid,
}

impl About {
    /// Roles are about the tenant, which is no thing.
    const ROLES: Self = Self { kind: ROLE, object: Thing(0), id: Uuid::nil() };

    /// Those in force now, or just after a position, by principal.
    fn rights<T>(
        &self,
        connection: &Connection,
        tenant: Tenant,
        at: Option<Position>,
        read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let of_object = "tenant = ?1 AND object = ?2 AND kind = ?3";
        let open = format!(
            "SELECT {COLUMNS} FROM authority INDEXED BY authority_of_object \
             WHERE {of_object} AND until_pos IS NULL"
        );
        let id = self.id.into_bytes();
        let Some(at) = at else {
            let find = format!("{open} ORDER BY principal");
            return doc::all(connection, &find, params![tenant.0, self.object.0, self.kind, id], read);
        };
        let find = format!(
            "{open} AND from_pos <= ?5 UNION ALL \
             SELECT {COLUMNS} FROM authority INDEXED BY authority_ended \
             WHERE {of_object} AND until_pos > ?5 AND from_pos <= ?5 ORDER BY principal"
        );
        let values = params![tenant.0, self.object.0, self.kind, id, position(at)];
        doc::all(connection, &find, values, read)
    }
}

/// Grants on a credential, also those past their date; not its owner.
pub(super) fn grants(
    connection: &Connection,
    tenant: Tenant,
    credential: CredentialId,
    at: Option<Position>,
) -> Result<Vec<GrantRow>, Fault> {
    let id = credential.as_uuid();
    let Some(object) = thing::find(connection, tenant, id)? else { return Ok(Vec::new()) };
    About { kind: GRANT, object, id }.rights(connection, tenant, at, |row| {
        Ok(GrantRow {
            grantee: code::to_grantee(row.get(2)?)?,
            level: code::to_level(row.get(3)?)?,
            expires_at: to_moment(row.get(4)?),
            granted_at: Timestamp::from_micros(row.get(5)?),
        })
    })
}

/// Who is in a team just after a position, or now.
pub(super) fn team_members(
    connection: &Connection,
    tenant: Tenant,
    team: TeamId,
    at: Option<Position>,
) -> Result<Vec<TeamMemberRow>, Fault> {
    let id = team.as_uuid();
    let Some(object) = thing::find(connection, tenant, id)? else { return Ok(Vec::new()) };
    About { kind: TEAM, object, id }.rights(connection, tenant, at, |row| {
        Ok(TeamMemberRow {
            member: member(code::to_grantee(row.get(2)?)?)?,
            lead: row.get::<_, i64>(3)? == 1,
        })
    })
}

/// Everything that decides who may do what with a credential.
pub(super) fn of_credential(
    connection: &Connection,
    tenant: Tenant,
    credential: CredentialId,
    at: Option<Position>,
) -> Result<Vec<AuthorityChange>, Fault> {
    let id = credential.as_uuid();
    let Some(object) = thing::find(connection, tenant, id)? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for kind in [OWNER, GRANT] {
        all.extend(About { kind, object, id }.rights(connection, tenant, at, held_change)?);
    }
    let of = |kind, id: Uuid| -> Result<Vec<AuthorityChange>, Fault> {
        let Some(object) = thing::find(connection, tenant, id)? else { return Ok(Vec::new()) };
        About { kind, object, id }.rights(connection, tenant, at, held_change)
    };
    for environment in environments(&all) {
        all.extend(of(HOLDING, environment.as_uuid())?);
    }
    for team in teams(&all) {
        all.extend(of(TEAM, team.as_uuid())?);
    }
    all.extend(About::ROLES.rights(connection, tenant, at, held_change)?);
    Ok(all)
}

/// The environments among the grantees, each once.
fn environments(rights: &[AuthorityChange]) -> Vec<EnvironmentId> {
    let environment = |right: &AuthorityChange| match right {
        AuthorityChange::Granted { grantee: Grantee::Environment(environment), .. } => Some(*environment),
        _ => None,
    };
    rights.iter().filter_map(environment).collect()
}

/// The teams among owner, grantees and holders of environments, each once.
fn teams(rights: &[AuthorityChange]) -> Vec<TeamId> {
    let team = |right: &AuthorityChange| match right {
        AuthorityChange::Owned { owner: Owner::Team(team), .. }
        | AuthorityChange::Granted { grantee: Grantee::Team(team), .. }
        | AuthorityChange::Holding { grantee: Grantee::Team(team), .. } => Some(*team),
        _ => None,
    };
    let mut teams: Vec<_> = rights.iter().filter_map(team).collect();
    teams.sort_unstable();
    teams.dedup();
    teams
}
