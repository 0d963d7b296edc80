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

#[cfg(test)]
mod tests {
    use keytrail_domain::{MemberId, Owner, Role, TeamId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::{
        Kind,
        question::Thing,
        world::{Asker, Noon, World},
    };

    const LED: Owner = Owner::Team(TeamId::from_uuid(Uuid::from_u128(1)));

    async fn home() -> FactsManager {
        let tenants = Arc::new(Tenants::new(Arc::new(World::new()), 1_000));
        tenants.loaded(TenantId::of_slug("home")).await.expect("loaded");
        FactsManager::new(tenants, Arc::new(Noon))
    }

    fn texts(slug: &str) -> (String, String) {
        let tenant = TenantId::of_slug(slug);
        let who = Asker::Member(Role::Member).principal(tenant);
        let place = Place { tenant, kind: Kind::Team, thing: Thing::Of(LED) };
        (Subject::of(&who).expect("a member").to_string(), place.to_string())
    }

    #[tokio::test]
    async fn facts_stay_when_casbin_clears_the_manager() {
        let mut manager = home().await;
        let (who, place) = texts("home");
        assert!(manager.has_link(&who, "LEAD", Some(&place)));
        manager.clear();
        assert!(manager.has_link(&who, "LEAD", Some(&place)));
    }

    #[tokio::test]
    async fn a_link_in_a_policy_file_gives_nothing() {
        let mut manager = home().await;
        let (who, place) = texts("home");
        manager.add_link(&who, "OWNER", Some(&place));
        assert!(!manager.has_link(&who, "OWNER", Some(&place)));
        assert!(manager.delete_link(&who, "LEAD", Some(&place)).is_ok());
        assert!(manager.has_link(&who, "LEAD", Some(&place)));
    }

    #[tokio::test]
    async fn who_or_what_cannot_be_read_or_is_not_loaded_has_no_role() {
        let manager = home().await;
        let (who, place) = texts("home");
        let stranger = MemberId::from_uuid(Uuid::from_u128(99)).to_string();
        for (who, role, place) in [
            (who.as_str(), "LEAD", Some(texts("abroad").1.as_str())),
            (&who, "LEAD", Some("nonsense")),
            (&who, "LEAD", None),
            (&who, "KING", Some(&place)),
            ("nonsense", "LEAD", Some(&place)),
            (&stranger, "MEMBER", Some(&place)),
            ("system", "KING", Some(&place)),
        ] {
            assert!(!manager.has_link(who, role, place), "{who} {role} {place:?}");
        }
    }
}
