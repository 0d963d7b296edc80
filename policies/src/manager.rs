//! casbin's role manager: looks roles up in the tenants' facts instead of keeping a graph.

use std::sync::Arc;

use casbin::{MatchingFn, RoleManager};
use keytrail_ports::Clock;

use crate::{
    facts::Facts,
    question::{Place, Subject},
    tenants::Tenants,
    vocabulary::Standing,
};

/// Answers `g(sub, role, res)`. A text that it cannot read has no role.
///
/// casbin calls `clear` whenever policy is loaded or a manager is set: the facts are not casbin's to
/// clear, so it does nothing here. Links in the policy file are refused when the file is read.
pub(crate) struct FactsManager {
    tenants: Arc<Tenants>,
    clock: Arc<dyn Clock>,
}

impl FactsManager {
    pub(crate) fn new(tenants: Arc<Tenants>, clock: Arc<dyn Clock>) -> Self {
        Self { tenants, clock }
    }

    fn answer(&self, subject: &str, role: &str, resource: &str) -> Option<bool> {
        let (subject, place) = (Subject::parse(subject)?, Place::parse(resource)?);
        let standing = Standing::of_word(role)?;
        let now = self.clock.now();
        let meets = |facts: &Facts| facts.meets(subject, standing.needs(), place.thing, now);
        // Where nothing is known there is nobody but the system.
        Some(self.tenants.look(place.tenant, meets).unwrap_or_else(|| meets(&Facts::default())))
    }
}

impl RoleManager for FactsManager {
    fn has_link(&self, name1: &str, name2: &str, domain: Option<&str>) -> bool {
        domain.and_then(|resource| self.answer(name1, name2, resource)).unwrap_or(false)
    }

    fn clear(&mut self) {}

    fn add_link(&mut self, _name1: &str, _name2: &str, _domain: Option<&str>) {}

    fn delete_link(&mut self, _name1: &str, _name2: &str, _domain: Option<&str>) -> casbin::Result<()> {
        Ok(())
    }

    fn matching_fn(&mut self, _roles: Option<MatchingFn>, _domains: Option<MatchingFn>) {}

    fn get_roles(&self, _name: &str, _domain: Option<&str>) -> Vec<String> {
        Vec::new()
    }

    fn get_users(&self, _name: &str, _domain: Option<&str>) -> Vec<String> {
        Vec::new()
    }
}
