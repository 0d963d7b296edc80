//! Tokens that an OAuth client gets.

use uuid::Uuid;

use super::tests::{create_with, events, given_by, now, place, report, rotate, rotating, state};
use crate::{
    Aggregate, OAuthClientId, Refusal, SecretPayload, SecretWrite,
    credential::{
        ACCESS_TOKEN, Authorization, Change, Credential, CredentialCommand as C, CredentialEvent as E,
        Health, NewAuthorization, OAuthGrant, Refresh, Rotate, Status,
    },
    verification::{Report, Trigger, Verdict},
};

fn authorization() -> NewAuthorization {
    let authorization = Authorization {
        client: OAuthClientId::from_uuid(Uuid::from_u128(7)),
        grant: OAuthGrant::AuthorizationCode,
        refresh: Some(place(11)),
        scopes: vec!["read".into()],
        access_until: Some(now().plus_seconds(3_600)),
    };
    NewAuthorization { authorization, refresh: Some(write(11)) }
}

fn write(number: u128) -> SecretWrite {
    SecretWrite { at: place(number), payload: SecretPayload::default() }
}

fn authorized() -> Credential {
    given_by(create_with(authorization()), [])
}

fn refresh(of: u128, secret: u128) -> C {
    let access_until = Some(now().plus_seconds(7_200));
    C::Refresh(Box::new(Refresh {
        of: place(of),
        secret: write(secret),
        refresh: Some(write(12)),
        access_until,
    }))
}

fn refuse(of: u128) -> C {
    C::RefuseRefresh { of: place(of), report: report(Verdict::Revoked) }
}

fn after(credential: Credential, command: &C) -> Credential {
    events(&credential, command).iter().fold(credential, Credential::evolve)
}

#[test]
fn its_refresh_token_goes_to_a_place_of_its_own() {
    let decision = Credential::default().decide(&create_with(authorization())).expect("taken");
    let places: Vec<_> = decision.secrets.iter().map(|write| write.at).collect();
    assert_eq!(places, [place(1), place(11)]);
    assert!(matches!(decision.events[1], E::Authorized { .. }), "{:?}", decision.events);
}

#[test]
fn a_refresh_takes_the_place_of_the_token_that_it_is_of_and_of_no_other() {
    let credential = after(authorized(), &refresh(1, 21));
    let now = state(&credential);
    assert_eq!((now.secret, now.version, now.revision), (place(21), 1, 1));
    assert_eq!(now.authorization.as_ref().and_then(|known| known.refresh), Some(place(12)));
    assert!(matches!(credential.decide(&refresh(1, 22)), Err(Refusal::Conflict { .. })), "it is late");
    let suspended = after(authorized(), &C::Suspend { reason: "a look".into() });
    assert!(state(&suspended).refreshable(place(1)).is_err(), "nothing is asked for");
    assert_eq!(events(&suspended, &refresh(1, 21)).len(), 1, "what was asked for before is taken");
}

#[test]
fn a_refused_refresh_is_a_no_that_what_is_left_of_the_token_does_not_change() {
    let credential = after(authorized(), &refuse(1));
    assert_eq!((state(&credential).health, state(&credential).refresh_refused), (Health::Invalid, true));
    assert_eq!(events(&credential, &refuse(1)), [], "once");
    let check =
        C::RecordCheck { version: 1, trigger: Trigger::Routine, report: report(Verdict::Valid), now: now() };
    assert_eq!(events(&credential, &check), []);
    assert!(matches!(credential.decide(&refresh(1, 21)), Err(Refusal::Conflict { .. })));
    let over = now().plus_seconds(3_600);
    assert!(
        state(&credential).access_must_last(now()).is_ok()
            && state(&credential).access_must_last(over).is_err()
    );
}

#[test]
fn whoever_gives_a_token_of_his_own_takes_the_client_away_and_another_secret_does_not() {
    let other = after(authorized(), &rotating(rotate(&["password", "pin"], Change::Unchecked)));
    assert_eq!(state(&other).authorization, Some(authorization().authorization));
    let own = rotate(&[ACCESS_TOKEN], Change::Unchecked);
    assert_eq!(state(&after(authorized(), &rotating(own.clone()))).authorization, None);
    for rotation in [own, rotate(&["password", "pin"], Change::Unchecked)] {
        let overlapping = Rotate { overlap_until: Some(now().plus_seconds(60)), ..rotation };
        let refused = authorized().decide(&rotating(overlapping));
        assert!(matches!(refused, Err(Refusal::Rule { reason: "TOKEN_OF_CLIENT", .. })), "{refused:?}");
    }
}

#[test]
fn a_token_that_was_asked_for_before_the_deletion_is_there_after_the_restore() {
    let delete = C::Delete { now: now(), restore_days: 30, detach: false };
    let deleted = after(after(authorized(), &delete), &refresh(1, 21));
    let restored = after(deleted, &C::Restore { now: now() });
    assert_eq!((state(&restored).secret, state(&restored).version), (place(21), 1));
}

#[test]
fn what_a_check_says_of_the_end_of_a_token_that_is_replaced_is_no_end_of_the_credential() {
    let end = Some(now().plus_seconds(3_600));
    let check = |credential| {
        let report = Report { expires_at: end, ..report(Verdict::Valid) };
        after(credential, &C::RecordCheck { version: 1, trigger: Trigger::Demand, report, now: now() })
    };
    assert_eq!(state(&check(authorized())).ends_at(), None);
    let mut only = authorization();
    (only.authorization.refresh, only.refresh) = (None, None);
    assert_eq!(state(&check(given_by(create_with(only), []))).ends_at(), end);
}

#[test]
fn the_end_of_an_access_token_is_told_once_and_not_of_what_is_stopped_or_refused() {
    let told = |credential: &Credential, seconds: i64| {
        let note = C::NoteExpiry { now: now().plus_seconds(3_600 + seconds), ladder: vec![30] };
        events(credential, &note)
    };
    let ended = E::Expired { expires_at: Some(now().plus_seconds(3_600)) };
    assert_eq!((told(&authorized(), 59), told(&authorized(), 60)), (vec![], vec![ended]));
    let over = after(authorized(), &C::NoteExpiry { now: now().plus_seconds(3_660), ladder: vec![30] });
    let now_over = now().plus_seconds(3_661);
    assert_eq!((state(&over).status(now_over), told(&over, 90)), (Status::Expired, vec![]));
    let again = after(over, &refresh(1, 21));
    assert_eq!((state(&again).status(now_over), state(&again).noted_expiry), (Status::Unverified, None));
    let rejected = after(
        authorized(),
        &C::RecordCheck {
            version: 1,
            trigger: Trigger::Routine,
            report: report(Verdict::Invalid),
            now: now(),
        },
    );
    let refreshed = after(rejected, &refresh(1, 21));
    assert_eq!(state(&refreshed).health, Health::Invalid, "another token is no proof");
    let suspended = after(authorized(), &C::Suspend { reason: "a look".into() });
    assert_eq!((told(&suspended, 90), told(&after(authorized(), &refuse(1)), 90)), (vec![], vec![]));
}
