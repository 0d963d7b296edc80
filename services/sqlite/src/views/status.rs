//! `domain::credential::status` as conditions on columns.

use keytrail_domain::{
    Timestamp,
    credential::{EXPIRING_DAYS, Health, Status},
};
use rusqlite::types::Value;

use super::{code, listing::Clause, thing::Tenant};

/// Where the end of a credential lies.
#[derive(Clone, Copy)]
enum End {
    /// Anywhere.
    Any,
    /// Past.
    Past,
    /// Near.
    Near,
    /// Far, or never.
    Far,
}

/// One way to have a status: columns of the status index, in its order.
struct Way {
    life: i64,
    suspended: Option<bool>,
    healths: &'static [Health],
    end: End,
}

/// Neither rejected nor over by evidence: the date decides.
const BY_DATE: &[Health] = &[Health::Unverified, Health::Valid];

fn ways(status: Status) -> Vec<Way> {
    let going = |healths, end| Way { life: 0, suspended: Some(false), healths, end };
    match status {
        Status::Deleted => vec![Way { life: 1, suspended: None, healths: &[], end: End::Any }],
        Status::Suspended => vec![Way { life: 0, suspended: Some(true), healths: &[], end: End::Any }],
        Status::Invalid => vec![going(&[Health::Invalid], End::Any)],
        Status::Expired => vec![going(&[Health::Expired], End::Any), going(BY_DATE, End::Past)],
        Status::Expiring => vec![going(BY_DATE, End::Near)],
        Status::Valid => vec![going(&[Health::Valid], End::Far)],
        Status::Unverified => vec![going(&[Health::Unverified], End::Far)],
    }
}

impl Way {
    fn condition(&self, now: Timestamp) -> Clause {
        let (now, soon) = (now.as_micros(), now.plus_days(EXPIRING_DAYS).as_micros());
        let mut all = Clause::new("c.life = ?", [Value::Integer(self.life)]);
        if let Some(suspended) = self.suspended {
            all.and(Clause::new("c.suspended = ?", [Value::Integer(i64::from(suspended))]));
        }
        if !self.healths.is_empty() {
            let codes = self.healths.iter().map(|health| Value::Integer(code::health(*health))).collect();
            all.and(super::listing::one_of("c.health", codes));
        }
        match self.end {
            End::Any => {}
            End::Past => all.and(Clause::new("c.expires_at <= ?", [Value::Integer(now)])),
            End::Near => {
                let both = [Value::Integer(now), Value::Integer(soon)];
                all.and(Clause::new("c.expires_at > ? AND c.expires_at <= ?", both));
            }
            End::Far => all.and(Clause::new("c.expires_at > ?", [Value::Integer(soon)])),
        }
        all
    }
}

/// True for a credential in any of these.
pub(super) fn conditions(statuses: &[Status], now: Timestamp) -> Clause {
    let ways = statuses.iter().flat_map(|status| ways(*status));
    Clause::any(ways.map(|way| way.condition(now).within("(", ")")), " OR ").within("(", ")")
}

/// The numbers of all credentials in any of these.
pub(super) fn candidates(tenant: Tenant, statuses: &[Status], now: Timestamp) -> Option<Clause> {
    let ways = statuses.iter().flat_map(|status| ways(*status));
    let lists = ways.map(|way| {
        let mut list = Clause::new(
            "SELECT c.number FROM credentials AS c INDEXED BY credentials_by_status WHERE c.tenant = ?",
            [Value::Integer(tenant.0)],
        );
        list.and(way.condition(now));
        list
    });
    let all = Clause::any(lists, " UNION ALL ");
    (!all.sql.is_empty()).then_some(all)
}
