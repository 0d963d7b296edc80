//! Who may do what, told by examples; `access-matrix.txt` has all of it.

use crate::support::*;
use keytrail_domain::{Actor, Grantee, Level, Owner, Position, Principal, Role, Scopes, TenantId, Timestamp};
use keytrail_ports::{Action, AuthorityChange, Authorizer, Denied, Object, Scope};

#[tokio::test]
async fn another_tenants_things_are_hidden_even_from_the_system_and_an_owner() {
    let set = Set::with(vec![role(1, Role::Owner), owned(1, Owner::Member(member(1)))]).await;
    let abroad = TenantId::of_slug("abroad");
    set.source.put(abroad, 1, vec![role(1, Role::Owner), owned(1, Owner::Member(member(1)))]);
    for who in [person(abroad, 1), Principal::internal(abroad, "sweep"), robot(abroad, 1)] {
        for action in [Action::View, Action::Lease, Action::Share] {
            assert_eq!(set.authorizer.authorize(&who, action, of(1)).await, Err(Denied::Hidden));
        }
        assert_eq!(set.authorizer.permissions(&who, of(1)).await, Ok(vec![]));
    }
}

#[tokio::test]
async fn a_credential_of_another_tenant_is_hidden_from_an_owner_who_names_it_as_his_own() {
    let set =
        Set::with(vec![role(1, Role::Owner), granted(2, Grantee::Member(member(1)), Level::Manage)]).await;
    let answer = set.authorizer.authorize(&person(home(), 1), Action::View, of(2)).await;
    assert_eq!(answer, Err(Denied::Hidden));
}

#[tokio::test]
async fn who_is_no_member_or_only_says_that_he_is_the_system_is_nobody() {
    let set = Set::with(vec![role(1, Role::Owner)]).await;
    assert_eq!(set.authorizer.role(&person(home(), 1)).await, Ok(Some(Role::Owner)));
    let gone = AuthorityChange::Role { member: member(1), role: None };
    set.authorizer.apply(home(), Position::nth(2), &[gone]);
    for who in [person(home(), 1), person(home(), 2), impostor(home())] {
        let component = at(home(), Object::Component);
        assert_eq!(set.authorizer.authorize(&who, Action::View, component).await, Err(Denied::NotAMember));
        assert_eq!(set.authorizer.permissions(&who, component).await, Ok(vec![]));
        assert_eq!(set.authorizer.scope(&who).await, Err(Denied::NotAMember));
        assert_eq!(set.authorizer.role(&who).await, Err(Denied::NotAMember));
        assert_eq!(set.authorizer.teams(&who).await, Err(Denied::NotAMember));
    }
}

#[tokio::test]
async fn an_admin_manages_every_credential_but_leases_only_what_he_is_granted() {
    let set = Set::with(vec![role(1, Role::Admin), owned(1, Owner::Team(team(9)))]).await;
    let admin = person(home(), 1);
    let may = |action| set.authorizer.authorize(&admin, action, of(1));
    assert_eq!(may(Action::Share).await, Ok(()));
    assert_eq!(may(Action::Verify).await, Ok(()));
    assert_eq!(may(Action::Lease).await, Err(Denied::Forbidden));
    let grant = granted(1, Grantee::Member(member(1)), Level::Use);
    set.authorizer.apply(home(), Position::nth(2), &[grant]);
    assert_eq!(may(Action::Lease).await, Ok(()));
}

#[tokio::test]
async fn a_revoked_grant_is_gone_with_the_next_question() {
    let grantee = Grantee::Member(member(1));
    let set = Set::with(vec![role(1, Role::Member), granted(1, grantee, Level::Use)]).await;
    let who = person(home(), 1);
    assert_eq!(set.authorizer.authorize(&who, Action::Lease, of(1)).await, Ok(()));
    set.authorizer.apply(home(), Position::nth(2), &[ungranted(1, grantee)]);
    assert_eq!(set.authorizer.authorize(&who, Action::Lease, of(1)).await, Err(Denied::Hidden));
}

#[tokio::test]
async fn a_grant_counts_until_its_end_and_not_at_it() {
    let set = Set::with(vec![role(1, Role::Member)]).await;
    let until = Some(Timestamp::from_micros(1_000));
    let grant = AuthorityChange::Granted {
        credential: credential(1),
        grantee: Grantee::Member(member(1)),
        level: Some((Level::Use, until)),
    };
    let who = person(home(), 1);
    set.authorizer.role(&who).await.expect("loaded");
    set.authorizer.apply(home(), Position::nth(2), &[grant]);
    for (now, answer) in [(999, Ok(())), (1_000, Err(Denied::Hidden)), (1_001, Err(Denied::Hidden))] {
        set.clock.set(now);
        assert_eq!(set.authorizer.authorize(&who, Action::Lease, of(1)).await, answer, "{now}");
    }
}

#[tokio::test]
async fn a_lead_manages_what_his_team_owns_and_its_other_members_use_it() {
    let set = Set::with(vec![
        role(1, Role::Member),
        role(2, Role::Member),
        joined(5, 1, true),
        joined(5, 2, false),
        owned(1, Owner::Team(team(5))),
    ])
    .await;
    let may = async |number, action| set.authorizer.authorize(&person(home(), number), action, of(1)).await;
    assert_eq!(may(1, Action::Share).await, Ok(()));
    assert_eq!(may(2, Action::Lease).await, Ok(()));
    assert_eq!(may(2, Action::Update).await, Err(Denied::Forbidden));
    let gone = AuthorityChange::TeamGone { team: team(5) };
    set.authorizer.apply(home(), Position::nth(2), &[gone]);
    assert_eq!(may(1, Action::View).await, Err(Denied::Hidden));
}

#[tokio::test]
async fn a_service_account_has_what_is_granted_to_it_and_nothing_else() {
    let grantee = Grantee::ServiceAccount(service(1));
    let set = Set::with(vec![
        owned(1, Owner::Team(team(9))),
        granted(1, grantee, Level::Use),
        owned(2, Owner::Team(team(9))),
    ])
    .await;
    let robot = robot(home(), 1);
    assert_eq!(set.authorizer.authorize(&robot, Action::Lease, of(1)).await, Ok(()));
    assert_eq!(set.authorizer.authorize(&robot, Action::Rotate, of(1)).await, Err(Denied::Forbidden));
    assert_eq!(set.authorizer.authorize(&robot, Action::View, of(2)).await, Err(Denied::Hidden));
    assert_eq!(set.authorizer.scope(&robot).await, Ok(Scope::GrantedTo(vec![grantee])));
    assert_eq!(set.authorizer.role(&robot).await, Ok(None));
    assert_eq!(set.authorizer.teams(&robot).await, Ok(vec![]));
}

#[tokio::test]
async fn a_member_makes_credentials_for_himself_and_his_teams_an_admin_for_every_team() {
    let set = Set::with(vec![
        role(1, Role::Member),
        role(2, Role::Admin),
        role(3, Role::Auditor),
        joined(5, 1, false),
        joined(5, 3, false),
    ])
    .await;
    let (mine, others) = (Owner::Team(team(5)), Owner::Team(team(6)));
    for (who, owner, answer) in [
        (1, Owner::Member(member(1)), Ok(())),
        (1, mine, Ok(())),
        (1, others, Err(Denied::Forbidden)),
        (1, Owner::Member(member(2)), Err(Denied::Forbidden)),
        (2, others, Ok(())),
        (2, Owner::Member(member(1)), Err(Denied::Forbidden)),
        (3, Owner::Member(member(3)), Err(Denied::Forbidden)),
        (3, mine, Err(Denied::Forbidden)),
    ] {
        let new = at(home(), Object::NewCredential(owner));
        assert_eq!(
            set.authorizer.authorize(&person(home(), who), Action::Create, new).await,
            answer,
            "{who} {owner}"
        );
    }
}

#[tokio::test]
async fn permissions_are_what_authorize_allows() {
    let set =
        Set::with(vec![role(1, Role::Member), granted(1, Grantee::Member(member(1)), Level::Use)]).await;
    let permissions = set.authorizer.permissions(&person(home(), 1), of(1)).await;
    let expected = [Action::View, Action::Verify, Action::Lease, Action::Attach, Action::Acknowledge];
    assert_eq!(permissions, Ok(expected.to_vec()));
    assert_eq!(set.authorizer.permissions(&person(home(), 1), of(2)).await, Ok(vec![]));
}

#[tokio::test]
async fn role_teams_and_scope_say_what_is_folded() {
    let set = Set::with(vec![
        role(1, Role::Member),
        role(2, Role::Auditor),
        joined(5, 1, false),
        joined(6, 1, true),
    ])
    .await;
    let (who, auditor) = (person(home(), 1), person(home(), 2));
    assert_eq!(set.authorizer.role(&who).await, Ok(Some(Role::Member)));
    assert_eq!(set.authorizer.teams(&who).await, Ok(vec![(team(5), false), (team(6), true)]));
    let grantees = vec![Grantee::Member(member(1)), Grantee::Team(team(5)), Grantee::Team(team(6))];
    assert_eq!(set.authorizer.scope(&who).await, Ok(Scope::GrantedTo(grantees)));
    assert_eq!(set.authorizer.scope(&auditor).await, Ok(Scope::All));
}

#[tokio::test]
async fn the_system_may_what_some_line_allows_and_nothing_else() {
    let set = Set::with(vec![]).await;
    for actor in [Actor::internal("refresh"), Actor::operator()] {
        let system = Principal { tenant: home(), actor, expires_at: None, scopes: Scopes::ALL };
        assert_eq!(set.authorizer.authorize(&system, Action::Lease, of(1)).await, Ok(()));
        let tenant = at(home(), Object::Tenant);
        assert_eq!(set.authorizer.authorize(&system, Action::Lease, tenant).await, Err(Denied::Forbidden));
        assert_eq!(set.authorizer.scope(&system).await, Ok(Scope::All));
    }
}
