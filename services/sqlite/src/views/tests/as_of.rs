//! Promise 8: rows as of a position are those that were in force just after it.

use keytrail_ports::views::EventFilter;

use super::*;

fn at(number: u64) -> Option<Position> {
    Some(Position::nth(number))
}

#[tokio::test]
async fn grants_are_told_as_they_were_after_a_position() {
    let views = views().await;
    let (id, ann) = (credential_id(1), Grantee::Member(member(1)));
    let give = |level| Put::Grant(id, ann, level, Some(time(50)));
    let batch = vec![
        event(acme(), 2, &[put(credential(acme(), 1, "one")), give(Some(Level::View))]),
        event(acme(), 4, &[give(Some(Level::Edit))]),
        event(acme(), 6, &[give(None)]),
        event(acme(), 8, &[give(Some(Level::Use)), give(Some(Level::Manage))]),
        event(acme(), 10, &[Put::CredentialGone(id)]),
    ];
    project(&views, batch).await.unwrap();
    let levels = async |position| {
        let grants = views.grants(acme(), id, position).await.unwrap();
        grants.into_iter().map(|grant| (grant.level, grant.granted_at, grant.expires_at)).collect::<Vec<_>>()
    };
    let end = Some(time(50));
    assert_eq!(levels(at(1)).await, []);
    for position in [2, 3] {
        assert_eq!(levels(at(position)).await, [(Level::View, time(2), end)]);
    }
    assert_eq!(levels(at(5)).await, [(Level::Edit, time(4), end)]);
    assert_eq!(levels(at(6)).await, []);
    assert_eq!(
        levels(at(9)).await,
        [(Level::Manage, time(8), end)],
        "one that was never in force is not told"
    );
    assert_eq!((levels(at(10)).await, levels(None).await), (vec![], vec![]));
    assert!(views.grants(other(), id, at(9)).await.unwrap().is_empty());
}

#[tokio::test]
async fn all_that_decides_about_a_credential_is_told_as_it_was() {
    use AuthorityChange as A;
    let views = views().await;
    let (id, ann, bob) = (credential_id(1), member(1), member(2));
    let first = [
        put(credential(acme(), 1, "one")),
        Put::Role(ann, Some(Role::Owner)),
        Put::Role(bob, Some(Role::Member)),
        Put::Owner(id, Owner::Team(team(1))),
        Put::Membership(team(1), bob, Some(false)),
        Put::Membership(team(2), bob, Some(true)),
        Put::Membership(team(3), bob, Some(true)),
        Put::Grant(id, Grantee::Team(team(2)), Some(Level::Edit), None),
        Put::Grant(credential_id(2), Grantee::Team(team(3)), Some(Level::Edit), None),
    ];
    let second = [Put::TeamGone(team(2)), Put::Role(bob, None), Put::Owner(id, Owner::Member(ann))];
    project(&views, vec![event(acme(), 2, &first), event(acme(), 4, &second)]).await.unwrap();
    let told = async |position| views.access(acme(), id, position).await.unwrap();
    let grant =
        A::Granted { credential: id, grantee: Grantee::Team(team(2)), level: Some((Level::Edit, None)) };
    let then = [
        A::Owned { credential: id, owner: Owner::Team(team(1)) },
        grant,
        A::Membership { team: team(1), member: bob, lead: Some(false) },
        A::Membership { team: team(2), member: bob, lead: Some(true) },
        A::Role { member: ann, role: Some(Role::Owner) },
        A::Role { member: bob, role: Some(Role::Member) },
    ];
    assert_eq!(told(at(3)).await, then);
    let now = [
        A::Owned { credential: id, owner: Owner::Member(ann) },
        grant,
        A::Role { member: ann, role: Some(Role::Owner) },
    ];
    assert_eq!((told(at(4)).await, told(None).await), (now.to_vec(), now.to_vec()));
    assert_eq!(told(at(1)).await, []);
    assert!(views.access(other(), id, at(3)).await.unwrap().is_empty());
}

#[tokio::test]
async fn events_and_checks_end_where_they_are_asked_to() {
    let views = views().await;
    let checks = [1, 3, 5].map(|second| Put::Check(Box::new(check(1, second, Verdict::Valid))));
    let batch =
        (1..=5).map(|number| event(acme(), number, if number == 1 { &checks } else { &[] })).collect();
    project(&views, batch).await.unwrap();
    let filter = EventFilter { upto: at(3), ..EventFilter::default() };
    let events = views.events(acme(), filter, PageRequest::first(9)).await.unwrap();
    assert_eq!(events.rows.iter().map(|(_, row)| row.position.commit).collect::<Vec<_>>(), [1, 2, 3]);
    let until = Some(time(3));
    let page = views.verifications(acme(), credential_id(1), until, PageRequest::first(9)).await.unwrap();
    assert_eq!(page.rows.iter().map(|(_, row)| row.at).collect::<Vec<_>>(), [time(3), time(1)]);
}
