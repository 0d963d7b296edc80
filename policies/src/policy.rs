//! casbin's enforcers: one for each action on each kind of object, all asking one role manager.
//!
//! casbin walks all its lines for a question, at about a microsecond each, and a refusal walks them
//! twice. So an enforcer gets only the one to three lines that can say yes to its questions.

use std::{collections::HashMap, sync::Arc};

use casbin::{CoreApi, DefaultModel, Enforcer, RoleManager, StringAdapter};
use keytrail_domain::{MemberId, TenantId};
use keytrail_ports::Action;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::{
    Kind, PolicyError, PolicyFiles,
    files::{RoleLine, role_lines},
    model,
    question::{Place, Subject, Thing},
    vocabulary::{ACTIONS, Standing, word_of_action},
};

pub(crate) type SharedManager = Arc<RwLock<dyn RoleManager>>;

/// The loaded policy files.
pub(crate) struct Policy {
    enforcers: HashMap<(Kind, Action), Enforcer>,
    actions: HashMap<Kind, Vec<Action>>,
    standings: HashMap<(Kind, Action), Vec<Standing>>,
}

impl Policy {
    pub(crate) async fn load(files: &PolicyFiles, manager: &SharedManager) -> Result<Self, PolicyError> {
        let lines = role_lines(&files.roles)?;
        let matcher = model::check(&files.model)?;
        let bad_model = |why: &str| files.model.error(matcher, why);
        let policy = Self::compile(&files.model.text, &lines, manager)
            .await
            .map_err(|_| bad_model("casbin cannot read this matcher"))?;
        match policy.follows_the_lines() {
            Ok(true) => Ok(policy),
            Ok(false) => Err(bad_model("this matcher does not decide by role and action as the lines say")),
            Err(_) => Err(bad_model("this matcher cannot be evaluated to true or false")),
        }
    }

    /// Makes the enforcers, from a model that need not be checked.
    pub(crate) async fn compile(
        model: &str,
        lines: &[RoleLine],
        manager: &SharedManager,
    ) -> casbin::Result<Self> {
        let (mut enforcers, mut actions) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        let mut all = HashMap::new();
        for kind in Kind::ALL {
            for action in ACTIONS {
                let asked = |line: &&RoleLine| (line.kind, line.action) == (*kind, action);
                let standings: Vec<_> = lines.iter().filter(asked).map(|line| line.standing).collect();
                if !standings.is_empty() {
                    enforcers.insert((*kind, action), enforcer(model, action, &standings, manager).await?);
                    actions.entry(*kind).or_default().push(action);
                    all.insert((*kind, action), standings);
                }
            }
        }
        Ok(Self { enforcers, actions, standings: all })
    }

    /// The actions that some line allows on a kind of object.
    pub(crate) fn actions(&self, kind: Kind) -> &[Action] {
        self.actions.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Who may do an action on a kind of object, as the lines say.
    pub(crate) fn standings(&self, kind: Kind, action: Action) -> &[Standing] {
        self.standings.get(&(kind, action)).map_or(&[], Vec::as_slice)
    }

    /// Asks casbin. What no line names is no.
    ///
    /// # Errors
    /// The files do not fit each other: to be taken as no, and as an alarm.
    pub(crate) fn allows(&self, kind: Kind, texts: (&str, &str), action: Action) -> casbin::Result<bool> {
        let (subject, resource) = texts;
        match self.enforcers.get(&(kind, action)) {
            Some(enforcer) => enforcer.enforce((subject, resource, word_of_action(action))),
            None => Ok(false),
        }
    }

    /// Tries the matcher: who has no role may do nothing, who has every role may do what is named.
    fn follows_the_lines(&self) -> casbin::Result<bool> {
        let stranger = Subject::Member(MemberId::from_uuid(Uuid::nil())).to_string();
        let system = Subject::System.to_string();
        let tenant = TenantId::from_uuid(Uuid::nil());
        for (kind, action) in self.enforcers.keys() {
            let resource = Place { tenant, kind: *kind, thing: Thing::Tenants }.to_string();
            if self.allows(*kind, (&stranger, &resource), *action)?
                || !self.allows(*kind, (&system, &resource), *action)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn enforcer(
    model: &str,
    action: Action,
    standings: &[Standing],
    manager: &SharedManager,
) -> casbin::Result<Enforcer> {
    let line = |standing: &Standing| format!("p, {}, {}\n", standing.word(), word_of_action(action));
    let lines: String = standings.iter().map(line).collect();
    let model = DefaultModel::from_str(model).await?;
    let mut enforcer = Enforcer::new(model, StringAdapter::new(lines)).await?;
    enforcer.set_role_manager(Arc::clone(manager))?;
    Ok(enforcer)
}

#[cfg(test)]
mod tests {
    use casbin::DefaultRoleManager;

    use super::*;

    async fn refused(matcher: &str) -> PolicyError {
        let mut files = PolicyFiles::builtin();
        let old = "m = r.act == p.act && g(r.sub, p.role, r.res)";
        assert!(files.model.text.contains(old));
        files.model.text = files.model.text.replace(old, matcher);
        let manager: SharedManager = Arc::new(RwLock::new(DefaultRoleManager::new(10)));
        Policy::load(&files, &manager).await.err().expect(matcher)
    }

    #[tokio::test]
    async fn a_matcher_that_does_not_decide_by_the_lines_is_refused() {
        let line = PolicyFiles::builtin().model.text.lines().count();
        for bad in [
            "m = r.act == p.act",
            "m = r.act != p.act && g(r.sub, p.role, r.res)",
            "m = true",
            "m = r.act == p.act && g(r.sub, p.role)",
            "m = p.role",
            "m = r.act ==",
        ] {
            assert_eq!(refused(bad).await.line, line, "{bad}");
        }
    }
}
