//! The other rows: alerts, checks, people, keys, secrets.

use keytrail_domain::{
    AlertId, OAuthClientId, WebhookEndpointId,
    alert::{AlertState, Cause, Severity},
    oauth_client::{ClientAuthentication, ClientSettings, Provider},
    webhook::{EndpointSettings, EndpointTarget},
};
use keytrail_ports::views::{AlertFilter, OAuthClientRow, OAuthClientViews, WebhookEndpointRow};

use super::*;

pub(super) fn alert(number: u128, credential: u128, state: AlertState, severity: Severity) -> AlertRow {
    AlertRow {
        tenant: acme(),
        id: AlertId::from_uuid(Uuid::from_u128(number)),
        about: credential_id(credential).into(),
        cause: Cause::Invalid,
        severity,
        state,
        message: "it was rejected".to_owned(),
        opened_at: time(number as i64),
        opened: Position::nth(number as u64),
        occurrences: 1,
        acknowledged: None,
        resolved_at: None,
        revision: 1,
    }
}

#[tokio::test]
async fn alerts_come_newest_first_and_only_of_what_the_scope_shows() {
    let views = views().await;
    let puts: Vec<Put> = [
        alert(1, 1, AlertState::Open, Severity::Warning),
        alert(2, 2, AlertState::Resolved, Severity::Critical),
        alert(3, 1, AlertState::Open, Severity::Critical),
    ]
    .into_iter()
    .map(|row| Put::Alert(Box::new(row)))
    .chain([Put::Grant(credential_id(1), Grantee::Team(team(1)), Some(Level::View), None)])
    .collect();
    project(&views, vec![event(acme(), 9, &puts)]).await.unwrap();
    let numbers = async |filter: AlertFilter| {
        let page = views.alerts(acme(), filter.clone(), PageRequest::first(9)).await.unwrap();
        assert_eq!(views.count_alerts(acme(), filter).await.unwrap(), page.rows.len() as u64);
        page.rows.iter().map(|(_, row)| row.id.as_uuid().as_u128()).collect::<Vec<_>>()
    };
    let all = AlertFilter::default();
    assert_eq!(numbers(all.clone()).await, [3, 2, 1]);
    let scope = |who| Some((Scope::GrantedTo(vec![who]), time(1)));
    assert_eq!(numbers(AlertFilter { scope: scope(Grantee::Team(team(1))), ..all.clone() }).await, [3, 1]);
    assert!(numbers(AlertFilter { scope: scope(Grantee::Team(team(2))), ..all.clone() }).await.is_empty());
    let severities = vec![Severity::Critical];
    assert_eq!(numbers(AlertFilter { severities, ..all.clone() }).await, [3, 2]);
    assert_eq!(numbers(AlertFilter { states: vec![AlertState::Resolved], ..all.clone() }).await, [2]);
    let ids = vec![AlertId::from_uuid(Uuid::from_u128(1))];
    assert_eq!(numbers(AlertFilter { ids, ..all.clone() }).await, [1]);
    // Alerts of endpoints are shown when they are named, whatever the scope.
    let failing = AlertRow { about: endpoint_id(7).into(), ..alert(4, 1, AlertState::Open, Severity::Info) };
    project(&views, vec![event(acme(), 10, &[Put::Alert(Box::new(failing))])]).await.unwrap();
    for (scope, endpoints, shown) in [
        (Scope::All, vec![], vec![3, 2, 1]),
        (Scope::All, vec![endpoint_id(7)], vec![4, 3, 2, 1]),
        (Scope::GrantedTo(vec![Grantee::Team(team(1))]), vec![], vec![3, 1]),
        (Scope::GrantedTo(vec![Grantee::Team(team(1))]), vec![endpoint_id(7)], vec![4, 3, 1]),
        (Scope::GrantedTo(vec![]), vec![endpoint_id(8)], vec![]),
    ] {
        let filter = AlertFilter { scope: Some((scope, time(1))), endpoints, ..all.clone() };
        assert_eq!(numbers(filter.clone()).await, shown, "{filter:?}");
    }
    let resolved = alert(1, 1, AlertState::Resolved, Severity::Warning);
    project(&views, vec![event(acme(), 11, &[Put::Alert(Box::new(resolved.clone()))])]).await.unwrap();
    assert_eq!(views.alert(acme(), resolved.id).await.unwrap(), Some(resolved));
    assert_eq!(numbers(AlertFilter { states: vec![AlertState::Open], ..all }).await, [4, 3]);
}

#[tokio::test]
async fn checks_come_newest_first_and_count_by_day() {
    let views = views().await;
    let day = 86_400;
    let checks = [
        (1, Verdict::Valid),
        (2, Verdict::Invalid),
        (day, Verdict::Expired),
        (day + 1, Verdict::Inconclusive),
    ];
    let puts = checks.map(|(second, verdict)| Put::Check(Box::new(check(1, second, verdict))));
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    let seconds = async |page| {
        let page = views.verifications(acme(), credential_id(1), None, page).await.unwrap();
        let seconds: Vec<_> = page.rows.iter().map(|(_, row)| row.at.as_seconds()).collect();
        (seconds, page.rows.last().unwrap().0.clone(), page.has_next)
    };
    let (first, last, more) = seconds(PageRequest::first(3)).await;
    assert_eq!((first, more), (vec![day + 1, day, 2], true));
    let (rest, _, more) = seconds(PageRequest::first(3).after(last)).await;
    assert_eq!((rest, more), (vec![1], false));
    let daily = views.daily(acme(), "1970-01-02").await.unwrap();
    assert_eq!(daily.len(), 1);
    assert_eq!((daily[0].verifications, daily[0].failures), (2, 1));
    assert_eq!(views.daily(acme(), "1970-01-01").await.unwrap()[0].failures, 1);
}

#[tokio::test]
async fn tenants_members_and_teams_are_found() {
    let views = views().await;
    let tenant = TenantRow {
        id: acme(),
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        keys: secret(acme(), 1),
        restore_days: 30,
        expiry_days: vec![30],
        reconnect: true,
        created_at: time(1),
        revision: 1,
    };
    let person = |number: u128, removed_at| MemberRow {
        tenant: acme(),
        id: member(number),
        issuer: "keytrail".to_owned(),
        subject: "ann".to_owned(),
        role: Role::Member,
        profile: None,
        added_at: time(1),
        removed_at,
    };
    let group = |number: u128, name: &str, deleted_at| TeamRow {
        tenant: acme(),
        id: team(number),
        name: name.to_owned(),
        created_at: time(1),
        deleted_at,
        revision: 1,
    };
    let puts = [
        Put::Tenant(tenant.clone()),
        Put::Member(person(1, Some(time(2)))),
        Put::Member(person(2, None)),
        Put::Team(group(1, "Ops", Some(time(3)))),
        Put::Team(group(2, "OPS", None)),
    ];
    project(&views, vec![event(acme(), 1, &puts), event(other(), 2, &[])]).await.unwrap();
    assert_eq!(views.tenants().await.unwrap(), [acme()]);
    assert_eq!(views.tenant(acme()).await.unwrap(), Some(tenant));
    let found = views.member_by_subject(acme(), "keytrail", "ann").await.unwrap();
    assert_eq!(found, Some(person(2, None)));
    let ids = [member(2), member(8), member(1)];
    let by_id = views.members_by_id(acme(), &ids).await.unwrap();
    assert_eq!(by_id, [person(2, None), person(1, Some(time(2)))]);
    assert_eq!(views.members(acme(), PageRequest::first(9)).await.unwrap().rows.len(), 1);
    assert_eq!(views.team_by_name(acme(), "oPs").await.unwrap(), Some(group(2, "OPS", None)));
    assert_eq!(views.teams(acme(), PageRequest::first(9)).await.unwrap().rows.len(), 1);
    assert_eq!(views.teams_by_id(acme(), &[team(1)]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_keeps_the_last_row_of_its_mutation_for_a_day() {
    let views = views().await;
    let key = |second: i64, position| IdempotencyRow {
        tenant: acme(),
        principal: "ann".to_owned(),
        mutation: "createCredential".to_owned(),
        key: "k".to_owned(),
        input: "00".to_owned(),
        stream: StreamId::tenant(acme()),
        event: EventId::from_uuid(Uuid::from_u128(1)),
        position: Position::nth(position),
        at: time(second),
    };
    let puts = [(0, 1), (0, 2)].map(|(second, position)| Put::Key(Box::new(key(second, position))));
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    let found = async || views.idempotency(acme(), "ann", "createCredential", "k").await.unwrap();
    assert_eq!(found().await, Some(key(0, 2)));
    let mut other = key(86_400, 3);
    other.key = "other".to_owned();
    project(&views, vec![event(acme(), 2, &[Put::Key(Box::new(other.clone()))])]).await.unwrap();
    assert_eq!(found().await, Some(key(0, 2)));
    other.at = time(86_401);
    project(&views, vec![event(acme(), 3, &[Put::Key(Box::new(other))])]).await.unwrap();
    assert_eq!(found().await, None);
    assert!(views.idempotency(acme(), "bob", "createCredential", "k").await.unwrap().is_none());
}

#[tokio::test]
async fn secrets_are_known_until_they_are_purged() {
    let views = views().await;
    let [one, two] = [1, 2].map(|number| secret(acme(), number));
    let puts = [Put::Secret(two), Put::Secret(one), Put::Secret(one)];
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    assert_eq!(views.known_secrets(acme()).await.unwrap(), [one, two]);
    project(&views, vec![event(acme(), 2, &[Put::NoSecret(one)])]).await.unwrap();
    assert_eq!(views.known_secrets(acme()).await.unwrap(), [two]);
}

fn endpoint_id(number: u128) -> WebhookEndpointId {
    WebhookEndpointId::from_uuid(Uuid::from_u128(number))
}

fn endpoint(number: u128) -> WebhookEndpointRow {
    WebhookEndpointRow {
        tenant: acme(),
        id: endpoint_id(number),
        team: None,
        target: EndpointTarget::default(),
        settings: EndpointSettings::default(),
        secret: secret(acme(), number),
        retiring: None,
        disabled: None,
        enabled_at: time(1),
        created_at: time(1),
        created_by: Actor::operator(),
        created: Position::nth(1),
        deleted_at: None,
        revision: 1,
    }
}

#[tokio::test]
async fn webhook_endpoints_are_listed_by_id_until_they_are_deleted() {
    let views = views().await;
    let deleted = WebhookEndpointRow { deleted_at: Some(time(2)), ..endpoint(2) };
    let puts: Vec<_> =
        [endpoint(3), endpoint(1), deleted.clone()].map(|row| Put::Endpoint(Box::new(row))).into();
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    assert_eq!(views.webhook_endpoints(acme()).await.unwrap(), [endpoint(1), endpoint(3)]);
    assert_eq!(views.webhook_endpoint(acme(), endpoint_id(2)).await.unwrap(), Some(deleted));
    assert_eq!(views.webhook_endpoint(other(), endpoint_id(1)).await.unwrap(), None);
    assert!(views.webhook_endpoints(other()).await.unwrap().is_empty());
}

fn oauth_client_id(number: u128) -> OAuthClientId {
    OAuthClientId::from_uuid(Uuid::from_u128(number))
}

fn oauth_client(number: u128) -> OAuthClientRow {
    OAuthClientRow {
        tenant: acme(),
        id: oauth_client_id(number),
        client_id: "app-1".to_owned(),
        settings: ClientSettings {
            name: format!("Client {number}"),
            components: ["oauth2-generic".to_owned()].into(),
            provider: Provider::default(),
            scopes: Vec::new(),
            authentication: ClientAuthentication::Post,
        },
        secret: Some(secret(acme(), number)),
        users: [CredentialId::from_uuid(Uuid::from_u128(7))].into(),
        created_at: time(1),
        created_by: Actor::operator(),
        updated_at: time(1),
        deleted_at: None,
        revision: 1,
    }
}

#[tokio::test]
async fn oauth_clients_are_listed_by_id_until_they_are_deleted() {
    let views = views().await;
    let deleted = OAuthClientRow { deleted_at: Some(time(2)), ..oauth_client(2) };
    let puts: Vec<_> =
        [oauth_client(3), oauth_client(1), deleted.clone()].map(|row| Put::OAuthClient(Box::new(row))).into();
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    assert_eq!(views.oauth_clients(acme()).await.unwrap(), [oauth_client(1), oauth_client(3)]);
    assert_eq!(views.oauth_client(acme(), oauth_client_id(2)).await.unwrap(), Some(deleted));
    assert_eq!(views.oauth_client(other(), oauth_client_id(1)).await.unwrap(), None);
    assert!(views.oauth_clients(other()).await.unwrap().is_empty());
}
