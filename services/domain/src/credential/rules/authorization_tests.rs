//! Tokens that an OAuth client gets.

use uuid::Uuid;

use super::tests::{create_with, events, given_by, now, place, report, rotate, rotating, state};
use crate::{
    Aggregate, OAuthClientId, Refusal, SecretPayload, SecretWrite,
    credential::{
        Authorization, Change, Credential, CredentialCommand as C, CredentialEvent as E, Health,
        NewAuthorization, OAuthGrant, Refresh,
    },
    verification::{Trigger, Verdict},
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
fn whoever_gives_a_token_of_his_own_takes_the_client_away() {
    let rotated = after(authorized(), &rotating(rotate(&["password", "pin"], Change::Unchecked)));
    assert_eq!(state(&rotated).authorization, None);
}
