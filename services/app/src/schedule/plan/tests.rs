use keytrail_domain::{
    Actor, CredentialId, EventId, Labels, MemberId, Owner, SecretId, SecretRef, TenantId,
    component::{ComponentRef, CredentialKind},
    credential::{EXPIRY_LADDER, RetirementReason},
    verification::{Report, Trigger, Verdict},
};
use keytrail_ports::views::VersionRow;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn day(days: i64) -> Timestamp {
    Timestamp::EPOCH.plus_days(days)
}

fn row() -> CredentialRow {
    let (tenant, uuid) = (TenantId::of_slug("acme"), Uuid::from_u128(1));
    let secret = SecretRef { tenant, owner: uuid, secret: SecretId::from_uuid(uuid) };
    CredentialRow {
        tenant,
        id: CredentialId::from_uuid(uuid),
        name: "Directory".into(),
        external_id: None,
        component: ComponentRef { slug: "ldap".into(), version: 1 },
        kind: CredentialKind::Basic,
        owner: Owner::Member(MemberId::from_uuid(uuid)),
        labels: Labels::default(),
        fields: Default::default(),
        secret_fields: Default::default(),
        allowed_hosts: Vec::new(),
        versions: vec![VersionRow {
            number: 2,
            created_at: day(0),
            created_by: Actor::operator(),
            secret,
            replaced_at: None,
            leasable_until: None,
            retired: None,
        }],
        offer: None,
        health: Health::Invalid,
        suspended: false,
        compromise: None,
        authorization: None,
        expires_at: None,
        stated_end: None,
        created_at: day(0),
        created_by: Actor::operator(),
        updated_at: day(0),
        last_verification: None,
        inconclusive_since: None,
        noted_expiry: None,
        last_leased_at: None,
        usages: Vec::new(),
        open_alerts: 0,
        deleted_at: None,
        restorable_until: None,
        purged: false,
        revision: 1,
    }
}

fn component(lockout_safe: bool) -> Component {
    let definition = json!({
        "slug": "ldap", "name": "LDAP", "version": 1, "kind": "BASIC", "description": "A directory.",
        "authStyle": "Basic", "fields": {}, "allowedHosts": [], "verify": {}, "lockoutSafe": lockout_safe,
    });
    serde_json::from_value(definition).unwrap()
}

fn check(at: Timestamp, version: u32, verdict: Verdict) -> VerificationRow {
    let (tenant, credential) = (row().tenant, row().id);
    let report = Report {
        verdict,
        reason: None,
        message: String::new(),
        identity: None,
        scopes: Vec::new(),
        expires_at: None,
        duration_ms: 1,
    };
    let id = EventId::from_uuid(Uuid::from_u128(9));
    VerificationRow { tenant, credential, id, at, version, trigger: Trigger::Routine, report }
}

#[test]
fn what_is_gone_stopped_over_or_cannot_be_checked_is_not_checked() {
    let component = component(true);
    let checked = |row: CredentialRow| is_checked(&row, Some(&component), day(10));
    assert!(checked(row()) && checked(CredentialRow { health: Health::Unverified, ..row() }));
    assert!(checked(CredentialRow { expires_at: Some(day(11)), ..row() }));
    for not in [
        CredentialRow { deleted_at: Some(day(1)), ..row() },
        CredentialRow { purged: true, ..row() },
        CredentialRow { suspended: true, ..row() },
        CredentialRow { expires_at: Some(day(10)), ..row() },
    ] {
        assert!(!checked(not));
    }
    let without = Component { verify: None, ..component.clone() };
    assert!(!is_checked(&row(), Some(&without), day(10)) && !is_checked(&row(), None, day(10)));
}

#[test]
fn a_component_says_how_often() {
    let seldom = Component { check_every_seconds: Some(86_400), ..component(true) };
    assert_eq!(interval(Some(&seldom), 7), 86_400_000_000);
    assert_eq!((interval(Some(&component(true)), 7), interval(None, 7)), (7, 7));
}

#[test]
fn a_system_that_locks_accounts_is_asked_twice_a_day_until_something_changes() {
    let no = |hours: i64| check(day(1).plus_seconds(hours * 3_600), 2, Verdict::Invalid);
    let twice = [no(5), no(1), no(0)];
    let after = Some(no(1).at.plus_days(1));
    assert_eq!(unlocked_at(&row(), &component(false), &twice), after);
    assert_eq!(unlocked_at(&row(), &component(true), &twice), None, "it locks nobody out");
    assert_eq!(unlocked_at(&row(), &component(false), &twice[..1]), None, "once");
    let changed = CredentialRow { health: Health::Unverified, ..row() };
    assert_eq!(unlocked_at(&changed, &component(false), &twice), None, "something changed");
    let older = [no(5), check(day(1), 1, Verdict::Invalid)];
    assert_eq!(unlocked_at(&row(), &component(false), &older), None, "the other was of an older secret");
}

#[test]
fn the_schedule_asks_such_a_system_half_a_day_after_it_said_no() {
    let no = check(day(1), 2, Verdict::Invalid);
    assert_eq!(apart_until(&row(), &component(false), &no), Some(day(1).plus_seconds(12 * 3_600)));
    assert_eq!(apart_until(&row(), &component(true), &no), None);
    assert_eq!(apart_until(&row(), &component(false), &check(day(1), 2, Verdict::Inconclusive)), None);
}

#[test]
fn a_young_verdict_is_used_again_for_a_minute_or_half_the_interval() {
    let last = check(day(1), 2, Verdict::Valid);
    assert_eq!(fresh_until(&last, 60 * MINUTE), day(1).plus_seconds(60));
    assert_eq!(fresh_until(&last, 1_000_000), day(1).plus_micros(500_000));
}

#[test]
fn the_calendar_brings_the_next_step_or_the_end_of_an_overlap_and_after_deletion_the_purge() {
    let ending = CredentialRow { expires_at: Some(day(40)), ..row() };
    assert_eq!(dates(&ending, &EXPIRY_LADDER), Some(day(10)));
    assert_eq!(dates(&row(), &EXPIRY_LADDER), None);
    let mut overlapping = ending.clone();
    overlapping.versions[0].leasable_until = Some(day(9));
    assert_eq!(dates(&overlapping, &EXPIRY_LADDER), Some(day(9)));
    overlapping.versions[0].retired = Some((day(8), RetirementReason::AllMoved));
    assert_eq!(dates(&overlapping, &EXPIRY_LADDER), Some(day(10)));
    let deleted = CredentialRow { deleted_at: Some(day(1)), restorable_until: Some(day(31)), ..ending };
    assert_eq!(dates(&deleted, &EXPIRY_LADDER), Some(day(31).plus_micros(1)), "of its end nothing is told");
    assert_eq!(dates(&CredentialRow { purged: true, ..deleted }, &EXPIRY_LADDER), None);
}
