//! A source, a clock and short names for the tests of the authoriser.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use keytrail_domain::{
    Actor, Authentication, CredentialId, EnvironmentId, Grantee, Level, MemberId, Owner, Position, Principal,
    Role, Scopes, ServiceAccountId, TeamId, TenantId, Timestamp, Who,
};
use keytrail_policy::{CasbinAuthorizer, DEFAULT_ENTRIES, PolicyFiles};
use keytrail_ports::{
    AuthorityChange, AuthoritySnapshot, AuthoritySource, Clock, Object, Resource, views::ViewError,
};
use parking_lot::Mutex;
use uuid::Uuid;

/// A clock that is set by hand.
#[derive(Default)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn set(&self, micros: i64) {
        self.0.store(micros, SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(SeqCst))
    }
}

/// Views in memory that count how often they are read.
#[derive(Default)]
pub(crate) struct Snapshots {
    pub(crate) loads: AtomicUsize,
    pub(crate) known: Mutex<HashMap<TenantId, AuthoritySnapshot>>,
}

impl Snapshots {
    pub(crate) fn put(&self, tenant: TenantId, position: u64, changes: Vec<AuthorityChange>) {
        let snapshot = AuthoritySnapshot { position: Some(Position::nth(position)), changes };
        self.known.lock().insert(tenant, snapshot);
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(SeqCst)
    }
}

#[async_trait]
impl AuthoritySource for Snapshots {
    async fn authority(&self, tenant: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        self.loads.fetch_add(1, SeqCst);
        Ok(self.known.lock().get(&tenant).cloned().unwrap_or_default())
    }
}

/// An authoriser with the files that are compiled in, and what it asks.
pub(crate) struct Set {
    pub(crate) authorizer: CasbinAuthorizer,
    pub(crate) source: Arc<Snapshots>,
    pub(crate) clock: Arc<HandClock>,
}

impl Set {
    pub(crate) async fn up(most_entries: usize) -> Self {
        let (source, clock) = (Arc::new(Snapshots::default()), Arc::new(HandClock::default()));
        let authorizer = authorizer(source.clone(), clock.clone(), most_entries).await;
        Self { authorizer, source, clock }
    }

    /// With these facts of the home tenant; a stranger owns credential 1, unless they say otherwise.
    pub(crate) async fn with(changes: Vec<AuthorityChange>) -> Self {
        let set = Self::up(DEFAULT_ENTRIES).await;
        set.source.put(
            home(),
            1,
            [vec![owned(1, Owner::Member(member(99))), account(1), account(2)], changes].concat(),
        );
        set
    }
}

pub(crate) async fn authorizer(
    source: Arc<dyn AuthoritySource>,
    clock: Arc<dyn Clock>,
    most_entries: usize,
) -> CasbinAuthorizer {
    CasbinAuthorizer::load(&PolicyFiles::builtin(), source, clock, most_entries).await.expect("good files")
}

pub(crate) fn home() -> TenantId {
    TenantId::of_slug("home")
}

pub(crate) fn member(number: u128) -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn team(number: u128) -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn service(number: u128) -> ServiceAccountId {
    ServiceAccountId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn environment(number: u128) -> EnvironmentId {
    EnvironmentId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn account(number: u128) -> AuthorityChange {
    AuthorityChange::Account { account: service(number), present: true }
}

pub(crate) fn credential(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

fn token() -> Authentication {
    Authentication::Token { issuer: "test".into(), id: None }
}

pub(crate) fn person(tenant: TenantId, number: u128) -> Principal {
    Principal {
        tenant,
        actor: Actor { who: Who::Member(member(number)), via: token() },
        expires_at: None,
        scopes: Scopes::ALL,
    }
}

pub(crate) fn robot(tenant: TenantId, number: u128) -> Principal {
    let who = Who::ServiceAccount(service(number));
    Principal { tenant, actor: Actor { who, via: token() }, expires_at: None, scopes: Scopes::ALL }
}

pub(crate) fn impostor(tenant: TenantId) -> Principal {
    let who = Who::System("reactor".into());
    Principal { tenant, actor: Actor { who, via: token() }, expires_at: None, scopes: Scopes::ALL }
}

pub(crate) fn at(tenant: TenantId, object: Object) -> Resource {
    Resource { tenant, object }
}

pub(crate) fn of(number: u128) -> Resource {
    at(home(), Object::Credential(credential(number)))
}

pub(crate) fn role(number: u128, role: Role) -> AuthorityChange {
    AuthorityChange::Role { member: member(number), role: Some(role) }
}

pub(crate) fn joined(in_team: u128, number: u128, lead: bool) -> AuthorityChange {
    AuthorityChange::Membership { team: team(in_team), member: member(number), lead: Some(lead) }
}

pub(crate) fn owned(number: u128, owner: Owner) -> AuthorityChange {
    AuthorityChange::Owned { credential: credential(number), owner }
}

pub(crate) fn granted(number: u128, grantee: Grantee, level: Level) -> AuthorityChange {
    AuthorityChange::Granted { credential: credential(number), grantee, level: Some((level, None)) }
}

pub(crate) fn ungranted(number: u128, grantee: Grantee) -> AuthorityChange {
    AuthorityChange::Granted { credential: credential(number), grantee, level: None }
}
