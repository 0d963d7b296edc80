//! The authoriser and this file judge the same facts alike, whoever asks for whatever.

use async_trait::async_trait;
use keytrail_domain::{
    Actor, Aggregate, Authentication, CredentialId, MemberId, Position, Principal, Scopes, ServiceAccountId,
    TenantId,
    credential::{CredentialEvent, Grant},
};
use keytrail_policy::{CasbinAuthorizer, PolicyFiles};
use keytrail_ports::{
    AuthorityChange as Change, AuthoritySnapshot, AuthoritySource, Clock, Denied, Object, Resource,
    views::ViewError,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::*;

const ACTIONS: [Action; 16] = [
    Action::Create,
    Action::View,
    Action::Verify,
    Action::Lease,
    Action::Attach,
    Action::Update,
    Action::Rotate,
    Action::Share,
    Action::Suspend,
    Action::Delete,
    Action::Restore,
    Action::Transfer,
    Action::ReviewAccess,
    Action::ChangeMembers,
    Action::ChangeRole,
    Action::Acknowledge,
];
const NOW: Timestamp = Timestamp::EPOCH;
const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(7));
const ANN: MemberId = MemberId::from_uuid(Uuid::from_u128(1));
const BOT: ServiceAccountId = ServiceAccountId::from_uuid(Uuid::from_u128(1));
const LED: TeamId = team(1);
const JOINED: TeamId = team(2);
const OTHER: TeamId = team(3);
const HELD: EnvironmentId = EnvironmentId::from_uuid(Uuid::from_u128(1));
const NOT_HELD: EnvironmentId = EnvironmentId::from_uuid(Uuid::from_u128(2));

const fn team(number: u128) -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(number))
}

/// Facts that are set anew for each case.
#[derive(Default)]
struct Facts(Mutex<Vec<Change>>);

#[async_trait]
impl AuthoritySource for Facts {
    async fn authority(&self, _: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        Ok(AuthoritySnapshot { position: Some(Position::START), changes: self.0.lock().clone() })
    }
}

impl Clock for Facts {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Who asks, and what a credential's stream says of him.
#[derive(Clone, Debug)]
struct Case {
    who: Who,
    role: Option<Role>,
    owner: Owner,
    grant: Option<(Grantee, Grant)>,
}

impl Case {
    fn all() -> Vec<Self> {
        let members = [Role::Owner, Role::Admin, Role::Member, Role::Auditor];
        let members = members.map(|role| (Who::Member(ANN), Some(role), Grantee::Member(ANN)));
        let bot = (Who::ServiceAccount(BOT), None, Grantee::ServiceAccount(BOT));
        let system = (Who::System("test".into()), None, Grantee::Team(OTHER));
        let owners = [Owner::Member(ANN), Owner::Team(LED), Owner::Team(JOINED), Owner::Team(OTHER)];
        let mut all = Vec::new();
        for (who, role, himself) in members.into_iter().chain([bot, system]) {
            for owner in owners {
                let case = |grant| Self { who: who.clone(), role, owner, grant };
                all.push(case(None));
                for grantee in [
                    himself,
                    Grantee::Team(JOINED),
                    Grantee::Team(OTHER),
                    Grantee::Environment(HELD),
                    Grantee::Environment(NOT_HELD),
                ] {
                    for level in Level::ALL {
                        for expires_at in [None, Some(NOW.plus_seconds(1)), Some(NOW)] {
                            all.push(case(Some((grantee, Grant { level, expires_at }))));
                        }
                    }
                }
            }
        }
        all
    }

    fn teams(&self) -> Vec<(TeamId, bool)> {
        if self.role.is_some() { vec![(LED, true), (JOINED, false)] } else { Vec::new() }
    }

    fn environments(&self) -> Vec<EnvironmentId> {
        if matches!(self.who, Who::System(_)) { Vec::new() } else { vec![HELD] }
    }

    fn changes(&self, credential: CredentialId) -> Vec<Change> {
        let mut changes = vec![Change::Owned { credential, owner: self.owner }];
        changes.extend(self.role.map(|role| Change::Role { member: ANN, role: Some(role) }));
        let joined = |(team, lead)| Change::Membership { team, member: ANN, lead: Some(lead) };
        changes.extend(self.teams().into_iter().map(joined));
        if self.who == Who::ServiceAccount(BOT) {
            changes.push(Change::Account { account: BOT, present: true });
        }
        let holder = if self.role.is_some() { Grantee::Member(ANN) } else { Grantee::ServiceAccount(BOT) };
        changes.extend(self.environments().into_iter().map(|environment| Change::Holding {
            environment,
            grantee: holder,
            until: Some(None),
        }));
        changes.extend(self.grant.map(|(grantee, Grant { level, expires_at })| Change::Granted {
            credential,
            grantee,
            level: Some((level, expires_at)),
        }));
        changes
    }

    fn principal(&self) -> Principal {
        let via = match self.who {
            Who::System(_) => Authentication::Internal,
            _ => Authentication::Token { issuer: "test".into(), id: None },
        };
        Principal {
            tenant: TENANT,
            actor: Actor { who: self.who.clone(), via },
            expires_at: None,
            scopes: Scopes::ALL,
        }
    }
}

/// A credential as its stream begins.
fn created() -> State {
    let golden = include_str!("../../../../tests/golden/events/CredentialCreated.1.json");
    let golden: serde_json::Value = serde_json::from_str(golden).expect("json");
    let event: CredentialEvent = serde_json::from_value(
        serde_json::json!({ golden["type"].as_str().expect("a name"): golden["data"] }),
    )
    .expect("an event");
    Credential::default().evolve(&event).live().expect("a credential").clone()
}

#[tokio::test]
async fn a_decision_by_the_stream_is_the_authorisers_decision_for_every_level_and_action() {
    let (state, facts) = (created(), Arc::new(Facts::default()));
    let loaded = CasbinAuthorizer::load(&PolicyFiles::builtin(), facts.clone(), facts.clone(), 1_000).await;
    let authorizer: Arc<dyn Authorizer> = Arc::new(loaded.expect("good files"));
    let mut yes = 0;
    for case in Case::all() {
        *facts.0.lock() = case.changes(state.id);
        authorizer.reset();
        let standing = Standing {
            who: case.who.clone(),
            role: case.role,
            teams: case.teams(),
            environments: case.environments(),
            now: NOW,
            authorizer: Arc::clone(&authorizer),
        };
        let grants = case.grant.into_iter().collect();
        let credential = Credential::Live(Box::new(State { owner: case.owner, grants, ..state.clone() }));
        let resource = Resource { tenant: TENANT, object: Object::Credential(state.id) };
        for action in ACTIONS {
            let by_stream = match standing.still_may(action, &credential) {
                Ok(()) => Ok(()),
                Err(AppError::NotFound) => Err(Denied::Hidden),
                Err(AppError::Forbidden) => Err(Denied::Forbidden),
                Err(error) => panic!("{error:?}"),
            };
            let asked = authorizer.authorize(&case.principal(), action, resource).await;
            assert_eq!(by_stream, asked, "{action:?}: {case:?}");
            yes += usize::from(asked.is_ok());
        }
    }
    assert!(yes > 1_000, "the cases must not be all refusals: {yes}");
}
