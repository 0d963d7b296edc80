//! Promise 9: a count is how many rows its list has over all pages.

use keytrail_ports::views::EventFilter;

use super::*;

fn person(number: u128, removed_at: Option<Timestamp>) -> Put {
    Put::Member(MemberRow {
        tenant: acme(),
        id: member(number),
        issuer: "keytrail".to_owned(),
        subject: format!("person {number}"),
        role: Role::Member,
        profile: None,
        added_at: time(1),
        removed_at,
    })
}

fn group(number: u128, deleted_at: Option<Timestamp>) -> Put {
    let (name, created_at) = (format!("team {number}"), time(1));
    Put::Team(TeamRow { tenant: acme(), id: team(number), name, created_at, deleted_at, revision: 1 })
}

#[tokio::test]
async fn a_count_is_how_many_rows_its_list_has() {
    let views = views().await;
    let checks = [1, 2, 3].map(|second| Put::Check(Box::new(check(1, second, Verdict::Valid))));
    let gone = Some(time(2));
    let people = [person(1, None), person(2, gone), person(3, None), group(1, gone), group(2, None)];
    let batch = vec![
        event(acme(), 1, &checks),
        event(acme(), 2, &people),
        event(other(), 3, &[]),
        event_in(StreamId::credential(acme(), credential_id(1)), 4, &[]),
    ];
    project(&views, batch).await.unwrap();
    let page = || PageRequest::first(99);
    for tenant in [acme(), other()] {
        let (members, teams) = (views.members(tenant, page()).await, views.teams(tenant, page()).await);
        assert_eq!(views.count_members(tenant).await.unwrap(), members.unwrap().rows.len() as u64);
        assert_eq!(views.count_teams(tenant).await.unwrap(), teams.unwrap().rows.len() as u64);
        for until in [None, Some(time(2))] {
            let checks = views.verifications(tenant, credential_id(1), until, page()).await.unwrap();
            let count = views.count_verifications(tenant, credential_id(1), until).await.unwrap();
            assert_eq!(count, checks.rows.len() as u64);
        }
        for filter in [
            EventFilter::default(),
            EventFilter { types: vec!["Even".to_owned()], ..EventFilter::default() },
            EventFilter { credential: Some(credential_id(1)), ..EventFilter::default() },
            EventFilter { upto: Some(Position::nth(2)), ..EventFilter::default() },
        ] {
            let events = views.events(tenant, filter.clone(), page()).await.unwrap();
            assert_eq!(views.count_events(tenant, filter).await.unwrap(), events.rows.len() as u64);
        }
    }
    let counts = (views.count_members(acme()).await.unwrap(), views.count_teams(acme()).await.unwrap());
    assert_eq!(counts, (2, 1));
    assert_eq!(views.count_verifications(acme(), credential_id(1), None).await.unwrap(), 3);
    assert_eq!(views.count_events(acme(), EventFilter::default()).await.unwrap(), 3);
}
