//! The roles of the policy files, read from the facts. `roles.csv` says the same in words.

use keytrail_domain::{CredentialId, Grantee, Level, MemberId, Owner, Role, TeamId, Timestamp};

use crate::{
    facts::Facts,
    question::{Subject, Thing},
    vocabulary::Needs,
};

impl Facts {
    /// Whether the subject is to the thing what is needed.
    pub(crate) fn meets(&self, subject: Subject, needs: Needs, thing: Thing, now: Timestamp) -> bool {
        match (subject, needs, thing) {
            (Subject::System, ..) => true,
            (
                Subject::ServiceAccount(account),
                Needs::Level(least) | Needs::Granted(least),
                Thing::Credential(id),
            ) => self.granted(id, [Grantee::ServiceAccount(account)], now) >= Some(least),
            (Subject::ServiceAccount(_), ..) => false,
            (Subject::Member(member), ..) => self
                .role(member)
                .is_some_and(|role| Asker { facts: self, member, role, now }.meets(needs, thing)),
        }
    }

    /// All that a member counts as: himself and his teams.
    pub(crate) fn counts_as(&self, member: MemberId) -> impl Iterator<Item = Grantee> + Clone {
        let teams = self.teams(member).iter().map(|(team, _)| Grantee::Team(*team));
        std::iter::once(Grantee::Member(member)).chain(teams)
    }

    /// The highest level of these, by their own grants and those of the environments that they hold.
    fn granted(
        &self,
        id: CredentialId,
        grantees: impl IntoIterator<Item = Grantee> + Clone,
        now: Timestamp,
    ) -> Option<Level> {
        let environments = self.environments(grantees.clone(), now).map(Grantee::Environment);
        let all = grantees.into_iter().chain(environments);
        all.filter_map(|grantee| self.grant(id, grantee, now)).max()
    }
}

/// A present member with a question.
struct Asker<'a> {
    facts: &'a Facts,
    member: MemberId,
    role: Role,
    now: Timestamp,
}

impl Asker<'_> {
    fn meets(&self, needs: Needs, thing: Thing) -> bool {
        match (needs, thing) {
            (Needs::Role(least), thing) => self.role.includes(least) && self.is_here(thing),
            (Needs::Lead, Thing::Of(Owner::Team(team))) => self.leads(team) == Some(true),
            (Needs::Team, Thing::Of(owner)) => self.shares(owner),
            (Needs::Maker, Thing::Of(owner)) => self.makes_for(owner),
            (Needs::Level(least), Thing::Credential(id)) => {
                self.level_by_role(id).max(self.level_by_grant(id)) >= Some(least)
            }
            (Needs::Granted(least), Thing::Credential(id)) => self.level_by_grant(id) >= Some(least),
            _ => false,
        }
    }

    /// Whether he leads a team; none when he is not in it.
    fn leads(&self, team: TeamId) -> Option<bool> {
        self.facts.teams(self.member).iter().find(|(known, _)| *known == team).map(|(_, lead)| *lead)
    }

    fn shares(&self, owner: Owner) -> bool {
        match owner {
            Owner::Member(member) => member == self.member,
            Owner::Team(team) => self.leads(team).is_some(),
        }
    }

    fn makes_for(&self, owner: Owner) -> bool {
        let any_team = self.role.includes(Role::Admin) && matches!(owner, Owner::Team(_));
        any_team || (self.role.includes(Role::Member) && self.shares(owner))
    }

    /// A credential that nobody owns is not one of this tenant: no role opens it.
    fn is_here(&self, thing: Thing) -> bool {
        !matches!(thing, Thing::Credential(id) if self.facts.owner(id).is_none())
    }

    fn level_by_role(&self, id: CredentialId) -> Option<Level> {
        self.is_here(Thing::Credential(id)).then(|| self.role.level()).flatten()
    }

    fn level_by_grant(&self, id: CredentialId) -> Option<Level> {
        let granted = self.facts.granted(id, self.facts.counts_as(self.member), self.now);
        granted.max(self.level_by_owning(id))
    }

    fn level_by_owning(&self, id: CredentialId) -> Option<Level> {
        match self.facts.owner(id)? {
            Owner::Member(member) => (member == self.member).then_some(Level::OF_OWNER),
            Owner::Team(team) => self.leads(team).map(Level::of_owning_team),
        }
    }
}
