//! The rules of an environment.

use super::{Environment, EnvironmentEvent as E, MOST_CONNECTIONS, MOST_HOLDERS, State};
use crate::{Aggregate, ConnectionId, Decision, EnvironmentId, Grantee, Refusal, TeamId, Timestamp, text};

/// Longest name, in bytes.
const NAME_LEN: usize = 255;
/// Longest description, in bytes.
const DESCRIPTION_LEN: usize = 1_000;

/// What can be asked of an environment.
#[derive(Clone, Debug)]
pub enum EnvironmentCommand {
    /// Make it.
    Create {
        /// Its id.
        environment: EnvironmentId,
        /// Its name.
        name: String,
        /// For people.
        description: Option<String>,
        /// The team that it belongs to.
        team: Option<TeamId>,
        /// Connections that are in it from the beginning.
        connections: Vec<ConnectionId>,
    },
    /// Change what it is called and which connections are in it.
    Update {
        /// The new name, if it changes.
        name: Option<String>,
        /// The new description, if it changes; an empty one takes it away.
        description: Option<String>,
        /// Connections to put in.
        add: Vec<ConnectionId>,
        /// Connections to take out.
        remove: Vec<ConnectionId>,
    },
    /// Let somebody hold it.
    Share {
        /// Whom: a member, a team or a service account.
        grantee: Grantee,
        /// Until when.
        expires_at: Option<Timestamp>,
        /// The moment of asking.
        now: Timestamp,
    },
    /// Take that back.
    RevokeShare {
        /// From whom.
        grantee: Grantee,
    },
    /// End it.
    Delete,
}

impl Aggregate for Environment {
    type Command = EnvironmentCommand;
    type Event = E;

    fn decide(&self, command: &EnvironmentCommand) -> Result<Decision<E>, Refusal> {
        use EnvironmentCommand as C;
        match (self, command) {
            (Self::Vacant, C::Create { environment, name, description, team, connections }) => {
                let made = E::Created {
                    environment: *environment,
                    name: text::line("name", name, NAME_LEN)?,
                    description: text::prose("description", description.as_deref(), DESCRIPTION_LEN)?,
                    team: *team,
                };
                let mut events = vec![made];
                put_in(&Default::default(), connections, &mut events)?;
                Ok(Decision::of(events))
            }
            (_, C::Create { .. }) => Err(Refusal::conflict("an environment with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), C::Update { name, description, add, remove }) => {
                let mut events = Vec::new();
                renamed(state, name.as_deref(), &mut events)?;
                described(state, description.as_deref(), &mut events)?;
                take_out(state, remove, &mut events);
                put_in(&state.connections, add, &mut events)?;
                Ok(Decision::of(events))
            }
            (Self::Live(state), C::Share { grantee, expires_at, now }) => {
                share(state, *grantee, *expires_at, *now)
            }
            (Self::Live(state), C::RevokeShare { grantee }) => revoke(state, *grantee),
            (Self::Live(_), C::Delete) => Ok(Decision::of([E::Deleted {}])),
        }
    }

    fn evolve(self, event: &E) -> Self {
        self.with(event)
    }

    fn revision(&self) -> u64 {
        self.known().map_or(0, |state| state.revision)
    }
}

fn renamed(state: &State, name: Option<&str>, events: &mut Vec<E>) -> Result<(), Refusal> {
    let name = name.map(|name| text::line("name", name, NAME_LEN)).transpose()?;
    events.extend(name.filter(|name| *name != state.name).map(|name| E::Renamed { name }));
    Ok(())
}

fn described(state: &State, description: Option<&str>, events: &mut Vec<E>) -> Result<(), Refusal> {
    if description.is_some() {
        let description = text::prose("description", description, DESCRIPTION_LEN)?;
        if description != state.description {
            events.push(E::DescriptionChanged { description });
        }
    }
    Ok(())
}

fn take_out(state: &State, connections: &[ConnectionId], events: &mut Vec<E>) {
    for connection in connections.iter().filter(|id| state.connections.contains(id)) {
        let event = E::ConnectionRemoved { connection: *connection };
        if !events.contains(&event) {
            events.push(event);
        }
    }
}

fn put_in(
    known: &std::collections::BTreeSet<ConnectionId>,
    connections: &[ConnectionId],
    events: &mut Vec<E>,
) -> Result<(), Refusal> {
    let removed = events.iter().filter(|event| matches!(event, E::ConnectionRemoved { .. })).count();
    let mut all = known.clone();
    for connection in connections {
        if all.insert(*connection) {
            events.push(E::ConnectionAdded { connection: *connection });
        }
    }
    if all.len() - removed > MOST_CONNECTIONS {
        let message = format!("an environment has at most {MOST_CONNECTIONS} connections");
        return Err(Refusal::rule("ENVIRONMENT_FULL", message));
    }
    Ok(())
}

fn share(
    state: &State,
    grantee: Grantee,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Decision<E>, Refusal> {
    if matches!(grantee, Grantee::Environment(_)) {
        return Err(Refusal::invalid("granteeId", "must be a member, a team or a service account"));
    }
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::invalid("expiresAt", "must lie in the future"));
    }
    if state.team.map(Grantee::Team) == Some(grantee) {
        return Err(Refusal::invalid("granteeId", "the environment's own team holds it already"));
    }
    match state.shares.get(&grantee) {
        Some(known) if *known == expires_at => Ok(Decision::nothing()),
        None if state.shares.len() >= MOST_HOLDERS => Err(Refusal::rule(
            "TOO_MANY_SHARES",
            format!("an environment has at most {MOST_HOLDERS} shares: share it with a team instead"),
        )),
        _ => Ok(Decision::of([E::Shared { grantee, expires_at }])),
    }
}

fn revoke(state: &State, grantee: Grantee) -> Result<Decision<E>, Refusal> {
    if state.team.map(Grantee::Team) == Some(grantee) {
        let message =
            "the environment belongs to this team: delete it instead, or take members out of the team";
        return Err(Refusal::invalid("granteeId", message));
    }
    Ok(match state.shares.contains_key(&grantee) {
        true => Decision::of([E::ShareRevoked { grantee }]),
        false => Decision::nothing(),
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::MemberId;

    const TEAM: TeamId = TeamId::from_uuid(Uuid::from_u128(7));

    fn connection(number: u128) -> ConnectionId {
        ConnectionId::from_uuid(Uuid::from_u128(number))
    }

    fn ann() -> Grantee {
        Grantee::Member(MemberId::from_uuid(Uuid::from_u128(1)))
    }

    fn made() -> EnvironmentCommand {
        EnvironmentCommand::Create {
            environment: EnvironmentId::from_uuid(Uuid::from_u128(1)),
            name: " Production ".into(),
            description: None,
            team: Some(TEAM),
            connections: vec![connection(1), connection(1)],
        }
    }

    fn update(add: Vec<ConnectionId>, remove: Vec<ConnectionId>) -> EnvironmentCommand {
        EnvironmentCommand::Update { name: None, description: None, add, remove }
    }

    fn shared(grantee: Grantee, end: Option<i64>) -> EnvironmentCommand {
        let expires_at = end.map(Timestamp::from_micros);
        EnvironmentCommand::Share { grantee, expires_at, now: Timestamp::from_micros(10) }
    }

    fn after(commands: &[EnvironmentCommand]) -> Environment {
        commands.iter().fold(Environment::default(), |environment, command| {
            let decision = environment.decide(command).expect("set-up");
            decision.events.iter().fold(environment, Environment::evolve)
        })
    }

    #[test]
    fn a_connection_is_in_it_once_and_can_be_taken_out() {
        let environment = after(&[made(), update(vec![connection(2)], vec![connection(1), connection(1)])]);
        let state = environment.known().expect("live");
        assert_eq!((state.name.as_str(), state.revision), ("Production", 4));
        assert_eq!(state.connections.iter().collect::<Vec<_>>(), [&connection(2)]);
        let again = update(vec![connection(2)], vec![connection(1)]);
        assert!(environment.decide(&again).expect("so already").events.is_empty());
    }

    #[test]
    fn it_has_a_most_of_connections() {
        let many: Vec<_> = (0..1_001).map(connection).collect();
        let full = after(&[made()]).decide(&update(many.clone(), vec![])).expect_err("too many");
        assert!(matches!(full, Refusal::Rule { reason: "ENVIRONMENT_FULL", .. }));
        let swapped = after(&[made(), update(many[..1_000].to_vec(), vec![])]);
        assert!(swapped.decide(&update(vec![connection(5_000)], vec![connection(1)])).is_ok());
    }

    #[test]
    fn a_share_is_given_once_changed_and_taken_back() {
        let environment = after(&[made(), shared(ann(), None)]);
        assert!(environment.decide(&shared(ann(), None)).expect("so already").events.is_empty());
        let until = environment.decide(&shared(ann(), Some(20))).expect("shorter");
        assert_eq!(until.events.len(), 1);
        assert!(matches!(environment.decide(&shared(ann(), Some(10))), Err(Refusal::Invalid(_))));
        let gone = after(&[made(), shared(ann(), None), EnvironmentCommand::RevokeShare { grantee: ann() }]);
        assert!(gone.known().expect("live").shares.is_empty());
    }

    #[test]
    fn its_own_team_holds_it_by_itself_and_environments_hold_nothing() {
        let environment = after(&[made()]);
        let own = Grantee::Team(TEAM);
        assert!(environment.decide(&shared(own, None)).is_err());
        assert!(environment.decide(&EnvironmentCommand::RevokeShare { grantee: own }).is_err());
        let another = Grantee::Environment(EnvironmentId::from_uuid(Uuid::from_u128(2)));
        assert!(environment.decide(&shared(another, None)).is_err());
    }

    #[test]
    fn a_deleted_one_is_not_found() {
        let gone = after(&[made(), EnvironmentCommand::Delete]);
        assert_eq!(gone, Environment::Deleted);
        assert_eq!(gone.decide(&shared(ann(), None)).expect_err("gone"), Refusal::NotFound);
    }
}
