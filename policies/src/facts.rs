//! What is in force in one tenant: the fold of its [`AuthorityChange`]s.
//!
//! Ids are 16 bytes and stand in the maps as they are; a grant takes 32 bytes. Each change says how
//! something is from now on, so a change that is applied twice changes nothing.

use std::collections::{HashMap, HashSet};

use keytrail_domain::{
    CredentialId, EnvironmentId, Grantee, Level, MemberId, Owner, Position, Role, ServiceAccountId, TeamId,
    Timestamp, TokenId,
};
use keytrail_ports::{AuthorityChange, AuthoritySnapshot};

/// A grant on one credential.
#[derive(Clone, Copy, Debug)]
struct Grant {
    grantee: Grantee,
    level: Level,
    /// Microseconds; the end of time for a grant without an end.
    until: i64,
}

/// Who has what on one credential.
#[derive(Debug, Default)]
struct Held {
    owner: Option<Owner>,
    /// Ordered by grantee, each once.
    grants: Vec<Grant>,
}

/// What is in force in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    position: Option<Position>,
    roles: HashMap<MemberId, Role>,
    teams: HashMap<MemberId, Vec<(TeamId, bool)>>,
    /// Service accounts that are there, and their tokens, each with its end as in a grant.
    accounts: HashSet<ServiceAccountId>,
    tokens: HashMap<TokenId, (ServiceAccountId, i64)>,
    /// Who holds which environments, each with its end as in a grant.
    holdings: HashMap<Grantee, Vec<(EnvironmentId, i64)>>,
    credentials: HashMap<CredentialId, Held>,
    grants: usize,
}

impl Facts {
    /// Folds a snapshot. That can be millions of changes: keep it off the executor.
    pub(crate) fn of(snapshot: &AuthoritySnapshot) -> Self {
        let mut facts = Self { position: snapshot.position, ..Self::default() };
        snapshot.changes.iter().for_each(|change| facts.change(change));
        facts
    }

    /// Folds the changes up to a position, unless that position is folded already.
    pub(crate) fn apply(&mut self, position: Position, changes: &[AuthorityChange]) {
        if self.position.is_some_and(|folded| position <= folded) {
            return;
        }
        changes.iter().for_each(|change| self.change(change));
        self.position = Some(position);
    }

    /// How many things are kept here, as a measure of memory.
    pub(crate) fn entries(&self) -> usize {
        self.roles.len()
            + self.teams.len()
            + self.accounts.len()
            + self.tokens.len()
            + self.holdings.values().map(Vec::len).sum::<usize>()
            + self.credentials.len()
            + self.grants
    }

    /// A member's role; none when he is no member.
    pub(crate) fn role(&self, member: MemberId) -> Option<Role> {
        self.roles.get(&member).copied()
    }

    /// The teams that a member is in, each with whether he leads it.
    pub(crate) fn teams(&self, member: MemberId) -> &[(TeamId, bool)] {
        self.teams.get(&member).map_or(&[], Vec::as_slice)
    }

    /// Whether a service account is there.
    pub(crate) fn has_account(&self, account: ServiceAccountId) -> bool {
        self.accounts.contains(&account)
    }

    /// Whether a token of that account is good now.
    pub(crate) fn is_good(&self, token: TokenId, account: ServiceAccountId, now: Timestamp) -> bool {
        self.tokens.get(&token).is_some_and(|(whose, until)| *whose == account && now.as_micros() < *until)
    }

    /// The environments that one of these holds now; one may come twice.
    pub(crate) fn environments(
        &self,
        holders: impl IntoIterator<Item = Grantee>,
        now: Timestamp,
    ) -> impl Iterator<Item = EnvironmentId> {
        let held = holders.into_iter().filter_map(|holder| self.holdings.get(&holder)).flatten();
        held.filter(move |(_, until)| now.as_micros() < *until).map(|(environment, _)| *environment)
    }

    /// Who owns a credential; none for one that this tenant does not have.
    pub(crate) fn owner(&self, credential: CredentialId) -> Option<Owner> {
        self.credentials.get(&credential)?.owner
    }

    /// What a grant gives now. A grant counts before its end, not at it, and not on a credential
    /// that nobody owns: that one is not of this tenant, or gone.
    pub(crate) fn grant(&self, credential: CredentialId, grantee: Grantee, now: Timestamp) -> Option<Level> {
        let held = self.credentials.get(&credential)?;
        let place = held.grants.binary_search_by_key(&grantee, |grant| grant.grantee).ok()?;
        let grant = held.grants.get(place).filter(|_| held.owner.is_some())?;
        (now.as_micros() < grant.until).then_some(grant.level)
    }

    fn change(&mut self, change: &AuthorityChange) {
        use AuthorityChange as C;
        match *change {
            C::Role { member, role: Some(role) } => drop(self.roles.insert(member, role)),
            C::Role { member, role: None } => drop(self.roles.remove(&member)),
            C::Membership { team, member, lead } => self.put_membership(member, team, lead),
            C::TeamGone { team } => self.remove_team(team),
            C::Account { account, present: true } => drop(self.accounts.insert(account)),
            C::Account { account, present: false } => {
                self.accounts.remove(&account);
                self.tokens.retain(|_, (whose, _)| *whose != account);
            }
            C::ApiToken { token, account, until: Some(end) } => {
                let until = end.map_or(i64::MAX, Timestamp::as_micros);
                self.tokens.insert(token, (account, until));
            }
            C::ApiToken { token, until: None, .. } => drop(self.tokens.remove(&token)),
            C::Holding { environment, grantee, until } => self.put_holding(grantee, environment, until),
            C::EnvironmentGone { environment } => self.remove_environment(environment),
            C::Owned { credential, owner } => {
                self.credentials.entry(credential).or_default().owner = Some(owner);
            }
            C::Granted { credential, grantee, level: Some((level, until)) } => {
                let until = until.map_or(i64::MAX, Timestamp::as_micros);
                self.put_grant(credential, Grant { grantee, level, until });
            }
            C::Granted { credential, grantee, level: None } => self.remove_grant(credential, grantee),
            C::CredentialGone { credential } => {
                let gone = self.credentials.remove(&credential);
                self.grants -= gone.map_or(0, |held| held.grants.len());
            }
        }
    }

    fn put_membership(&mut self, member: MemberId, team: TeamId, lead: Option<bool>) {
        let teams = self.teams.entry(member).or_default();
        teams.retain(|(known, _)| *known != team);
        teams.extend(lead.map(|lead| (team, lead)));
        if teams.is_empty() {
            self.teams.remove(&member);
        }
    }

    fn remove_team(&mut self, team: TeamId) {
        self.teams.retain(|_, teams| {
            teams.retain(|(known, _)| *known != team);
            !teams.is_empty()
        });
    }

    fn put_holding(&mut self, holder: Grantee, environment: EnvironmentId, until: Option<Option<Timestamp>>) {
        let held = self.holdings.entry(holder).or_default();
        held.retain(|(known, _)| *known != environment);
        held.extend(until.map(|end| (environment, end.map_or(i64::MAX, Timestamp::as_micros))));
        if held.is_empty() {
            self.holdings.remove(&holder);
        }
    }

    fn remove_environment(&mut self, environment: EnvironmentId) {
        self.holdings.retain(|_, held| {
            held.retain(|(known, _)| *known != environment);
            !held.is_empty()
        });
    }

    fn put_grant(&mut self, credential: CredentialId, grant: Grant) {
        let grants = &mut self.credentials.entry(credential).or_default().grants;
        match grants.binary_search_by_key(&grant.grantee, |known| known.grantee) {
            Ok(place) => grants[place] = grant,
            Err(place) => {
                grants.insert(place, grant);
                self.grants += 1;
            }
        }
    }

    fn remove_grant(&mut self, credential: CredentialId, grantee: Grantee) {
        let Some(held) = self.credentials.get_mut(&credential) else { return };
        let Ok(place) = held.grants.binary_search_by_key(&grantee, |known| known.grantee) else { return };
        held.grants.remove(place);
        self.grants -= 1;
        if held.owner.is_none() && held.grants.is_empty() {
            self.credentials.remove(&credential);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NUMBER: Uuid = Uuid::from_u128(1);

    fn shared(level: Option<(Level, Option<Timestamp>)>) -> AuthorityChange {
        let (credential, member) = (CredentialId::from_uuid(NUMBER), MemberId::from_uuid(NUMBER));
        AuthorityChange::Granted { credential, grantee: Grantee::Member(member), level }
    }

    fn holding(until: Option<Option<Timestamp>>) -> AuthorityChange {
        let grantee = Grantee::Team(TeamId::from_uuid(NUMBER));
        AuthorityChange::Holding { environment: EnvironmentId::from_uuid(NUMBER), grantee, until }
    }

    #[test]
    fn a_grant_takes_32_bytes() {
        assert_eq!(size_of::<Grant>(), 32);
    }

    #[test]
    fn entries_follow_what_is_kept() {
        let (credential, member) = (CredentialId::from_uuid(NUMBER), MemberId::from_uuid(NUMBER));
        let mut facts = Facts::default();
        for (change, entries) in [
            (shared(Some((Level::View, None))), 2),
            (shared(Some((Level::Edit, None))), 2),
            (shared(None), 0),
            (shared(None), 0),
            (AuthorityChange::Owned { credential, owner: Owner::Member(member) }, 1),
            (shared(Some((Level::View, None))), 2),
            (AuthorityChange::CredentialGone { credential }, 0),
            (AuthorityChange::Role { member, role: Some(Role::Member) }, 1),
            (AuthorityChange::Membership { team: TeamId::from_uuid(NUMBER), member, lead: Some(true) }, 2),
            (AuthorityChange::TeamGone { team: TeamId::from_uuid(NUMBER) }, 1),
            (holding(Some(None)), 2),
            (holding(Some(Some(Timestamp::EPOCH))), 2),
            (holding(None), 1),
            (holding(Some(None)), 2),
            (AuthorityChange::EnvironmentGone { environment: EnvironmentId::from_uuid(NUMBER) }, 1),
        ] {
            facts.change(&change);
            assert_eq!(facts.entries(), entries, "{change:?}");
        }
    }

    #[test]
    fn a_position_that_is_folded_changes_nothing() {
        let mut facts = Facts::default();
        facts.apply(Position::nth(2), &[shared(Some((Level::View, None)))]);
        facts.apply(Position::nth(2), &[shared(None)]);
        facts.apply(Position::nth(1), &[shared(None)]);
        assert_eq!(facts.entries(), 2);
    }
}
