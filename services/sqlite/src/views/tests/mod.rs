//! The promises of the views, kept by this adapter.
//!
//! Events carry their own rows as data, and the projector puts what they carry: so each test says
//! exactly which rows there are.

mod as_of;
mod cache;
mod components;
mod counts;
mod lists;
mod promises;
mod rebuild;
mod rows;

use std::{path::Path, sync::Arc};

use keytrail_domain::{
    Actor, CredentialId, EventId, EventMeta, Grantee, Labels, Level, MemberId, Owner, Position,
    RecordedEvent, Role, SecretId, SecretRef, StreamId, TeamId, TenantId, Timestamp,
    component::{ComponentRef, CredentialKind},
    credential::Health,
    verification::{Report, Trigger, Verdict},
};
use keytrail_ports::{
    AuthorityChange, Scope,
    views::{
        AlertRow, ComponentRow, CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, EventRow,
        IdempotencyRow, MemberRow, OAuthClientRow, PageRequest, Projected, Projector, TeamRow, TenantRow,
        VerificationRow, ViewError, ViewTx, Views, WebhookEndpointRow,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Origin, SqliteViews};

const VERSION: u32 = 3;
const ORIGIN: Origin = Origin { log: Uuid::from_u128(7), projector: VERSION };

/// One thing that an event changes.
#[derive(Clone, Serialize, Deserialize)]
enum Put {
    Tenant(TenantRow),
    Member(MemberRow),
    Team(TeamRow),
    Component(Box<ComponentRow>),
    Credential(Box<CredentialRow>),
    Alert(Box<AlertRow>),
    Endpoint(Box<WebhookEndpointRow>),
    OAuthClient(Box<OAuthClientRow>),
    Check(Box<VerificationRow>),
    Key(Box<IdempotencyRow>),
    Role(MemberId, Option<Role>),
    Membership(TeamId, MemberId, Option<bool>),
    TeamGone(TeamId),
    Owner(CredentialId, Owner),
    Grant(CredentialId, Grantee, Option<Level>, Option<Timestamp>),
    CredentialGone(CredentialId),
    Secret(SecretRef),
    NoSecret(SecretRef),
    /// Appends to a credential's name what the transaction sees of it.
    NameTwice(CredentialId),
    Fail,
}

struct Puts(u32);

impl Projector for Puts {
    fn version(&self) -> u32 {
        self.0
    }

    fn project(&self, event: &RecordedEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
        let puts: Vec<Put> = serde_json::from_slice(&event.data).unwrap();
        for put in puts {
            self.put(event, put, views)?;
        }
        views.add_event(&event_row(event))
    }
}

impl Puts {
    fn put(&self, event: &RecordedEvent, put: Put, views: &mut dyn ViewTx) -> Result<(), ViewError> {
        use AuthorityChange as A;
        let tenant = event.stream.tenant_id();
        let change = match put {
            Put::Tenant(row) => return views.put_tenant(&row),
            Put::Member(row) => return views.put_member(&row),
            Put::Team(row) => return views.put_team(&row),
            Put::Component(row) => return views.put_component(&row),
            Put::Credential(row) => return views.put_credential(&row),
            Put::Alert(row) => return views.put_alert(&row),
            Put::Endpoint(row) => return views.put_webhook_endpoint(&row),
            Put::OAuthClient(row) => return views.put_oauth_client(&row),
            Put::Check(row) => return views.add_verification(&row),
            Put::Key(row) => return views.put_idempotency(&row),
            Put::Secret(secret) => return views.add_secret(tenant, secret),
            Put::NoSecret(secret) => return views.drop_secret(tenant, secret),
            Put::NameTwice(id) => {
                let mut row = views.credential(tenant, id)?.unwrap();
                row.name = format!("{0}{0}", row.name);
                return views.put_credential(&row);
            }
            Put::Fail => return Err(ViewError::Projection("it says so".to_owned())),
            Put::Role(member, role) => A::Role { member, role },
            Put::Membership(team, member, lead) => A::Membership { team, member, lead },
            Put::TeamGone(team) => A::TeamGone { team },
            Put::Owner(credential, owner) => A::Owned { credential, owner },
            Put::Grant(credential, grantee, level, end) => {
                A::Granted { credential, grantee, level: level.map(|level| (level, end)) }
            }
            Put::CredentialGone(credential) => A::CredentialGone { credential },
        };
        views.change_authority(event, change)
    }
}

fn acme() -> TenantId {
    TenantId::of_slug("acme")
}

fn other() -> TenantId {
    TenantId::of_slug("other")
}

fn time(second: i64) -> Timestamp {
    Timestamp::EPOCH.plus_seconds(second)
}

fn credential_id(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

fn member(number: u128) -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(number))
}

fn team(number: u128) -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(number))
}

fn secret(tenant: TenantId, number: u128) -> SecretRef {
    SecretRef { tenant, owner: Uuid::from_u128(1), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

/// The nth event, recorded at second n, in the tenant's stream.
fn event(tenant: TenantId, number: u64, puts: &[Put]) -> RecordedEvent {
    event_in(StreamId::tenant(tenant), number, puts)
}

fn event_in(stream: StreamId, number: u64, puts: &[Put]) -> RecordedEvent {
    let meta = EventMeta {
        schema_version: 1,
        tenant: stream.tenant_id(),
        actor: Actor::internal("test"),
        recorded_at: time(number as i64),
        correlation: Uuid::from_u128(5),
        causation: None,
        idempotency: None,
        previous_hash: None,
    };
    RecordedEvent {
        id: EventId::from_uuid(Uuid::from_u128(u128::from(number))),
        stream,
        revision: number,
        position: Position::nth(number),
        event_type: if number.is_multiple_of(2) { "Even" } else { "Odd" }.to_owned(),
        data: serde_json::to_vec(puts).unwrap().into(),
        metadata: serde_json::to_vec(&meta).unwrap().into(),
    }
}

fn event_row(event: &RecordedEvent) -> EventRow {
    let meta = event.meta().unwrap();
    EventRow {
        tenant: meta.tenant,
        id: event.id,
        position: event.position,
        stream: event.stream.clone(),
        revision: event.revision,
        event_type: event.event_type.clone(),
        schema_version: meta.schema_version,
        recorded_at: meta.recorded_at,
        actor: meta.actor,
        correlation: meta.correlation,
        causation: meta.causation,
        credential: event.stream.credential_id(),
        data: serde_json::from_slice(&event.data).unwrap(),
    }
}

fn credential(tenant: TenantId, number: u128, name: &str) -> CredentialRow {
    CredentialRow {
        tenant,
        id: credential_id(number),
        name: name.to_owned(),
        external_id: None,
        component: ComponentRef { slug: "github".to_owned(), version: 1 },
        kind: CredentialKind::ApiKey,
        owner: Owner::Member(member(1)),
        labels: Labels::default(),
        fields: Default::default(),
        secret_fields: Default::default(),
        allowed_hosts: Vec::new(),
        versions: Vec::new(),
        offer: None,
        health: Health::Unverified,
        suspended: false,
        compromise: None,
        authorization: None,
        expires_at: None,
        stated_end: None,
        created_at: time(number as i64),
        created_by: Actor::operator(),
        updated_at: time(number as i64),
        last_verification: None,
        inconclusive_since: None,
        noted_expiry: None,
        last_leased_at: None,
        usages: Vec::new(),
        open_alerts: 0,
        deleted_at: None,
        restorable_until: None,
        purged: false,
        revision: 1,
    }
}

fn put(row: CredentialRow) -> Put {
    Put::Credential(Box::new(row))
}

fn check(number: u128, second: i64, verdict: Verdict) -> VerificationRow {
    VerificationRow {
        tenant: acme(),
        credential: credential_id(number),
        id: EventId::from_uuid(Uuid::from_u128(second as u128)),
        at: time(second),
        version: 1,
        trigger: Trigger::Routine,
        report: Report {
            verdict,
            reason: None,
            message: "seen".to_owned(),
            identity: None,
            scopes: Vec::new(),
            expires_at: None,
            duration_ms: 1,
        },
    }
}

fn query(tenant: TenantId) -> CredentialQuery {
    CredentialQuery {
        tenant,
        scope: Scope::All,
        filter: CredentialFilter::default(),
        order: CredentialOrder::default(),
        page: PageRequest::first(100),
        now: time(0),
    }
}

async fn views() -> SqliteViews {
    SqliteViews::in_memory(VERSION).await.unwrap()
}

/// Projects these as one batch.
async fn project(views: &SqliteViews, events: Vec<RecordedEvent>) -> Result<Projected, ViewError> {
    let upto = events.last().unwrap().position;
    views.project(events, upto, Arc::new(Puts(VERSION))).await
}

async fn names(views: &SqliteViews, query: CredentialQuery) -> Vec<String> {
    let page = views.credentials(query).await.unwrap();
    page.rows.into_iter().map(|(_, row)| row.name.clone()).collect()
}

fn open(path: &Path, version: u32) -> super::Opened {
    SqliteViews::open(path, Origin { projector: version, ..ORIGIN }).unwrap()
}
