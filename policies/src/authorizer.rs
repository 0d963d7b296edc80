//! The `Authorizer` port on casbin.

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::{
    Authentication, EnvironmentId, Grantee, MemberId, Position, Principal, Role, TeamId, TenantId, Timestamp,
    TokenId,
};
use keytrail_ports::{
    Action, AuthorityChange, AuthoritySource, Authorizer, Clock, Denied, Enough, Resource, Scope,
};
use parking_lot::RwLock;

use crate::{
    Kind, PolicyError, PolicyFiles,
    manager::FactsManager,
    policy::{Policy, SharedManager},
    question::{Place, Subject},
    slot::{LoadError, Slot},
    tenants::Tenants,
};

/// How often a question is asked again because the views were rebuilt meanwhile.
const MOST_RETRIES: usize = 3;

/// Decides by the policy files and by what events say.
///
/// Keeps the facts of the tenants that are asked about, up to a number of entries, and loads a
/// tenant from its source when it is first needed. No lock is held across an await, and no reader
/// waits for a reader.
pub struct CasbinAuthorizer {
    policy: Policy,
    tenants: Arc<Tenants>,
    clock: Arc<dyn Clock>,
}

impl CasbinAuthorizer {
    /// Reads the policy files. Keeps at most `most_entries` roles, memberships, credentials and
    /// grants in memory, beside the tenant that is being asked about.
    ///
    /// # Errors
    /// [`PolicyError`] for a file that cannot be used.
    pub async fn load(
        files: &PolicyFiles,
        source: Arc<dyn AuthoritySource>,
        clock: Arc<dyn Clock>,
        most_entries: usize,
    ) -> Result<Self, PolicyError> {
        let tenants = Arc::new(Tenants::new(source, most_entries));
        let manager: SharedManager =
            Arc::new(RwLock::new(FactsManager::new(Arc::clone(&tenants), Arc::clone(&clock))));
        let policy = Policy::load(files, &manager).await?;
        Ok(Self { policy, tenants, clock })
    }

    /// The actions that the policy files know for the kind of this resource.
    pub(crate) fn actions(&self, resource: Resource) -> &[Action] {
        self.policy.actions(Place::from(resource).kind)
    }

    /// Answers from loaded facts; once more when those were dropped by a reset meanwhile.
    async fn answer<T>(
        &self,
        tenant: TenantId,
        answer: impl Fn(&Slot) -> Result<T, Denied> + Send + Sync,
    ) -> Result<T, Denied> {
        for _ in 0..MOST_RETRIES {
            let slot = self.tenants.loaded(tenant).await.map_err(|error| not_loaded(tenant, &error))?;
            let answered = answer(&slot);
            if !slot.is_retired() {
                return answered;
            }
        }
        Err(Denied::Unavailable)
    }

    /// Asks casbin. What it cannot answer is no yes: it is denied, and an alarm in the log.
    fn allows(&self, question: &Question, action: Action) -> Result<bool, Denied> {
        let texts = (question.subject.as_str(), question.resource.as_str());
        self.policy.allows(question.place.kind, texts, action).map_err(|error| {
            tracing::error!(
                alarm = "policy",
                tenant.id = %question.place.tenant,
                resource = question.resource,
                ?action,
                error = &error as &dyn std::error::Error,
                "casbin cannot decide: denied"
            );
            Denied::Unavailable
        })
    }

    fn decide(&self, question: &Question, action: Action) -> Result<(), Denied> {
        if self.allows(question, action)? {
            return Ok(());
        }
        let sees = action != Action::View && self.allows(question, Action::View)?;
        Err(if sees { Denied::Forbidden } else { Denied::Hidden })
    }

    fn permitted(&self, question: &Question) -> Result<Vec<Action>, Denied> {
        let mut permitted = Vec::new();
        for action in self.policy.actions(question.place.kind) {
            if self.allows(question, *action)? {
                permitted.push(*action);
            }
        }
        Ok(if permitted.contains(&Action::View) { permitted } else { Vec::new() })
    }
}

/// Logs a load's failure once, though many may have waited for it.
fn not_loaded(tenant: TenantId, error: &LoadError) -> Denied {
    if !matches!(error, LoadError::Another) {
        tracing::error!(tenant.id = %tenant, error = error as &dyn std::error::Error, "authority cannot be loaded");
    }
    Denied::Unavailable
}

/// A question in casbin's texts.
struct Question {
    place: Place,
    subject: String,
    resource: String,
}

impl Question {
    fn new(subject: Subject, resource: Resource) -> Self {
        let place = Place::from(resource);
        Self { place, subject: subject.to_string(), resource: place.to_string() }
    }
}

/// Who asks, when, and with which token of a service account.
#[derive(Clone, Copy)]
struct Caller {
    subject: Subject,
    token: Option<TokenId>,
    now: Timestamp,
}

impl CasbinAuthorizer {
    /// Who asks, if such a caller can be.
    fn caller(&self, who: &Principal) -> Result<Caller, Denied> {
        let subject = Subject::of(who).ok_or(Denied::NotAMember)?;
        let token = match who.actor.via {
            Authentication::ApiToken { id } => Some(id),
            _ => None,
        };
        Ok(Caller { subject, token, now: self.clock.now() })
    }
}

/// The role of a subject that is present; a service account has none.
fn present(slot: &Slot, caller: Caller) -> Result<Option<Role>, Denied> {
    let role = match caller.subject {
        Subject::System => return Ok(None),
        Subject::Member(member) => slot.read(|facts| facts.role(member).map(Some)),
        Subject::ServiceAccount(account) => slot.read(|facts| {
            let good = caller.token.is_none_or(|token| facts.is_good(token, account, caller.now));
            (good && facts.has_account(account)).then_some(None)
        }),
    };
    role.flatten().ok_or(Denied::NotAMember)
}

fn teams_of(slot: &Slot, member: MemberId) -> Vec<(TeamId, bool)> {
    slot.read(|facts| facts.teams(member).to_vec()).unwrap_or_default()
}

/// All that a caller counts as, the environments that he holds included.
fn grantees_of(slot: &Slot, subject: Subject, now: Timestamp) -> Vec<Grantee> {
    let grantees = slot.read(|facts| {
        let mut all = match subject {
            Subject::Member(member) => facts.counts_as(member).collect(),
            Subject::ServiceAccount(account) => vec![Grantee::ServiceAccount(account)],
            Subject::System => Vec::new(),
        };
        let mut environments: Vec<_> = facts.environments(all.iter().copied(), now).collect();
        environments.sort_unstable();
        environments.dedup();
        all.extend(environments.into_iter().map(Grantee::Environment));
        all
    });
    grantees.unwrap_or_default()
}

#[async_trait]
impl Authorizer for CasbinAuthorizer {
    async fn authorize(&self, who: &Principal, action: Action, resource: Resource) -> Result<(), Denied> {
        if who.tenant != resource.tenant {
            return Err(Denied::Hidden);
        }
        let caller = self.caller(who)?;
        let question = Question::new(caller.subject, resource);
        self.answer(who.tenant, |slot| {
            present(slot, caller)?;
            self.decide(&question, action)
        })
        .await
    }

    async fn permissions(&self, who: &Principal, resource: Resource) -> Result<Vec<Action>, Denied> {
        let (true, Ok(caller)) = (who.tenant == resource.tenant, self.caller(who)) else {
            return Ok(Vec::new());
        };
        let question = Question::new(caller.subject, resource);
        self.answer(who.tenant, |slot| match present(slot, caller) {
            Ok(_) => self.permitted(&question),
            Err(_) => Ok(Vec::new()),
        })
        .await
    }

    async fn scope(&self, who: &Principal) -> Result<Scope, Denied> {
        let caller = self.caller(who)?;
        self.answer(who.tenant, |slot| {
            let role = present(slot, caller)?;
            Ok(match caller.subject {
                _ if role.and_then(Role::level).is_some() => Scope::All,
                Subject::System => Scope::All,
                subject => Scope::GrantedTo(grantees_of(slot, subject, caller.now)),
            })
        })
        .await
    }

    async fn role(&self, who: &Principal) -> Result<Option<Role>, Denied> {
        let caller = self.caller(who)?;
        self.answer(who.tenant, |slot| present(slot, caller)).await
    }

    async fn teams(&self, who: &Principal) -> Result<Vec<(TeamId, bool)>, Denied> {
        let caller = self.caller(who)?;
        self.answer(who.tenant, |slot| {
            present(slot, caller)?;
            Ok(match caller.subject {
                Subject::Member(member) => teams_of(slot, member),
                Subject::ServiceAccount(_) | Subject::System => Vec::new(),
            })
        })
        .await
    }

    async fn environments(&self, who: &Principal) -> Result<Vec<EnvironmentId>, Denied> {
        let caller = self.caller(who)?;
        self.answer(who.tenant, |slot| {
            present(slot, caller)?;
            let environment = |grantee| match grantee {
                Grantee::Environment(environment) => Some(environment),
                Grantee::Member(_) | Grantee::Team(_) | Grantee::ServiceAccount(_) => None,
            };
            Ok(grantees_of(slot, caller.subject, caller.now).into_iter().filter_map(environment).collect())
        })
        .await
    }

    fn enough(&self, action: Action) -> Vec<Enough> {
        let standings = self.policy.standings(Kind::Credential, action);
        standings.iter().filter_map(|standing| standing.needs().enough()).collect()
    }

    fn apply(&self, tenant: TenantId, position: Position, changes: &[AuthorityChange]) {
        self.tenants.apply(tenant, position, changes);
    }

    fn reset(&self) {
        self.tenants.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use keytrail_ports::Object;
    use parking_lot::Mutex;
    use uuid::Uuid;

    use super::*;
    use crate::{
        files::role_lines,
        world::{Asker, Noon, World},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Past the checks that refuse such a model when it is loaded.
    async fn with_model(model: &str) -> CasbinAuthorizer {
        let files = PolicyFiles::builtin();
        let tenants = Arc::new(Tenants::new(Arc::new(World::new()), 1_000));
        let manager: SharedManager =
            Arc::new(RwLock::new(FactsManager::new(Arc::clone(&tenants), Arc::new(Noon))));
        let lines = role_lines(&files.roles).expect("good lines");
        let policy = Policy::compile(model, &lines, &manager).await.expect("compiles");
        CasbinAuthorizer { policy, tenants, clock: Arc::new(Noon) }
    }

    async fn ask(authorizer: &CasbinAuthorizer) -> (Result<(), Denied>, Result<Vec<Action>, Denied>) {
        let tenant = TenantId::of_slug("home");
        let owner = Asker::Member(Role::Owner).principal(tenant);
        let object =
            Object::NewCredential(keytrail_domain::Owner::Team(TeamId::from_uuid(Uuid::from_u128(1))));
        let resource = Resource { tenant, object };
        let answer = authorizer.authorize(&owner, Action::Create, resource).await;
        (answer, authorizer.permissions(&owner, resource).await)
    }

    #[tokio::test]
    async fn what_casbin_cannot_decide_is_denied_and_an_alarm() {
        let good = PolicyFiles::builtin().model.text;
        assert_eq!(ask(&with_model(&good).await).await.0, Ok(()));
        for (from, to) in [
            ("r = sub, res, act", "r = sub, res"),
            ("p = role, act", "p = role, act, more"),
            ("m = r.act == p.act &&", "m = nonsense &&"),
        ] {
            let log = Log::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
            let _guard = tracing::subscriber::set_default(subscriber);
            let answers = ask(&with_model(&good.replace(from, to)).await).await;
            assert_eq!(answers, (Err(Denied::Unavailable), Err(Denied::Unavailable)), "{to}");
            let log = String::from_utf8(log.0.lock().clone()).expect("text");
            assert!(log.contains("ERROR") && log.contains("alarm"), "{log}");
        }
    }
}
