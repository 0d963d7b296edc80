//! Overlap, rollback and retirement of secret versions, and the purge.

use super::tests::*;
use crate::{
    Aggregate, Refusal, Timestamp,
    credential::{CredentialEvent as E, *},
    verification::{Trigger, Verdict},
};

fn later(seconds: i64) -> Timestamp {
    now().plus_seconds(seconds)
}

/// Version 2, with the first one leasable for a minute.
fn overlapping() -> CredentialCommand {
    rotating(Rotate { overlap_until: Some(later(60)), ..rotate(&["pin"], Change::Unchecked) })
}

fn back(to: Option<u32>, check: Change) -> CredentialCommand {
    CredentialCommand::RollBack(Box::new(RollBack { to, check, accept_inconclusive: false }))
}

fn retiring(version: u32, reason: RetirementReason) -> CredentialCommand {
    CredentialCommand::Retire { version, reason, now: now() }
}

fn checked(version: u32, verdict: Verdict, at: Timestamp) -> CredentialCommand {
    CredentialCommand::RecordCheck { version, trigger: Trigger::Routine, report: report(verdict), now: at }
}

#[test]
fn the_version_before_is_leased_until_the_overlap_is_over_and_by_its_number_alone() {
    let credential = given([overlapping()]);
    let state = state(&credential);
    let leased = |version, at| state.leasable(version, at).map(|(number, version)| (number, version.secret));
    assert_eq!(leased(None, now()), Ok((2, place(2))));
    assert_eq!(leased(Some(1), later(59)), Ok((1, place(1))));
    assert!(state.leasable(Some(1), later(60)).is_err() && state.leasable(Some(3), now()).is_err());
    assert!(state.is_leasable(place(1), later(59)) && !state.is_leasable(place(1), later(60)));
    let plain = given([rotating(rotate(&["pin"], Change::Unchecked))]);
    assert!(super::tests::state(&plain).leasable(Some(1), now()).is_err(), "without an overlap");
}

#[test]
fn a_rotation_without_an_overlap_ends_those_that_there_are() {
    let plain = rotating(rotate(&["pin"], Change::Unchecked));
    let credential = given([overlapping(), plain]);
    let state = state(&credential);
    assert_eq!((state.version, state.overlapping(now()), state.next_overlap_end()), (3, None, None));
    assert!(state.leasable(Some(1), now()).is_err());
    let both = given([overlapping(), overlapping()]);
    assert!(super::tests::state(&both).leasable(Some(1), now()).is_ok(), "with one, they go on");
}

#[test]
fn a_rejected_version_gives_way_to_the_one_before_while_that_can_be_leased() {
    for verdict in [Verdict::Invalid, Verdict::Revoked, Verdict::Expired] {
        let found = events(&given([overlapping()]), &checked(2, verdict, later(59)));
        assert!(
            matches!(
                &found[..],
                [
                    E::Invalidated { version: 2, .. },
                    E::RolledBack { from: 2, version: 1, reason: RollbackReason::Rejected, .. }
                ]
            ),
            "{found:?}"
        );
    }
    for (verdict, at) in
        [(Verdict::Invalid, later(60)), (Verdict::Inconclusive, now()), (Verdict::Valid, now())]
    {
        assert_eq!(events(&given([overlapping()]), &checked(2, verdict, at)).len(), 1, "{verdict:?}");
    }
    let retired = given([overlapping(), retiring(1, RetirementReason::Asked)]);
    assert_eq!(events(&retired, &checked(2, Verdict::Invalid, now())).len(), 1);
    let rolled = given([overlapping(), checked(2, Verdict::Invalid, now())]);
    let state = state(&rolled);
    assert_eq!((state.version, state.secret, state.highest_version), (1, place(1), 2));
    assert_eq!((state.health, state.leasable(Some(2), now()).is_err()), (Health::Unverified, true));
    assert_eq!(
        events(&rolled, &checked(1, Verdict::Invalid, now())).len(),
        1,
        "there is nothing to go back to"
    );
}

#[test]
fn nothing_goes_back_by_itself_to_what_is_known_to_be_dead() {
    let rejected = checked(1, Verdict::Revoked, now());
    let was_bad = given([rejected, overlapping()]);
    assert_eq!(events(&was_bad, &checked(2, Verdict::Invalid, now())).len(), 1, "it was rejected before");
    let ends = updating(Update { expires_at: Some(Some(later(30))), ..update() });
    let over = given([ends, overlapping()]);
    assert_eq!(events(&over, &checked(2, Verdict::Invalid, later(29))).len(), 2);
    assert_eq!(events(&over, &checked(2, Verdict::Invalid, later(30))).len(), 1, "its own end has come");
}

#[test]
fn an_earlier_version_is_leased_with_its_own_hosts() {
    let moved = Rotate {
        fields: fields("https://b.example"),
        allowed_hosts: Some(vec!["b.example".into()]),
        overlap_until: Some(later(60)),
        ..rotate(&["password", "pin"], Change::Unchecked)
    };
    let credential = given([rotating(moved)]);
    let hosts = |version| state(&credential).leasable(version, now()).map(|(_, leased)| leased.allowed_hosts);
    assert_eq!(hosts(Some(1)), Ok(vec!["a.example".to_owned()]));
    assert_eq!(hosts(None), Ok(vec!["b.example".to_owned()]));
}

#[test]
fn going_back_brings_everything_that_went_with_the_version() {
    let moved = Rotate {
        fields: fields("https://b.example"),
        allowed_hosts: Some(vec!["b.example".into()]),
        expires_at: Some(later(9)),
        ..rotate(&["password", "pin"], Change::Unchecked)
    };
    let credential = given([rotating(moved)]);
    let first = state(&given([])).current();
    let rolled = given([
        rotating(Rotate {
            fields: fields("https://b.example"),
            allowed_hosts: Some(vec!["b.example".into()]),
            expires_at: Some(later(9)),
            ..rotate(&["password", "pin"], Change::Unchecked)
        }),
        back(None, Change::Checked(report(Verdict::Valid))),
    ]);
    assert_ne!(state(&credential).current(), first);
    assert_eq!(state(&rolled).current(), first);
    assert_eq!((state(&rolled).health, state(&rolled).revision), (Health::Valid, 3));
    let forward = given([
        rotating(rotate(&["pin"], Change::Unchecked)),
        back(None, Change::Unchecked),
        back(Some(2), Change::Unchecked),
    ]);
    assert_eq!(state(&forward).version, 2, "and forward again");
    let rotated = given([
        rotating(rotate(&["pin"], Change::Unchecked)),
        back(None, Change::Unchecked),
        rotating(rotate(&["pin"], Change::Unchecked)),
    ]);
    assert_eq!(state(&rotated).version, 3, "no number is used twice");
}

#[test]
fn what_cannot_be_gone_back_to_is_refused() {
    let two = || rotating(rotate(&["pin"], Change::Unchecked));
    let credential = given([two()]);
    let rejected = back(None, Change::Checked(report(Verdict::Invalid)));
    assert_eq!(reason(&credential, &rejected), "VERIFICATION_FAILED");
    let unsure = back(None, Change::Checked(report(Verdict::Inconclusive)));
    assert_eq!(reason(&credential, &unsure), "VERIFICATION_INCONCLUSIVE");
    assert_eq!(reason(&given([]), &back(None, Change::Unchecked)), "NO_EARLIER_VERSION");
    assert_eq!(reason(&credential, &back(Some(2), Change::Unchecked)), "VERSION_IS_CURRENT");
    for never in [0, 3] {
        let refused = credential.decide(&back(Some(never), Change::Unchecked));
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{never}");
    }
    let retired = given([two(), retiring(1, RetirementReason::Asked)]);
    assert_eq!(reason(&retired, &back(Some(1), Change::Unchecked)), "VERSION_RETIRED");
    assert_eq!(reason(&retired, &back(None, Change::Unchecked)), "NO_EARLIER_VERSION");
}

#[test]
fn an_earlier_version_is_retired_once_and_the_current_one_never() {
    let credential = given([overlapping()]);
    assert_eq!(reason(&credential, &retiring(2, RetirementReason::Asked)), "VERSION_IS_CURRENT");
    assert!(matches!(credential.decide(&retiring(3, RetirementReason::Asked)), Err(Refusal::Invalid(_))));
    assert!(
        events(&credential, &retiring(1, RetirementReason::AllMoved)).is_empty(),
        "nothing proves the new one"
    );
    let proven = given([overlapping(), checked(2, Verdict::Valid, now())]);
    assert_eq!(events(&proven, &retiring(1, RetirementReason::AllMoved)).len(), 1);
    let retired = given([overlapping(), retiring(1, RetirementReason::Asked)]);
    assert!(events(&retired, &retiring(1, RetirementReason::Asked)).is_empty());
    assert_eq!((state(&retired).revision, state(&credential).revision), (3, 2));
    let moved =
        given([overlapping(), checked(2, Verdict::Valid, now()), retiring(1, RetirementReason::AllMoved)]);
    assert_eq!(state(&moved).revision, 2, "nobody changed anything");
    let plain = given([rotating(rotate(&["pin"], Change::Unchecked))]);
    assert!(events(&plain, &retiring(1, RetirementReason::AllMoved)).is_empty(), "nobody had to move");
}

#[test]
fn an_overlap_that_is_over_is_noted_once() {
    let note = |at| CredentialCommand::NoteExpiry { now: at, ladder: Vec::new() };
    let credential = given([overlapping()]);
    assert!(events(&credential, &note(later(59))).is_empty());
    let over = [E::VersionRetired { version: 1, reason: RetirementReason::OverlapOver }];
    assert_eq!(events(&credential, &note(later(60))), over);
    let noted = given([overlapping(), note(later(60))]);
    assert!(events(&noted, &note(later(61))).is_empty());
    assert_eq!(state(&credential).next_overlap_end(), Some(later(60)));
    assert_eq!(state(&noted).next_overlap_end(), None);
}

#[test]
fn what_is_kept_of_earlier_versions_is_bounded_and_what_goes_is_retired_by_an_event() {
    let rotation = || rotating(rotate(&["pin"], Change::Unchecked));
    let full = given((0..MOST_EARLIER).map(|_| rotation()));
    assert_eq!(state(&full).earlier.len(), MOST_EARLIER);
    let found = events(&full, &rotation());
    let gone = E::VersionRetired { version: 1, reason: RetirementReason::TooMany };
    assert!(matches!(&found[..], [E::SecretRotated { .. }, last] if *last == gone), "{found:?}");
    let many = given((0..=MOST_EARLIER).map(|_| rotation()));
    assert_eq!(state(&many).earlier.len(), MOST_EARLIER);
    assert_eq!(state(&many).revision, MOST_EARLIER as u64 + 2, "a rotation is one change");
    assert_eq!(reason(&many, &back(Some(1), Change::Unchecked)), "VERSION_RETIRED");
}

#[test]
fn who_goes_back_by_hand_ends_the_overlaps_and_what_gives_way_by_itself_does_not() {
    let twice = || [overlapping(), overlapping()];
    let by_hand = given(twice().into_iter().chain([back(None, Change::Unchecked)]));
    assert_eq!(state(&by_hand).version, 2);
    assert!(state(&by_hand).leasable(Some(1), now()).is_err());
    let rejected = given(twice().into_iter().chain([checked(3, Verdict::Invalid, now())]));
    assert_eq!(state(&rejected).version, 2);
    assert!(state(&rejected).leasable(Some(1), now()).is_ok());
}

#[test]
fn a_token_does_not_outlive_the_overlap_of_its_version() {
    let credential = given([overlapping()]);
    let seconds = |version, at| state(&credential).lease_seconds(version, 300, at);
    assert_eq!((seconds(2, now()), seconds(1, now()), seconds(1, later(59))), (300, 60, 1));
    assert_eq!(state(&credential).lease_seconds(1, 20, now()), 20);
}

#[test]
fn only_a_deleted_credential_is_purged_and_by_itself_not_before_its_day() {
    let purge = |when_due| CredentialCommand::Purge { when_due };
    let live = given([]);
    assert_eq!(reason(&live, &purge(None)), "CREDENTIAL_NOT_DELETED");
    assert!(events(&live, &purge(Some(later(9)))).is_empty(), "somebody restored it");
    let deleted = given([CredentialCommand::Delete { now: now(), restore_days: 30, detach: false }]);
    let last = now().plus_days(30);
    assert!(events(&deleted, &purge(Some(last))).is_empty());
    assert_eq!(events(&deleted, &purge(Some(last.plus_seconds(1)))), [E::Purged {}]);
    assert_eq!(events(&deleted, &purge(None)), [E::Purged {}]);
    let purged = deleted.evolve(&E::Purged {});
    assert!(matches!(purged.decide(&purge(None)), Err(Refusal::NotFound)));
}
