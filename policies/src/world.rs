//! The small tenant that the access matrix asks about: one person for each role, each of them with
//! the same grants, and one object for each way to stand to an object.

use async_trait::async_trait;
use keytrail_domain::{
    Actor, Authentication, CredentialId, EnvironmentId, Grantee, Level, MemberId, Owner, Position, Principal,
    Role, Scopes, ServiceAccountId, TeamId, TenantId, Timestamp, Who,
};
use keytrail_ports::{AuthorityChange, AuthoritySnapshot, AuthoritySource, Clock, Object, views::ViewError};
use uuid::Uuid;

/// It is always the same moment.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Member(Role),
    ServiceAccount,
    System,
}

impl Asker {
    pub(crate) const ALL: [Self; 6] = [
        Self::Member(Role::Owner),
        Self::Member(Role::Admin),
        Self::Member(Role::Member),
        Self::Member(Role::Auditor),
        Self::ServiceAccount,
        Self::System,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Member(role) => role.as_str(),
            Self::ServiceAccount => "service",
            Self::System => "SYSTEM",
        }
    }

    pub(crate) fn principal(self, tenant: TenantId) -> Principal {
        let who = match self {
            Self::Member(role) => Who::Member(person(role)),
            Self::ServiceAccount => Who::ServiceAccount(service()),
            Self::System => return Principal::internal(tenant, "matrix"),
        };
        let via = Authentication::Token { issuer: "matrix".into(), id: None };
        Principal { tenant, actor: Actor { who, via }, expires_at: None, scopes: Scopes::ALL }
    }

    /// The one that stands for himself; for who is no member, nobody in particular.
    fn member(self) -> MemberId {
        match self {
            Self::Member(role) => person(role),
            Self::ServiceAccount | Self::System => MemberId::from_uuid(Uuid::from_u128(99)),
        }
    }
}

fn person(role: Role) -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(1 + role as u128))
}

fn service() -> ServiceAccountId {
    ServiceAccountId::from_uuid(Uuid::from_u128(1))
}

/// How a team stands to every asker.
#[derive(Clone, Copy)]
enum Team {
    Led,
    Joined,
    Other,
}

impl Team {
    fn id(self) -> TeamId {
        TeamId::from_uuid(Uuid::from_u128(1 + self as u128))
    }
}

/// How a credential stands to every asker.
#[derive(Clone, Copy)]
enum Held {
    Nothing,
    Granted(Level),
    GrantedToTeam(Level),
    /// Put into an environment that he (true) or a team of his holds.
    InEnvironment(Level, bool),
    /// In an environment that he held until now.
    EnvironmentEnded,
    Ended,
    Own,
    Owned(Team),
    Unknown,
}

impl Held {
    const ALL: [Self; 18] = [
        Self::Nothing,
        Self::Granted(Level::View),
        Self::Granted(Level::Use),
        Self::Granted(Level::Edit),
        Self::Granted(Level::Manage),
        Self::GrantedToTeam(Level::View),
        Self::GrantedToTeam(Level::Use),
        Self::GrantedToTeam(Level::Edit),
        Self::GrantedToTeam(Level::Manage),
        Self::InEnvironment(Level::View, true),
        Self::InEnvironment(Level::Use, true),
        Self::InEnvironment(Level::Use, false),
        Self::EnvironmentEnded,
        Self::Ended,
        Self::Own,
        Self::Owned(Team::Led),
        Self::Owned(Team::Joined),
        Self::Unknown,
    ];

    fn title(self) -> String {
        match self {
            Self::Nothing => "credential, no grant".into(),
            Self::Granted(level) => format!("credential, {} by a grant", level.as_str()),
            Self::GrantedToTeam(level) => {
                format!("credential, {} by a grant to a team of his", level.as_str())
            }
            Self::InEnvironment(level, true) => {
                format!("credential, put with {} into an environment that he holds", level.as_str())
            }
            Self::InEnvironment(level, false) => {
                format!(
                    "credential, put with {} into an environment that a team of his holds",
                    level.as_str()
                )
            }
            Self::EnvironmentEnded => {
                "credential, put with MANAGE into an environment that he holds until this very moment".into()
            }
            Self::Ended => "credential, MANAGE by a grant that ends at this very moment".into(),
            Self::Own => "credential, his own".into(),
            Self::Owned(Team::Led) => "credential of a team that he leads".into(),
            Self::Owned(_) => "credential of a team that he is in".into(),
            Self::Unknown => "credential that is not one of the tenant".into(),
        }
    }

    fn id(self, asker: Asker) -> CredentialId {
        let (row, column) = match self {
            Self::Nothing => (1, 0),
            Self::Granted(level) => (2, level as u128),
            Self::GrantedToTeam(level) => (3, level as u128),
            Self::Ended => (4, 0),
            Self::Own => (5, asker.member().as_uuid().as_u128()),
            Self::Owned(team) => (6, team as u128),
            Self::Unknown => (7, 0),
            Self::InEnvironment(level, himself) => (8, level as u128 * 2 + u128::from(himself)),
            Self::EnvironmentEnded => (9, 0),
        };
        CredentialId::from_uuid(Uuid::from_u128(row * 1000 + column))
    }

    fn owner(self, asker: Asker) -> Option<Owner> {
        match self {
            Self::Own => Some(Owner::Member(asker.member())),
            Self::Owned(team) => Some(Owner::Team(team.id())),
            Self::Unknown => None,
            _ => Some(Owner::Team(Team::Other.id())),
        }
    }

    fn grants(self, asker: Asker) -> Option<(Grantee, Level, Option<Timestamp>)> {
        let himself = match asker {
            Asker::ServiceAccount => Grantee::ServiceAccount(service()),
            _ => Grantee::Member(asker.member()),
        };
        match self {
            Self::Granted(level) => Some((himself, level, None)),
            Self::GrantedToTeam(level) => Some((Grantee::Team(Team::Joined.id()), level, None)),
            Self::InEnvironment(level, true) => Some((environment(1), level, None)),
            Self::InEnvironment(level, false) => Some((environment(2), level, None)),
            Self::EnvironmentEnded => Some((environment(3), Level::Manage, None)),
            Self::Ended => Some((himself, Level::Manage, Some(Noon.now()))),
            _ => None,
        }
    }
}

fn environment(number: u128) -> Grantee {
    Grantee::Environment(EnvironmentId::from_uuid(Uuid::from_u128(number)))
}

/// The facts, the same for every tenant.
pub(crate) struct World {
    changes: Vec<AuthorityChange>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { changes: Asker::ALL.into_iter().flat_map(facts_about).collect() }
    }
}

fn facts_about(asker: Asker) -> Vec<AuthorityChange> {
    let mut changes = Vec::new();
    if let Asker::Member(role) = asker {
        let member = person(role);
        changes.push(AuthorityChange::Role { member, role: Some(role) });
        for (team, lead) in [(Team::Led, true), (Team::Joined, false)] {
            changes.push(AuthorityChange::Membership { team: team.id(), member, lead: Some(lead) });
        }
    }
    if asker == Asker::ServiceAccount {
        changes.push(AuthorityChange::Account { account: service(), present: true });
    }
    let himself = match asker {
        Asker::ServiceAccount => Grantee::ServiceAccount(service()),
        _ => Grantee::Member(asker.member()),
    };
    let ended = Some(Some(Noon.now()));
    for (number, grantee, until) in
        [(1, himself, Some(None)), (2, Grantee::Team(Team::Joined.id()), Some(None)), (3, himself, ended)]
    {
        let environment = EnvironmentId::from_uuid(Uuid::from_u128(number));
        changes.push(AuthorityChange::Holding { environment, grantee, until });
    }
    for held in Held::ALL {
        let credential = held.id(asker);
        let owned = held.owner(asker).map(|owner| AuthorityChange::Owned { credential, owner });
        let granted = held.grants(asker).map(|(grantee, level, until)| {
            let level = Some((level, until));
            AuthorityChange::Granted { credential, grantee, level }
        });
        changes.extend(owned.into_iter().chain(granted));
    }
    changes
}

#[async_trait]
impl AuthoritySource for World {
    async fn authority(&self, _tenant: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        Ok(AuthoritySnapshot { position: Some(Position::START), changes: self.changes.clone() })
    }
}

/// One table of the matrix.
pub(crate) struct Case {
    pub(crate) title: String,
    object: Box<dyn Fn(Asker) -> Object + Send + Sync>,
}

impl Case {
    fn new(title: impl Into<String>, object: impl Fn(Asker) -> Object + Send + Sync + 'static) -> Self {
        Self { title: title.into(), object: Box::new(object) }
    }

    /// What is asked about, as it stands to this asker.
    pub(crate) fn object(&self, asker: Asker) -> Object {
        (self.object)(asker)
    }
}

/// All tables, in the order of the matrix.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("tenant", |_| Object::Tenant),
        Case::new("audit log", |_| Object::AuditLog),
        Case::new("member", |_| Object::Member(None)),
    ];
    cases.extend(of_a_team("team", Object::Team));
    cases.extend(
        Held::ALL.map(|held| Case::new(held.title(), move |asker| Object::Credential(held.id(asker)))),
    );
    cases.extend(of_an_owner("new credential", Object::NewCredential));
    cases.push(Case::new("component", |_| Object::Component));
    cases.extend(of_an_owner("connection", Object::Connection));
    cases.extend(of_an_owner("flow", Object::Flow));
    cases.extend(of_a_team("environment", Object::Environment));
    cases.push(Case::new("oauth client", |_| Object::OAuthClient));
    cases.push(Case::new("service account", |_| Object::ServiceAccount));
    cases.extend(of_a_team("webhook endpoint", Object::WebhookEndpoint));
    cases
}

fn of_an_owner(kind: &str, object: fn(Owner) -> Object) -> Vec<Case> {
    let team = |team: Team| move |_| object(Owner::Team(team.id()));
    let nobody = Asker::ServiceAccount.member();
    vec![
        Case::new(format!("{kind}, his own"), move |asker| object(Owner::Member(asker.member()))),
        Case::new(format!("{kind} of another member"), move |_| object(Owner::Member(nobody))),
        Case::new(format!("{kind} of a team that he leads"), team(Team::Led)),
        Case::new(format!("{kind} of a team that he is in"), team(Team::Joined)),
        Case::new(format!("{kind} of another team"), team(Team::Other)),
    ]
}

fn of_a_team(kind: &str, object: fn(Option<TeamId>) -> Object) -> Vec<Case> {
    let team = |team: Team| move |_| object(Some(team.id()));
    vec![
        Case::new(format!("{kind}, none in particular"), move |_| object(None)),
        Case::new(format!("{kind}, one that he leads"), team(Team::Led)),
        Case::new(format!("{kind}, one that he is in"), team(Team::Joined)),
        Case::new(format!("{kind}, another one"), team(Team::Other)),
    ]
}
