//! Promises 1 to 3, 5, 7 and 8.

use keytrail_domain::credential::{Status, UsageKind};
use keytrail_ports::{
    AuthoritySource,
    views::{EventFilter, UsageRow},
};

use super::*;

#[tokio::test]
async fn rows_and_checkpoint_commit_together_and_an_old_event_changes_nothing() {
    let views = views().await;
    let row = |name| put(credential(acme(), 1, name));
    project(&views, vec![event(acme(), 1, &[row("one")]), event(acme(), 2, &[row("two")])]).await.unwrap();
    assert_eq!(views.checkpoint().await.unwrap(), Some(Position::nth(2)));
    let late = project(&views, vec![event(acme(), 2, &[row("late")])]).await.unwrap();
    assert!(late.events.is_empty());
    let half_late =
        vec![event(acme(), 2, &[row("late")]), event(acme(), 3, &[put(credential(acme(), 2, "b"))])];
    assert_eq!(project(&views, half_late).await.unwrap().events.len(), 1);
    assert_eq!(names(&views, query(acme())).await, ["two", "b"]);
}

#[tokio::test]
async fn a_failing_event_leaves_everything_as_before_its_batch() {
    let views = views().await;
    project(&views, vec![event(acme(), 1, &[put(credential(acme(), 1, "one"))])]).await.unwrap();
    let failing = vec![
        event(other(), 2, &[put(credential(other(), 9, "never"))]),
        event(acme(), 3, &[put(credential(acme(), 1, "changed")), Put::Fail]),
    ];
    let error = project(&views, failing).await.unwrap_err();
    assert!(matches!(error, ViewError::Projection(_)), "{error:?}");
    assert_eq!(views.checkpoint().await.unwrap(), Some(Position::nth(1)));
    assert_eq!(names(&views, query(acme())).await, ["one"]);
    assert!(names(&views, query(other())).await.is_empty());
    project(&views, vec![event(other(), 2, &[put(credential(other(), 9, "now"))])]).await.unwrap();
    assert_eq!(names(&views, query(other())).await, ["now"]);
}

#[tokio::test]
async fn another_projector_is_refused() {
    let views = views().await;
    let events = vec![event(acme(), 1, &[])];
    let error = views.project(events, Position::nth(1), Arc::new(Puts(VERSION + 1))).await.unwrap_err();
    assert!(matches!(error, ViewError::Projection(_)), "{error:?}");
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes() {
    let views = views().await;
    let twice = Put::NameTwice(credential_id(1));
    let batch = vec![
        event(acme(), 1, &[put(credential(acme(), 1, "a")), twice.clone()]),
        event(acme(), 2, std::slice::from_ref(&twice)),
    ];
    project(&views, batch).await.unwrap();
    project(&views, vec![event(acme(), 3, &[twice])]).await.unwrap();
    assert_eq!(names(&views, query(acme())).await, ["aaaaaaaa"]);
}

#[tokio::test]
async fn nothing_of_one_tenant_is_in_an_answer_for_another() {
    let views = views().await;
    let mut row = credential(acme(), 1, "ours");
    row.external_id = Some("x".to_owned());
    let holder = Grantee::Member(member(7));
    let puts = [
        put(row),
        Put::Grant(credential_id(1), holder, Some(Level::View), None),
        Put::Secret(secret(acme(), 3)),
        Put::Check(Box::new(check(1, 5, Verdict::Valid))),
    ];
    project(&views, vec![event(acme(), 1, &puts), event(other(), 2, &[])]).await.unwrap();
    let ids = [credential_id(1)];
    assert_eq!(views.credentials_by_id(acme(), &ids).await.unwrap().len(), 1);
    assert!(views.credentials_by_id(other(), &ids).await.unwrap().is_empty());
    assert!(views.credentials_by_name(other(), "ours").await.unwrap().is_empty());
    assert!(views.credential_by_external_id(other(), "x").await.unwrap().is_none());
    assert!(views.grants(other(), ids[0], None).await.unwrap().is_empty());
    assert!(views.known_secrets(other()).await.unwrap().is_empty());
    assert!(views.verifications(other(), ids[0], None, PageRequest::first(9)).await.unwrap().rows.is_empty());
    assert!(views.daily(other(), "1970-01-01").await.unwrap().is_empty());
    assert!(views.authority(other()).await.unwrap().changes.is_empty());
    assert!(views.event(other(), EventId::from_uuid(Uuid::from_u128(1))).await.unwrap().is_none());
    let scope = Scope::GrantedTo(vec![holder]);
    assert_eq!(names(&views, CredentialQuery { scope: scope.clone(), ..query(acme()) }).await, ["ours"]);
    assert!(names(&views, CredentialQuery { scope, ..query(other()) }).await.is_empty());
    let all = views.events(other(), EventFilter::default(), PageRequest::first(9)).await.unwrap();
    assert_eq!(all.rows.len(), 1);
}

#[tokio::test]
async fn text_finds_parts_of_names_external_ids_components_and_label_values() {
    let views = views().await;
    let mut row = credential(acme(), 1, "Prod Ärger \"main\"");
    row.external_id = Some("EXT-77".to_owned());
    row.labels = Labels::new([("env".to_owned(), "Berlin".to_owned())]).unwrap();
    let rest = put(credential(other(), 2, "Prod"));
    project(&views, vec![event(acme(), 1, &[put(row.clone())]), event(other(), 2, &[rest])]).await.unwrap();
    let found = async |text: &str| {
        let filter = CredentialFilter { text: Some(text.to_owned()), ..Default::default() };
        names(&views, CredentialQuery { filter, ..query(acme()) }).await.len()
    };
    for text in ["pROD", "ärg", "R \"M", "ext-7", "github", "ERLI", "p", "Är", "77", ""] {
        assert_eq!(found(text).await, 1, "{text:?}");
    }
    for text in ["prodx", "env", "z", "main\"ext", "a\0b", "abc\0", "7github", "\u{1f}"] {
        assert_eq!(found(text).await, 0, "{text:?}");
    }
    row.name = "Renamed".to_owned();
    project(&views, vec![event(acme(), 3, &[put(row)])]).await.unwrap();
    assert_eq!((found("prod").await, found("named").await), (0, 1), "after renaming");
}

#[tokio::test]
async fn grants_and_owners_are_told_apart_and_end_when_they_are_taken_back() {
    let views = views().await;
    let (id, ann, ops) = (credential_id(1), Grantee::Member(member(1)), Grantee::Team(team(2)));
    let first = [
        put(credential(acme(), 1, "one")),
        Put::Owner(id, Owner::Member(member(1))),
        Put::Grant(id, ops, Some(Level::View), Some(time(50))),
        Put::Grant(id, Grantee::Member(member(3)), Some(Level::Use), None),
    ];
    let second = [Put::Grant(id, ops, Some(Level::Edit), Some(time(60)))];
    let third = [Put::Grant(id, Grantee::Member(member(3)), None, None)];
    let batch = vec![event(acme(), 1, &first), event(acme(), 2, &second), event(acme(), 3, &third)];
    let told = project(&views, batch).await.unwrap().authority;
    assert_eq!(told.len(), 5);
    assert_eq!((told[3].0, told[3].1), (acme(), Position::nth(2)));
    let grants = views.grants(acme(), id, None).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!((grants[0].grantee, grants[0].level), (ops, Level::Edit));
    assert_eq!((grants[0].expires_at, grants[0].granted_at), (Some(time(60)), time(2)));
    let seen = async |who, now| {
        let query = CredentialQuery { scope: Scope::GrantedTo(vec![who]), now, ..query(acme()) };
        names(&views, query).await.len()
    };
    assert_eq!((seen(ops, time(59)).await, seen(ops, time(60)).await), (1, 0));
    assert_eq!((seen(ann, time(99)).await, seen(Grantee::Member(member(3)), time(4)).await), (1, 0));
    project(&views, vec![event(acme(), 4, &[Put::CredentialGone(id)])]).await.unwrap();
    assert_eq!(seen(ann, time(99)).await, 0);
}

#[tokio::test]
async fn a_snapshot_of_authority_is_what_is_in_force_at_its_position() {
    let views = views().await;
    let (id, ann, bob) = (credential_id(1), member(1), member(2));
    let puts = [
        Put::Role(ann, Some(Role::Member)),
        Put::Role(ann, Some(Role::Admin)),
        Put::Role(bob, Some(Role::Member)),
        Put::Membership(team(1), ann, Some(false)),
        Put::Membership(team(1), bob, Some(true)),
        Put::Membership(team(2), bob, Some(true)),
        Put::Owner(id, Owner::Member(bob)),
        Put::Owner(id, Owner::Team(team(1))),
        Put::Grant(id, Grantee::Member(ann), Some(Level::Use), Some(time(9))),
    ];
    let batch =
        vec![event(acme(), 1, &puts), event(acme(), 2, &[Put::TeamGone(team(2)), Put::Role(bob, None)])];
    project(&views, batch).await.unwrap();
    let snapshot = views.authority(acme()).await.unwrap();
    assert_eq!(snapshot.position, Some(Position::nth(2)));
    let expected = [
        AuthorityChange::Role { member: ann, role: Some(Role::Admin) },
        AuthorityChange::Membership { team: team(1), member: ann, lead: Some(false) },
        AuthorityChange::Membership { team: team(1), member: bob, lead: Some(true) },
        AuthorityChange::Owned { credential: id, owner: Owner::Team(team(1)) },
        AuthorityChange::Granted {
            credential: id,
            grantee: Grantee::Member(ann),
            level: Some((Level::Use, Some(time(9)))),
        },
    ];
    assert_eq!(snapshot.changes.len(), expected.len());
    assert!(expected.iter().all(|change| snapshot.changes.contains(change)), "{snapshot:?}");
    let members = views.team_members(acme(), team(1), None).await.unwrap();
    let seen: Vec<_> = members.iter().map(|row| (row.member, row.lead)).collect();
    assert_eq!(seen, [(ann, false), (bob, true)]);
}

#[tokio::test]
async fn events_are_told_as_of_a_position_and_a_moment() {
    let views = views().await;
    let stream = StreamId::credential(acme(), credential_id(1));
    let batch: Vec<_> = (1..=9)
        .map(|number| match number % 3 {
            0 => event_in(stream.clone(), number, &[]),
            1 => event(acme(), number, &[]),
            _ => event(other(), number, &[]),
        })
        .collect();
    let expected: Vec<_> = batch.iter().map(event_row).collect();
    project(&views, batch).await.unwrap();
    let upto = async |at| views.stream_events(&stream, at).await.unwrap().len();
    assert_eq!((upto(Some(Position::nth(6))).await, upto(None).await), (2, 3));
    let at = async |second| views.position_at(acme(), time(second)).await.unwrap();
    assert_eq!((at(0).await, at(5).await), (None, Some(Position::nth(4))));
    let found = views.event(acme(), expected[2].id).await.unwrap();
    assert_eq!(found.as_deref(), Some(&expected[2]));
    let positions = async |filter| {
        let page = views.events(acme(), filter, PageRequest::first(9)).await.unwrap();
        page.rows.iter().map(|(_, row)| row.position.commit).collect::<Vec<_>>()
    };
    assert_eq!(positions(EventFilter::default()).await, [1, 3, 4, 6, 7, 9]);
    let types = vec!["Even".to_owned()];
    assert_eq!(positions(EventFilter { types, ..Default::default() }).await, [4, 6]);
    let credential = Some(credential_id(1));
    assert_eq!(positions(EventFilter { credential, ..Default::default() }).await, [3, 6, 9]);
    let stream = Some(stream.clone());
    assert_eq!(positions(EventFilter { stream, ..Default::default() }).await, [3, 6, 9]);
    let (from, until) = (Some(time(4)), Some(time(7)));
    assert_eq!(positions(EventFilter { from, until, ..Default::default() }).await, [4, 6]);
    let actor = |name: &str| EventFilter { actor: Some(name.to_owned()), ..Default::default() };
    assert_eq!((positions(actor("test")).await.len(), positions(actor("x")).await.len()), (6, 0));
}

#[tokio::test]
async fn a_moment_has_all_that_was_written_up_to_its_place_though_times_cross() {
    let views = views().await;
    let at = |second: u64, place: u64| RecordedEvent {
        position: Position::nth(place),
        id: EventId::from_uuid(Uuid::from_u128(u128::from(place))),
        ..event(acme(), second, &[])
    };
    // Two appends at once: the later time was written first.
    project(&views, vec![at(1, 1), at(5, 2), at(4, 3), at(6, 4)]).await.unwrap();
    let place = async |second| views.position_at(acme(), time(second)).await.unwrap();
    assert_eq!(place(5).await, Some(Position::nth(3)));
    assert_eq!(place(4).await, Some(Position::nth(1)));
    assert_eq!(views.last_recorded_at().await.unwrap(), Some(time(6)));
}

#[tokio::test]
async fn counts_agree_with_the_rows() {
    let views = views().await;
    let mut valid = credential(acme(), 1, "a");
    valid.health = Health::Valid;
    let mut ended = credential(acme(), 2, "b");
    ended.expires_at = Some(time(0));
    let mut hidden = credential(acme(), 3, "c");
    hidden.component.slug = "slack".to_owned();
    let ops = Grantee::Team(team(1));
    let puts = [
        put(valid),
        put(ended),
        put(hidden),
        Put::Owner(credential_id(1), Owner::Team(team(1))),
        Put::Grant(credential_id(1), ops, Some(Level::View), None),
        Put::Grant(credential_id(2), ops, Some(Level::View), None),
        Put::Grant(credential_id(3), ops, Some(Level::View), Some(time(0))),
    ];
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    let all = views.status_counts(query(acme())).await.unwrap();
    assert_eq!(all.by_status, [(Status::Expired, 1), (Status::Valid, 1), (Status::Unverified, 1)]);
    assert_eq!(all.by_component, [("github".to_owned(), 2), ("slack".to_owned(), 1)]);
    assert_eq!(all.by_team, [(ops, 2)]);
    let scope = Scope::GrantedTo(vec![ops]);
    let seen = views.status_counts(CredentialQuery { scope, ..query(acme()) }).await.unwrap();
    assert_eq!(seen.by_component, [("github".to_owned(), 2)]);
}

#[tokio::test]
async fn a_deleted_credential_is_found_by_id_and_a_purged_one_in_no_list() {
    let views = views().await;
    let deleted = |number, purged| {
        let mut row = credential(acme(), number, "gone");
        row.external_id = Some("x".to_owned());
        (row.deleted_at, row.purged) = (Some(time(1)), purged);
        row.usages = vec![UsageRow {
            kind: UsageKind::Flow,
            id: "flow".to_owned(),
            active: false,
            attached_at: time(1),
            changed_at: time(1),
        }];
        put(row)
    };
    project(&views, vec![event(acme(), 1, &[deleted(1, false), deleted(2, true)])]).await.unwrap();
    let ids = [credential_id(2), credential_id(1)];
    assert_eq!(views.credentials_by_id(acme(), &ids).await.unwrap().len(), 2);
    assert!(names(&views, query(acme())).await.is_empty());
    let filter = CredentialFilter { deleted: true, ..Default::default() };
    assert_eq!(names(&views, CredentialQuery { filter, ..query(acme()) }).await, ["gone"]);
    let by_external_id = async || views.credential_by_external_id(acme(), "x").await.unwrap().unwrap().id;
    assert_eq!(by_external_id().await, credential_id(1));
    let mut fresh = credential(acme(), 3, "fresh");
    fresh.external_id = Some("x".to_owned());
    project(&views, vec![event(acme(), 2, &[put(fresh)])]).await.unwrap();
    assert_eq!(by_external_id().await, credential_id(3));
    assert_eq!(views.credentials_by_name(acme(), "FRESH").await.unwrap().len(), 1);
}
