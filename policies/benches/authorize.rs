//! One decision among a million grants of a thousand tenants. To stay at or under 20 microseconds.
//!
//! Each question is about another tenant, credential and caller, so that nothing is warm by chance.

use std::{cell::Cell, hint::black_box, sync::Arc};

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use keytrail_domain::{
    Actor, Authentication, CredentialId, Grantee, Level, MemberId, Owner, Position, Principal, Role, Scopes,
    TeamId, TenantId, Who,
};
use keytrail_policy::{CasbinAuthorizer, DEFAULT_ENTRIES, PolicyFiles};
use keytrail_ports::{
    Action, AuthorityChange, AuthoritySnapshot, AuthoritySource, Authorizer, Denied, Object, Resource,
    SystemClock, views::ViewError,
};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

const TENANTS: usize = 1_000;
const MEMBERS: usize = 100;
const TEAMS: usize = 20;
const CREDENTIALS: usize = 250;
/// On each credential: together a thousand grants a tenant.
const GRANTS: usize = 4;

fn uuid(number: usize) -> Uuid {
    // Spread, as the ids of different moments are.
    Uuid::from_u128((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn tenant(number: usize) -> TenantId {
    TenantId::from_uuid(uuid(number % TENANTS))
}

fn member(number: usize) -> MemberId {
    MemberId::from_uuid(uuid(number % MEMBERS))
}

fn team(number: usize) -> TeamId {
    TeamId::from_uuid(uuid(number % TEAMS))
}

fn credential(number: usize) -> CredentialId {
    CredentialId::from_uuid(uuid(number % CREDENTIALS))
}

/// Every tenant has the same facts.
struct Views(Vec<AuthorityChange>);

impl Views {
    fn new() -> Self {
        let mut changes = Vec::new();
        for number in 0..MEMBERS {
            changes.push(AuthorityChange::Role { member: member(number), role: Some(Role::Member) });
            for other in 0..3 {
                let team = team(number + other);
                changes.push(AuthorityChange::Membership { team, member: member(number), lead: Some(false) });
            }
        }
        for number in 0..CREDENTIALS {
            let credential = credential(number);
            changes.push(AuthorityChange::Owned { credential, owner: Owner::Member(member(number)) });
            for other in 1..=GRANTS {
                let grantee = Grantee::Member(member(number + other));
                changes.push(AuthorityChange::Granted {
                    credential,
                    grantee,
                    level: Some((Level::Use, None)),
                });
            }
        }
        Self(changes)
    }
}

#[async_trait]
impl AuthoritySource for Views {
    async fn authority(&self, _tenant: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        Ok(AuthoritySnapshot { position: Some(Position::START), changes: self.0.clone() })
    }
}

fn caller(place: usize, number: usize) -> Principal {
    let via = Authentication::Token { issuer: "bench".into(), id: None };
    let actor = Actor { who: Who::Member(member(number)), via };
    Principal { tenant: tenant(place), actor, expires_at: None, scopes: Scopes::ALL }
}

/// All tenants in memory.
async fn loaded() -> Result<CasbinAuthorizer, Box<dyn std::error::Error>> {
    let files = PolicyFiles::builtin();
    let source = Arc::new(Views::new());
    let authorizer = CasbinAuthorizer::load(&files, source, Arc::new(SystemClock), DEFAULT_ENTRIES).await?;
    for number in 0..TENANTS {
        authorizer.role(&caller(number, 0)).await?;
    }
    Ok(authorizer)
}

/// A question by somebody who is that many steps from the credential's owner, and its answer.
struct Case {
    name: &'static str,
    steps: usize,
    action: Action,
    answer: Result<(), Denied>,
}

const CASES: [Case; 4] = [
    Case { name: "lease allowed by a grant", steps: 1, action: Action::Lease, answer: Ok(()) },
    Case { name: "last line allowed to an owner", steps: 0, action: Action::ReviewAccess, answer: Ok(()) },
    Case { name: "share forbidden", steps: 2, action: Action::Share, answer: Err(Denied::Forbidden) },
    Case { name: "hidden", steps: 50, action: Action::Lease, answer: Err(Denied::Hidden) },
];

fn ask(criterion: &mut Criterion, runtime: &Runtime, authorizer: &CasbinAuthorizer) {
    for case in CASES {
        let turn = Cell::new(0usize);
        criterion.bench_function(&format!("authorize, {}", case.name), |bencher| {
            bencher.iter(|| {
                let number = turn.replace(turn.get() + 7_919);
                let who = caller(number, number % CREDENTIALS + case.steps);
                let object = Object::Credential(credential(number));
                let resource = Resource { tenant: who.tenant, object };
                let answer = runtime.block_on(authorizer.authorize(black_box(&who), case.action, resource));
                assert_eq!(answer, case.answer);
            });
        });
    }
}

fn authorize(criterion: &mut Criterion) {
    let outcome = Builder::new_current_thread().build().map_err(Into::into).and_then(|runtime| {
        let authorizer = runtime.block_on(loaded())?;
        ask(criterion, &runtime, &authorizer);
        Ok::<_, Box<dyn std::error::Error>>(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}

criterion_group!(benches, authorize);
criterion_main!(benches);
