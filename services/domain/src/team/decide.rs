//! The rules of a team.

use super::{State, Team, TeamEvent};
use crate::{Aggregate, Decision, MemberId, Refusal, TeamId, text};

/// Longest name, in bytes.
const NAME_LEN: usize = 255;
/// Most members of one team.
const MOST_MEMBERS: usize = 10_000;

/// What can be asked of a team.
#[derive(Clone, Debug)]
pub enum TeamCommand {
    /// Make it.
    Create {
        /// Its id.
        team: TeamId,
        /// Its name.
        name: String,
    },
    /// Give it another name.
    Rename {
        /// The name.
        name: String,
    },
    /// Put a member in.
    AddMember {
        /// Whom.
        member: MemberId,
        /// As lead.
        lead: bool,
    },
    /// Make a member a lead, or none any more.
    SetLead {
        /// Whom.
        member: MemberId,
        /// Lead or not.
        lead: bool,
    },
    /// Take a member out.
    RemoveMember {
        /// Whom.
        member: MemberId,
    },
    /// End the team.
    Delete {
        /// How many credentials it owns: it must be none.
        owned_credentials: u64,
    },
}

impl Aggregate for Team {
    type Command = TeamCommand;
    type Event = TeamEvent;

    fn decide(&self, command: &TeamCommand) -> Result<Decision<TeamEvent>, Refusal> {
        use TeamCommand as C;
        match (self, command) {
            (Self::Vacant, C::Create { team, name }) => Ok(Decision::of([TeamEvent::Created {
                team: *team,
                name: text::line("name", name, NAME_LEN)?,
            }])),
            (_, C::Create { .. }) => Err(Refusal::conflict("a team with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), C::Rename { name }) => rename(state, name),
            (Self::Live(state), C::AddMember { member, lead }) => add(state, *member, *lead),
            (Self::Live(state), C::SetLead { member, lead }) => set_lead(state, *member, *lead),
            (Self::Live(state), C::RemoveMember { member }) => match state.members.get(member) {
                None => Err(Refusal::NotFound),
                Some(_) => Ok(Decision::of([TeamEvent::MemberRemoved { member: *member }])),
            },
            (Self::Live(_), C::Delete { owned_credentials: 0 }) => Ok(Decision::of([TeamEvent::Deleted {}])),
            (Self::Live(_), C::Delete { owned_credentials }) => Err(Refusal::Rule {
                reason: "TEAM_OWNS_CREDENTIALS",
                message: "the team owns credentials: delete them or give them away first".into(),
                details: serde_json::json!({ "credentials": owned_credentials }),
            }),
        }
    }

    fn evolve(self, event: &TeamEvent) -> Self {
        match (self, event) {
            (_, TeamEvent::Created { team, name }) => {
                Self::Live(State { id: *team, name: name.clone(), members: Default::default(), revision: 1 })
            }
            (Self::Live(_), TeamEvent::Deleted {}) => Self::Deleted,
            (Self::Live(mut state), event) => {
                state.revision += 1;
                state.apply(event);
                Self::Live(state)
            }
            (other, _) => other,
        }
    }

    fn revision(&self) -> u64 {
        match self {
            Self::Live(state) => state.revision,
            Self::Vacant | Self::Deleted => 0,
        }
    }
}

impl State {
    fn apply(&mut self, event: &TeamEvent) {
        match event {
            TeamEvent::Renamed { name } => self.name.clone_from(name),
            TeamEvent::MemberAdded { member, lead } | TeamEvent::LeadChanged { member, lead } => {
                self.members.insert(*member, *lead);
            }
            TeamEvent::MemberRemoved { member } => {
                self.members.remove(member);
            }
            TeamEvent::Created { .. } | TeamEvent::Deleted {} => {}
        }
    }
}

fn rename(state: &State, name: &str) -> Result<Decision<TeamEvent>, Refusal> {
    let name = text::line("name", name, NAME_LEN)?;
    if name == state.name {
        return Ok(Decision::nothing());
    }
    Ok(Decision::of([TeamEvent::Renamed { name }]))
}

fn add(state: &State, member: MemberId, lead: bool) -> Result<Decision<TeamEvent>, Refusal> {
    if state.members.contains_key(&member) {
        return Ok(Decision::nothing());
    }
    if state.members.len() >= MOST_MEMBERS {
        return Err(Refusal::rule("TEAM_FULL", format!("a team has at most {MOST_MEMBERS} members")));
    }
    Ok(Decision::of([TeamEvent::MemberAdded { member, lead }]))
}

fn set_lead(state: &State, member: MemberId, lead: bool) -> Result<Decision<TeamEvent>, Refusal> {
    match state.members.get(&member) {
        None => Err(Refusal::NotFound),
        Some(is) if *is == lead => Ok(Decision::nothing()),
        Some(_) => Ok(Decision::of([TeamEvent::LeadChanged { member, lead }])),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn member(number: u128) -> MemberId {
        MemberId::from_uuid(Uuid::from_u128(number))
    }

    fn after(commands: &[TeamCommand]) -> Team {
        commands.iter().fold(Team::default(), |team, command| {
            let decision = team.decide(command).expect("set-up");
            decision.events.iter().fold(team, Team::evolve)
        })
    }

    fn made() -> TeamCommand {
        TeamCommand::Create { team: TeamId::from_uuid(Uuid::from_u128(1)), name: " Ops ".into() }
    }

    #[test]
    fn a_name_is_trimmed_and_not_empty() {
        assert!(matches!(after(&[made()]), Team::Live(State { name, .. }) if name == "Ops"));
        let blank = TeamCommand::Rename { name: "  ".into() };
        assert!(matches!(after(&[made()]).decide(&blank), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_lead_is_a_member_first() {
        let lead = TeamCommand::SetLead { member: member(2), lead: true };
        assert_eq!(after(&[made()]).decide(&lead).expect_err("no member"), Refusal::NotFound);
        let add = TeamCommand::AddMember { member: member(2), lead: false };
        let Team::Live(state) = after(&[made(), add, lead]) else { panic!("live") };
        assert_eq!(state.members.get(&member(2)), Some(&true));
    }

    #[test]
    fn adding_twice_is_nothing() {
        let add = || TeamCommand::AddMember { member: member(2), lead: false };
        assert!(after(&[made(), add()]).decide(&add()).expect("taken").events.is_empty());
    }

    #[test]
    fn a_team_that_owns_credentials_stays() {
        let owner = TeamCommand::Delete { owned_credentials: 2 };
        assert!(matches!(after(&[made()]).decide(&owner), Err(Refusal::Rule { .. })));
        let gone = after(&[made(), TeamCommand::Delete { owned_credentials: 0 }]);
        assert_eq!(gone, Team::Deleted);
        assert!(gone.decide(&TeamCommand::Rename { name: "x".into() }).is_err());
    }
}
