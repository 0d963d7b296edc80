//! Random histories and questions, against a model that reads the whole history for each answer.

use keytrail_domain::{Grantee, Level, Owner, Position, Principal, Role, Timestamp};
use keytrail_ports::{Action, AuthorityChange as Change, Authorizer, Denied, Scope};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::*;

const PEOPLE: u128 = 4;
const TEAMS: u128 = 3;
const CREDENTIALS: u128 = 4;
const ENVIRONMENTS: u128 = 2;

/// The actions on a credential and the least level for each; `lease` is told apart below.
const LEVELS: [(Action, Level); 13] = [
    (Action::View, Level::View),
    (Action::Verify, Level::Use),
    (Action::Lease, Level::Use),
    (Action::Attach, Level::Use),
    (Action::Acknowledge, Level::Use),
    (Action::Update, Level::Edit),
    (Action::Rotate, Level::Edit),
    (Action::Share, Level::Manage),
    (Action::Transfer, Level::Manage),
    (Action::Suspend, Level::Manage),
    (Action::Delete, Level::Manage),
    (Action::Restore, Level::Manage),
    (Action::ReviewAccess, Level::Manage),
];

/// The history itself, and the time.
struct Naive<'a> {
    history: &'a [Change],
    now: Timestamp,
}

impl Naive<'_> {
    /// What the last change that says something about it says.
    fn last<T>(&self, says: impl Fn(&Change) -> Option<Option<T>>) -> Option<T> {
        self.history.iter().rev().find_map(says).flatten()
    }

    fn role(&self, who: u128) -> Option<Role> {
        self.last(|change| match change {
            Change::Role { member: it, role } if *it == member(who) => Some(*role),
            _ => None,
        })
    }

    fn lead(&self, who: u128, of_team: u128) -> Option<bool> {
        self.last(|change| match change {
            Change::Membership { team: it, member: whose, lead }
                if (*it, *whose) == (team(of_team), member(who)) =>
            {
                Some(*lead)
            }
            Change::TeamGone { team: it } if *it == team(of_team) => Some(None),
            _ => None,
        })
    }

    fn owner(&self, of: u128) -> Option<Owner> {
        self.last(|change| match change {
            Change::Owned { credential: it, owner } if *it == credential(of) => Some(Some(*owner)),
            Change::CredentialGone { credential: it } if *it == credential(of) => Some(None),
            _ => None,
        })
    }

    fn grant(&self, on: u128, to: Grantee) -> Option<Level> {
        let grant = self.last(|change| match change {
            Change::Granted { credential: it, grantee, level } if (*it, *grantee) == (credential(on), to) => {
                Some(*level)
            }
            Change::CredentialGone { credential: it } if *it == credential(on) => Some(None),
            _ => None,
        });
        let (level, until) = grant.filter(|_| self.owner(on).is_some())?;
        until.is_none_or(|until| self.now < until).then_some(level)
    }

    fn holds(&self, of: u128, holder: Grantee) -> bool {
        let until = self.last(|change| match change {
            Change::Holding { environment: it, grantee, until }
                if (*it, *grantee) == (environment(of), holder) =>
            {
                Some(*until)
            }
            Change::EnvironmentGone { environment: it } if *it == environment(of) => Some(None),
            _ => None,
        });
        until.is_some_and(|until| until.is_none_or(|until| self.now < until))
    }

    /// By the environments that one of these holds.
    fn levels_by_environments(&self, holders: &[Grantee], on: u128) -> Vec<Level> {
        let held = (1..=ENVIRONMENTS).filter(|it| holders.iter().any(|holder| self.holds(*it, *holder)));
        held.filter_map(|it| self.grant(on, Grantee::Environment(environment(it)))).collect()
    }

    fn levels_by_grant(&self, who: u128, on: u128) -> Vec<Level> {
        let mut levels = Vec::from_iter(self.grant(on, Grantee::Member(member(who))));
        levels.extend((self.owner(on) == Some(Owner::Member(member(who)))).then_some(Level::Manage));
        let teams = (1..=TEAMS).filter(|it| self.lead(who, *it).is_some()).map(|it| Grantee::Team(team(it)));
        let himself: Vec<_> = teams.chain([Grantee::Member(member(who))]).collect();
        levels.extend(self.levels_by_environments(&himself, on));
        for number in 1..=TEAMS {
            let Some(lead) = self.lead(who, number) else { continue };
            levels.extend(self.grant(on, Grantee::Team(team(number))));
            let own = if lead { Level::Manage } else { Level::Use };
            levels.extend((self.owner(on) == Some(Owner::Team(team(number)))).then_some(own));
        }
        levels
    }

    fn may(&self, who: u128, role: Role, on: u128, action: Action, least: Level) -> bool {
        let granted = self.levels_by_grant(who, on).into_iter().any(|level| level >= least);
        let here = self.owner(on).is_some();
        let by_role = match role {
            Role::Owner | Role::Admin => action != Action::Lease,
            Role::Auditor => [Action::View, Action::ReviewAccess].contains(&action),
            Role::Member => false,
        };
        granted || (here && by_role)
    }

    fn answer(&self, who: u128, on: u128, action: Action, least: Level) -> Result<(), Denied> {
        let role = self.role(who).ok_or(Denied::NotAMember)?;
        if self.may(who, role, on, action, least) {
            return Ok(());
        }
        let sees = self.may(who, role, on, Action::View, Level::View);
        Err(if sees { Denied::Forbidden } else { Denied::Hidden })
    }

    /// Whether a list with this scope has the credential: an owner is in it as a grantee is.
    fn lists(&self, scope: &Scope, of: u128) -> bool {
        match scope {
            Scope::All => self.owner(of).is_some(),
            Scope::GrantedTo(grantees) => grantees.iter().any(|grantee| {
                self.grant(of, *grantee).is_some() || self.owner(of).map(Grantee::from) == Some(*grantee)
            }),
        }
    }
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..6).prop_map(Timestamp::from_micros)
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        (1..=PEOPLE).prop_map(|it| Owner::Member(member(it))),
        (1..=TEAMS).prop_map(|it| Owner::Team(team(it))),
    ]
}

fn grantee() -> impl Strategy<Value = Grantee> {
    prop_oneof![
        4 => holder(),
        2 => (1..=ENVIRONMENTS).prop_map(|it| Grantee::Environment(environment(it))),
    ]
}

fn holder() -> impl Strategy<Value = Grantee> {
    prop_oneof![
        4 => owner().prop_map(Grantee::from),
        1 => (1..=2u128).prop_map(|it| Grantee::ServiceAccount(service(it))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let roles =
        proptest::sample::select(vec![Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Auditor]);
    let levels = proptest::sample::select(Level::ALL.to_vec());
    let level = proptest::option::weighted(0.8, (levels, proptest::option::of(moment())));
    let lead = proptest::option::weighted(0.8, any::<bool>());
    prop_oneof![
        4 => (1..=PEOPLE, proptest::option::weighted(0.9, roles))
            .prop_map(|(who, role)| Change::Role { member: member(who), role }),
        4 => (1..=TEAMS, 1..=PEOPLE, lead)
            .prop_map(|(of, who, lead)| Change::Membership { team: team(of), member: member(who), lead }),
        1 => (1..=TEAMS).prop_map(|it| Change::TeamGone { team: team(it) }),
        4 => (1..=CREDENTIALS, owner()).prop_map(|(it, owner)| Change::Owned { credential: credential(it), owner }),
        8 => (1..=CREDENTIALS, grantee(), level)
            .prop_map(|(it, grantee, level)| Change::Granted { credential: credential(it), grantee, level }),
        4 => (1..=ENVIRONMENTS, holder(), proptest::option::weighted(0.8, proptest::option::of(moment())))
            .prop_map(|(it, grantee, until)| Change::Holding { environment: environment(it), grantee, until }),
        2 => (1..=2u128, proptest::bool::weighted(0.8))
            .prop_map(|(it, present)| Change::Account { account: service(it), present }),
        1 => (1..=ENVIRONMENTS).prop_map(|it| Change::EnvironmentGone { environment: environment(it) }),
        1 => (1..=CREDENTIALS).prop_map(|it| Change::CredentialGone { credential: credential(it) }),
    ]
}

/// A history, how much of it the views held when they were read, and the time of the questions.
fn story() -> impl Strategy<Value = (Vec<Change>, usize, Timestamp)> {
    let history = proptest::collection::vec(change(), 0..40);
    (history, any::<proptest::sample::Index>(), moment())
        .prop_map(|(history, read, now)| (history.clone(), read.index(history.len() + 1), now))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Loads the first part of the history, and applies all of it: what was loaded changes nothing.
async fn told((history, read, now): &(Vec<Change>, usize, Timestamp)) -> Set {
    let set = Set::with(vec![]).await;
    set.source.put(home(), *read as u64, history[..*read].to_vec());
    set.clock.set(now.as_micros());
    set.authorizer.role(&Principal::internal(home(), "test")).await.expect("loaded");
    for (place, change) in history.iter().enumerate() {
        set.authorizer.apply(home(), Position::nth(place as u64 + 1), &[*change]);
    }
    set
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_answer_about_a_credential_is_that_of_the_naive_model(story in story()) {
        let naive = Naive { history: &story.0, now: story.2 };
        runtime().block_on(async {
            let set = told(&story).await;
            for who in 1..=PEOPLE {
                for on in 1..=CREDENTIALS {
                    let asker = person(home(), who);
                    let mut allowed = Vec::new();
                    for (action, least) in LEVELS {
                        let answer = set.authorizer.authorize(&asker, action, of(on)).await;
                        prop_assert_eq!(answer, naive.answer(who, on, action, least), "{} {:?} {}", who, action, on);
                        allowed.extend(answer.is_ok().then_some(action));
                    }
                    allowed.sort();
                    prop_assert_eq!(set.authorizer.permissions(&asker, of(on)).await, Ok(allowed));
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn lists_hold_what_authorize_view_allows_and_nothing_else(story in story()) {
        let naive = Naive { history: &story.0, now: story.2 };
        runtime().block_on(async {
            let set = told(&story).await;
            let people = (1..=PEOPLE).map(|it| person(home(), it));
            for who in people.chain([robot(home(), 1), robot(home(), 2)]) {
                let Ok(scope) = set.authorizer.scope(&who).await else { continue };
                for on in 1..=CREDENTIALS {
                    let views = set.authorizer.authorize(&who, Action::View, of(on)).await.is_ok();
                    prop_assert_eq!(naive.lists(&scope, on), views, "{:?} {}", who, on);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn role_and_teams_are_those_of_the_naive_model(story in story()) {
        let naive = Naive { history: &story.0, now: story.2 };
        runtime().block_on(async {
            let set = told(&story).await;
            for who in 1..=PEOPLE {
                let asker = person(home(), who);
                prop_assert_eq!(set.authorizer.role(&asker).await.ok().flatten(), naive.role(who));
                let Ok(mut teams) = set.authorizer.teams(&asker).await else { continue };
                teams.sort_unstable();
                let expected = (1..=TEAMS).filter_map(|it| Some((team(it), naive.lead(who, it)?)));
                prop_assert_eq!(teams, expected.collect::<Vec<_>>());
            }
            Ok(())
        })?;
    }
}
