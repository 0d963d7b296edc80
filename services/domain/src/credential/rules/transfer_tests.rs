//! Who owns a credential: offers, and what becomes of them.

use uuid::Uuid;

use super::tests::*;
use crate::{
    Aggregate, MemberId, Owner, Refusal, TeamId,
    credential::{CredentialCommand as C, CredentialEvent as E, *},
};

fn member(number: u128) -> Owner {
    Owner::Member(MemberId::from_uuid(Uuid::from_u128(number)))
}

const TEAM: Owner = Owner::Team(TeamId::from_uuid(Uuid::from_u128(7)));

fn offer(to: Owner) -> CredentialCommand {
    C::OfferTransfer { offer: Offer { to, by_role_of: None }, note: Some(" take care ".into()) }
}

fn accept(to: Owner, name: Option<&str>) -> CredentialCommand {
    C::AcceptTransfer { to, name: name.map(str::to_owned) }
}

#[test]
fn an_offer_changes_nothing_until_it_is_accepted() {
    let offered = given([offer(TEAM)]);
    assert_eq!((state(&offered).owner, state(&offered).offer.map(|offer| offer.to)), (member(1), Some(TEAM)));
    let accepted = given([offer(TEAM), accept(TEAM, None)]);
    assert_eq!((state(&accepted).owner, state(&accepted).offer), (TEAM, None));
    let named = events(&offered, &accept(TEAM, Some("Ours")));
    let moved = E::Transferred { from: member(1), to: TEAM, reason: TransferReason::Accepted };
    assert_eq!(named, [moved, E::Renamed { name: "Ours".into() }]);
}

#[test]
fn one_offer_at_a_time_and_only_its_receiver_takes_it() {
    let offered = given([offer(TEAM)]);
    assert!(events(&offered, &offer(TEAM)).is_empty());
    assert_eq!(reason(&offered, &offer(member(2))), "TRANSFER_PENDING");
    assert_eq!(reason(&offered, &accept(member(2), None)), "NO_TRANSFER_OFFER");
    assert_eq!(reason(&offered, &C::DeclineTransfer { to: member(2) }), "NO_TRANSFER_OFFER");
    assert!(matches!(given([]).decide(&offer(member(1))), Err(Refusal::Invalid(_))), "he owns it");
    for end in [C::DeclineTransfer { to: TEAM }, C::CancelTransfer] {
        let over = given([offer(TEAM), end]);
        assert_eq!(state(&over).offer, None);
        assert_eq!(reason(&over, &accept(TEAM, None)), "NO_TRANSFER_OFFER");
    }
    assert!(events(&given([]), &C::CancelTransfer).is_empty());
}

#[test]
fn an_offer_by_a_right_takes_the_place_of_one_by_a_role_and_not_the_other_way_round() {
    let by = |role| C::OfferTransfer { offer: Offer { to: TEAM, by_role_of: role }, note: None };
    let admin = Some(MemberId::from_uuid(Uuid::from_u128(9)));
    let own = given([by(admin), by(None)]);
    assert_eq!(state(&own).offer, Some(Offer { to: TEAM, by_role_of: None }));
    assert!(events(&own, &by(admin)).is_empty());
    assert!(events(&given([by(admin)]), &by(admin)).is_empty());
}

#[test]
fn what_a_removed_member_owned_is_handed_over_once_also_when_it_is_deleted() {
    let over = C::HandOver { from: member(1), to: TEAM, name: None };
    let delete = C::Delete { now: now(), restore_days: 30, detach: false };
    for before in [vec![], vec![delete], vec![offer(member(2))]] {
        let credential = given(before);
        let [moved] = &events(&credential, &over)[..] else { panic!("one event") };
        let after = credential.evolve(moved);
        let known = after.known().expect("it is known");
        assert_eq!((known.owner, known.offer), (TEAM, None));
        assert!(events(&after, &over).is_empty(), "it is somebody else's by now");
    }
}
