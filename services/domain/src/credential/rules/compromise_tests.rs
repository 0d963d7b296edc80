//! What is known to be in the wrong hands.

use super::tests::{events, given, now, reason, report, rotate, rotating, state};
use crate::{
    Aggregate, Refusal, Timestamp,
    credential::{
        Change, Credential, CredentialCommand as C, CredentialEvent as E, RetirementReason, Rotate, Status,
    },
    verification::Verdict,
};

const ALL: [&str; 2] = ["password", "pin"];

fn mark(since: Timestamp) -> C {
    C::MarkCompromised { since, reason: "it was in a public repository".into(), now: now() }
}

fn rotated() -> C {
    rotating(rotate(&ALL, Change::Unchecked))
}

fn after(credential: Credential, command: &C) -> Credential {
    events(&credential, command).iter().fold(credential, Credential::evolve)
}

#[test]
fn it_is_frozen_and_every_earlier_version_has_ended() {
    let events = events(&given([rotated()]), &mark(now()));
    assert!(matches!(events[0], E::MarkedCompromised { since, .. } if since == now()), "{events:?}");
    assert_eq!(events[1..], [E::VersionRetired { version: 1, reason: RetirementReason::Compromised }]);
    let marked = given([rotated(), mark(now())]);
    assert_eq!(state(&marked).status(now()), Status::Suspended);
    for refused in [state(&marked).may_be_leased(), state(&marked).may_be_checked()] {
        assert!(
            matches!(refused, Err(Refusal::Rule { reason: "CREDENTIAL_COMPROMISED", .. })),
            "{refused:?}"
        );
    }
    assert!(state(&marked).rollback_target(None).is_err());
}

#[test]
fn only_an_earlier_moment_is_news_and_none_lies_in_the_future() {
    let marked = given([mark(now())]);
    assert_eq!(events(&marked, &mark(now())), []);
    assert_eq!(events(&marked, &mark(now().plus_seconds(-1))).len(), 1);
    assert!(matches!(marked.decide(&mark(now().plus_seconds(1))), Err(Refusal::Invalid(_))));
}

#[test]
fn another_secret_as_a_whole_and_at_once_ends_it() {
    let marked = given([rotated(), mark(now())]);
    let whole = rotate(&ALL, Change::Unchecked);
    assert_eq!(reason(&marked, &rotating(rotate(&ALL[..1], Change::Unchecked))), "SECRET_REQUIRED");
    let overlapping = Rotate { overlap_until: Some(now().plus_seconds(60)), ..whole.clone() };
    assert_eq!(reason(&marked, &rotating(overlapping)), "CREDENTIAL_COMPROMISED");
    let checked = Rotate { check: Change::Checked(report(Verdict::Valid)), ..whole };
    let mended = after(marked, &rotating(checked));
    assert!(!state(&mended).is_frozen() && state(&mended).version == 3, "{mended:?}");
    assert!(state(&mended).earlier.is_empty(), "what was in the wrong hands is not gone back to");
}

#[test]
fn a_mistake_is_taken_back_by_resuming() {
    let resumed = given([mark(now()), C::Resume { reason: "the repository was private".into() }]);
    assert!(!state(&resumed).is_frozen());
}
