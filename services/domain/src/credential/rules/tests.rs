//! Given these facts, when that command, then these facts or that refusal.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Aggregate, CredentialId, Grantee, Labels, Level, MemberId, Owner, Refusal, SecretId, SecretPayload,
    SecretRef, SecretValue, TeamId, TenantId, Timestamp,
    component::{ComponentRef, CredentialKind},
    credential::*,
    verification::{Report, Trigger, Verdict},
};

const NOW: i64 = 1_800_000_000_000_000;

pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(NOW)
}

pub(super) fn report(verdict: Verdict) -> Report {
    Report {
        verdict,
        reason: None,
        message: "as told".into(),
        identity: Some("bot".into()),
        scopes: vec!["read".into()],
        expires_at: None,
        duration_ms: 3,
    }
}

pub(super) fn place(number: u128) -> SecretRef {
    let tenant = TenantId::of_slug("acme");
    SecretRef { tenant, owner: Uuid::from_u128(1), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

fn payload(names: &[&str]) -> SecretPayload {
    SecretPayload::new(names.iter().map(|name| ((*name).to_owned(), SecretValue::new("s3cr3t".into()))))
}

pub(super) fn fields(host: &str) -> BTreeMap<String, Value> {
    [("base_url".to_owned(), json!(host)), ("user".to_owned(), json!("bot"))].into()
}

fn destinations() -> BTreeSet<String> {
    ["base_url".to_owned()].into()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn create(check: Change) -> CredentialCommand {
    CredentialCommand::Create(Box::new(Create {
        tenant: TenantId::of_slug("acme"),
        id: CredentialId::from_uuid(Uuid::from_u128(1)),
        name: " Deploy ".into(),
        external_id: None,
        component: ComponentRef { slug: "http-basic".into(), version: 1 },
        kind: CredentialKind::Basic,
        owner: Owner::Member(MemberId::from_uuid(Uuid::from_u128(1))),
        labels: Labels::default(),
        fields: fields("https://a.example"),
        secrets: payload(&["password", "pin"]),
        secret: place(1),
        beside: None,
        authorization: None,
        allowed_hosts: vec!["A.example".into()],
        expires_at: None,
        check,
    }))
}

/// One whose tokens an OAuth client gets.
pub(super) fn create_with(authorization: NewAuthorization) -> CredentialCommand {
    match create(Change::Unchecked) {
        CredentialCommand::Create(new) => {
            CredentialCommand::Create(Box::new(Create { authorization: Some(authorization), ..*new }))
        }
        other => other,
    }
}

pub(super) fn update() -> Update {
    Update {
        name: None,
        labels: None,
        external_id: None,
        expires_at: None,
        allowed_hosts: None,
        fields: None,
        destinations: destinations(),
        check: Change::NoCheckNeeded,
    }
}

pub(super) fn rotate(given: &[&str], check: Change) -> Rotate {
    Rotate {
        fields: fields("https://a.example"),
        secrets: payload(&["password", "pin"]),
        given: names(given),
        secret: place(2),
        beside: None,
        authorization: None,
        allowed_hosts: None,
        component: None,
        expires_at: None,
        destinations: destinations(),
        check,
        accept_inconclusive: false,
        overlap_until: None,
    }
}

pub(super) fn rotating(rotate: Rotate) -> CredentialCommand {
    CredentialCommand::Rotate(Box::new(rotate))
}

pub(super) fn updating(update: Update) -> CredentialCommand {
    CredentialCommand::Update(Box::new(update))
}

/// The credential after these commands, the first of which creates it.
pub(super) fn given(commands: impl IntoIterator<Item = CredentialCommand>) -> Credential {
    given_by(create(Change::Checked(report(Verdict::Valid))), commands)
}

/// The same with a creation of one's own.
pub(super) fn given_by(
    created: CredentialCommand,
    commands: impl IntoIterator<Item = CredentialCommand>,
) -> Credential {
    std::iter::once(created).chain(commands).fold(Credential::default(), |credential, command| {
        let decision = credential.decide(&command).expect("set-up");
        decision.events.iter().fold(credential, Credential::evolve)
    })
}

pub(super) fn events(credential: &Credential, command: &CredentialCommand) -> Vec<CredentialEvent> {
    credential.decide(command).expect("taken").events
}

pub(super) fn reason(credential: &Credential, command: &CredentialCommand) -> &'static str {
    match credential.decide(command) {
        Err(Refusal::Rule { reason, .. }) => reason,
        other => panic!("expected a rule to refuse, got {other:?}"),
    }
}

pub(super) fn state(credential: &Credential) -> &State {
    credential.live().expect("live")
}

#[test]
fn creation_stores_the_secret_and_names_only_its_place() {
    let decision = Credential::default().decide(&create(Change::Unchecked)).expect("taken");
    assert_eq!(decision.secrets.len(), 1);
    let text = serde_json::to_string(&decision.events).expect("json");
    assert!(!text.contains("s3cr3t") && text.contains("password"), "{text}");
    let after = decision.events.iter().fold(Credential::default(), Credential::evolve);
    let state = state(&after);
    assert_eq!((state.name.as_str(), state.revision, state.version), ("Deploy", 1, 1));
    assert_eq!(state.status(now()), Status::Unverified);
    assert_eq!(state.allowed_hosts, ["a.example"]);
}

#[test]
fn a_definite_no_on_create_is_refused_and_stores_nothing() {
    for verdict in [Verdict::Invalid, Verdict::Expired, Verdict::Revoked] {
        let command = create(Change::Checked(report(verdict)));
        assert_eq!(reason(&Credential::default(), &command), "VERIFICATION_FAILED");
    }
}

#[test]
fn an_inconclusive_check_on_create_is_saved_and_said() {
    let command = create(Change::Checked(report(Verdict::Inconclusive)));
    let events = events(&Credential::default(), &command);
    assert!(matches!(events[1], CredentialEvent::VerificationInconclusive { .. }));
    let after = events.iter().fold(Credential::default(), Credential::evolve);
    assert_eq!(state(&after).health, Health::Unverified);
}

#[test]
fn a_checked_rotation_takes_the_next_version_and_is_valid() {
    let rotated = given([rotating(rotate(&["password"], Change::Checked(report(Verdict::Limited))))]);
    let state = state(&rotated);
    assert_eq!((state.version, state.revision, state.health), (2, 2, Health::Valid));
    assert_eq!(state.secret, place(2));
}

#[test]
fn a_rotation_that_proves_nothing_needs_consent() {
    let check = || Change::Checked(report(Verdict::Inconclusive));
    let refused = rotating(rotate(&["password"], check()));
    assert_eq!(reason(&given([]), &refused), "VERIFICATION_INCONCLUSIVE");
    let accepted = rotating(Rotate { accept_inconclusive: true, ..rotate(&["password"], check()) });
    assert_eq!(state(&given([accepted])).health, Health::Unverified);
}

#[test]
fn a_rotation_to_a_rejected_secret_is_refused() {
    let command = rotating(rotate(&["password"], Change::Checked(report(Verdict::Invalid))));
    assert_eq!(reason(&given([]), &command), "VERIFICATION_FAILED");
}

#[test]
fn a_new_destination_needs_every_secret_again() {
    let elsewhere = |given: &[&str]| {
        rotating(Rotate { fields: fields("https://evil.example"), ..rotate(given, Change::Unchecked) })
    };
    assert_eq!(reason(&given([]), &elsewhere(&["password"])), "SECRET_REQUIRED");
    assert!(given([]).decide(&elsewhere(&["password", "pin"])).is_ok());
    let hosts = Some(vec!["evil.example".to_owned()]);
    let more = rotating(Rotate { allowed_hosts: hosts.clone(), ..rotate(&["pin"], Change::Unchecked) });
    assert_eq!(reason(&given([]), &more), "SECRET_REQUIRED");
    let moved = updating(Update { fields: Some(fields("https://evil.example")), ..update() });
    assert_eq!(reason(&given([]), &moved), "SECRET_REQUIRED");
    assert_eq!(reason(&given([]), &updating(Update { allowed_hosts: hosts, ..update() })), "SECRET_REQUIRED");
}

#[test]
fn an_update_says_each_thing_that_changed_and_nothing_else() {
    let labels = Labels::new([("env".to_owned(), "prod".to_owned())]).expect("labels");
    let command = updating(Update {
        name: Some("New".into()),
        labels: Some(labels),
        external_id: Some(None),
        ..update()
    });
    let events = events(&given([]), &command);
    assert!(matches!(events[..], [CredentialEvent::Renamed { .. }, CredentialEvent::LabelsChanged { .. }]));
    assert!(self::events(&given([]), &updating(update())).is_empty());
}

#[test]
fn changed_fields_prove_nothing_until_they_are_checked() {
    let mut changed = fields("https://a.example");
    changed.insert("user".into(), json!("other"));
    let with = |check| updating(Update { fields: Some(changed.clone()), check, ..update() });
    assert_eq!(state(&given([with(Change::Unchecked)])).health, Health::Unverified);
    let checked = with(Change::Checked(report(Verdict::Valid)));
    assert_eq!(state(&given([checked])).health, Health::Valid);
}

#[test]
fn checks_change_health_but_not_the_revision_that_people_see() {
    let check = |verdict| CredentialCommand::RecordCheck {
        version: 1,
        trigger: Trigger::Demand,
        report: report(verdict),
        now: now(),
    };
    let bad = given([check(Verdict::Revoked)]);
    assert_eq!((state(&bad).health, state(&bad).revision), (Health::Invalid, 1));
    let unsure = given([check(Verdict::Revoked), check(Verdict::Inconclusive)]);
    assert_eq!(state(&unsure).health, Health::Invalid);
}

#[test]
fn a_routine_check_that_says_nothing_new_is_no_event() {
    let check = |trigger, verdict| CredentialCommand::RecordCheck {
        version: 1,
        trigger,
        report: report(verdict),
        now: now(),
    };
    assert!(events(&given([]), &check(Trigger::Routine, Verdict::Valid)).is_empty());
    assert_eq!(events(&given([]), &check(Trigger::Demand, Verdict::Valid)).len(), 1);
    assert_eq!(events(&given([]), &check(Trigger::Routine, Verdict::Invalid)).len(), 1);
}

#[test]
fn a_check_of_an_older_version_is_stale() {
    let rotated = given([rotating(rotate(&["pin"], Change::Unchecked))]);
    let stale = CredentialCommand::RecordCheck {
        version: 1,
        trigger: Trigger::Demand,
        report: report(Verdict::Invalid),
        now: now(),
    };
    assert!(matches!(rotated.decide(&stale), Err(Refusal::Conflict { .. })));
}

fn sharing(grantee: Grantee, level: Level, expires_at: Option<Timestamp>) -> CredentialCommand {
    CredentialCommand::Share(Share {
        grantee,
        level,
        expires_at,
        reason: None,
        break_glass: false,
        now: now(),
    })
}

#[test]
fn a_grant_is_given_once_changed_and_taken_back() {
    let team = Grantee::Team(TeamId::from_uuid(Uuid::from_u128(7)));
    let shared = given([sharing(team, Level::View, None)]);
    assert!(events(&shared, &sharing(team, Level::View, None)).is_empty());
    assert_eq!(events(&shared, &sharing(team, Level::Use, None)).len(), 1);
    let revoke = CredentialCommand::RevokeShare { grantee: team };
    assert_eq!(events(&shared, &revoke).len(), 1);
    assert!(events(&given([]), &revoke).is_empty());
}

#[test]
fn use_by_a_role_alone_has_a_reason_and_ends_within_an_hour() {
    let breaking = |expires_at, reason: Option<&str>| {
        CredentialCommand::Share(Share {
            grantee: Grantee::Team(TeamId::from_uuid(Uuid::from_u128(7))),
            level: Level::Use,
            expires_at,
            reason: reason.map(str::to_owned),
            break_glass: true,
            now: now(),
        })
    };
    let refused = given([]).decide(&breaking(None, None)).expect_err("no reason");
    assert!(matches!(refused, Refusal::Rule { reason: "REASON_REQUIRED", .. }));
    let hour = now().plus_seconds(3_600);
    let sooner = now().plus_seconds(60);
    for (asked, ends) in [(None, hour), (Some(hour.plus_seconds(1)), hour), (Some(sooner), sooner)] {
        let [CredentialEvent::Shared { expires_at, break_glass: true, .. }] =
            &events(&given([]), &breaking(asked, Some("outage")))[..]
        else {
            panic!("shared")
        };
        assert_eq!(*expires_at, Some(ends));
    }
    // What somebody with the right to it gave for longer is not cut to an hour.
    let team = Grantee::Team(TeamId::from_uuid(Uuid::from_u128(7)));
    let breaks = breaking(None, Some("outage"));
    for (level, end) in [(Level::Use, None), (Level::Edit, Some(hour.plus_seconds(1)))] {
        assert_eq!(reason(&given([sharing(team, level, end)]), &breaks), "BREAK_GLASS", "{level:?}");
    }
    for (level, end) in [(Level::Edit, Some(sooner)), (Level::View, None)] {
        assert_eq!(events(&given([sharing(team, level, end)]), &breaks).len(), 1, "{level:?}");
    }
}

#[test]
fn a_grant_ends_in_the_future_and_never_goes_to_the_owner() {
    let team = Grantee::Team(TeamId::from_uuid(Uuid::from_u128(7)));
    assert!(matches!(given([]).decide(&sharing(team, Level::Use, Some(now()))), Err(Refusal::Invalid(_))));
    let owner = Grantee::Member(MemberId::from_uuid(Uuid::from_u128(1)));
    assert!(matches!(given([]).decide(&sharing(owner, Level::Use, None)), Err(Refusal::Invalid(_))));
}

#[test]
fn a_grant_does_not_count_at_its_end() {
    let grant = Grant { level: Level::Use, expires_at: Some(now()) };
    assert!(grant.in_force(Timestamp::from_micros(NOW - 1)) && !grant.in_force(now()));
}

fn attached() -> CredentialCommand {
    CredentialCommand::Attach {
        usage: "flow_x".into(),
        kind: UsageKind::Flow,
        component: "http-basic".into(),
    }
}

fn deleting(detach: bool) -> CredentialCommand {
    CredentialCommand::Delete { now: now(), restore_days: 30, detach }
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let active = CredentialCommand::ActivateUse { usage: "flow_x".into() };
    assert_eq!(reason(&given([attached()]), &deleting(false)), "CREDENTIAL_IN_USE");
    assert!(given([attached()]).decide(&deleting(true)).is_ok());
    assert_eq!(reason(&given([attached(), active]), &deleting(true)), "CREDENTIAL_IN_USE");
}

#[test]
fn a_credential_of_another_component_is_not_attached() {
    let foreign = CredentialCommand::Attach {
        usage: "flow_x".into(),
        kind: UsageKind::Flow,
        component: "github".into(),
    };
    assert_eq!(reason(&given([]), &foreign), "COMPONENT_MISMATCH");
}

#[test]
fn a_deleted_credential_comes_back_with_everything_until_its_day() {
    let team = Grantee::Team(TeamId::from_uuid(Uuid::from_u128(7)));
    let deleted = given([sharing(team, Level::Use, None), attached(), deleting(true)]);
    let at = |days| CredentialCommand::Restore { now: now().plus_days(days) };
    assert_eq!(reason(&deleted, &at(31)), "RESTORE_TOO_LATE");
    assert_eq!(reason(&deleted, &updating(update())), "CREDENTIAL_DELETED");
    let restored = events(&deleted, &at(29)).iter().fold(deleted, Credential::evolve);
    let state = state(&restored);
    assert!(state.grants.contains_key(&team) && state.usages.contains_key("flow_x"));
    assert_eq!((state.health, state.revision), (Health::Valid, 4));
}

#[test]
fn a_suspended_credential_is_not_checked_and_can_be_resumed() {
    let suspend = || CredentialCommand::Suspend { reason: "leaked?".into() };
    let suspended = given([suspend()]);
    assert_eq!(state(&suspended).status(now()), Status::Suspended);
    assert!(events(&suspended, &suspend()).is_empty());
    let check = CredentialCommand::RecordCheck {
        version: 1,
        trigger: Trigger::Demand,
        report: report(Verdict::Valid),
        now: now(),
    };
    assert_eq!(reason(&suspended, &check), "CREDENTIAL_SUSPENDED");
    let checked = rotating(rotate(&["pin"], Change::Checked(report(Verdict::Valid))));
    assert_eq!(reason(&suspended, &checked), "CREDENTIAL_SUSPENDED");
    let resume = CredentialCommand::Resume { reason: "was nothing".into() };
    assert_eq!(state(&given([suspend(), resume])).status(now()), Status::Valid);
    let silent = CredentialCommand::Suspend { reason: " ".into() };
    assert!(matches!(given([]).decide(&silent), Err(Refusal::Invalid(_))));
}

#[test]
fn each_step_of_the_expiry_ladder_is_told_once() {
    let end = now().plus_days(40);
    let ending = updating(Update { expires_at: Some(Some(end)), ..update() });
    let mut credential = given([ending]);
    let mut told = Vec::new();
    for day in 0..42 {
        let (now, ladder) = (now().plus_days(day), super::super::EXPIRY_LADDER.to_vec());
        let command = CredentialCommand::NoteExpiry { now, ladder };
        for event in events(&credential, &command) {
            told.push(match &event {
                CredentialEvent::Expiring { days, .. } => (day, *days),
                CredentialEvent::Expired { .. } => (day, 0),
                other => panic!("{other:?}"),
            });
            credential = credential.evolve(&event);
        }
    }
    assert_eq!(told, [(10, 30), (26, 14), (33, 7), (39, 1), (40, 0)]);
}

#[test]
fn evidence_of_an_end_goes_before_the_users_word() {
    let proven = now().plus_days(3);
    let check = Report { expires_at: Some(proven), ..report(Verdict::Valid) };
    let command =
        CredentialCommand::RecordCheck { version: 1, trigger: Trigger::Demand, report: check, now: now() };
    let said = updating(Update { expires_at: Some(Some(now().plus_days(90))), ..update() });
    assert_eq!(state(&given([said, command])).ends_at(), Some(proven));
}
