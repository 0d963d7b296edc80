//! The rules of a tenant's own component.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Component, ComponentEvent as E};
use crate::{Aggregate, Decision, FieldError, Refusal};

/// What can be asked of a tenant's own component. Definitions are well formed already, and have
/// [`OwnComponent::next_version`].
#[derive(Clone, Debug)]
pub enum ComponentCommand {
    /// Make it, or make it again after it was deleted.
    Register {
        /// What it is.
        definition: Box<Component>,
    },
    /// Give it another definition.
    Update {
        /// What it is from now on.
        definition: Box<Component>,
    },
    /// End it.
    Delete {
        /// How many credentials are of it: it must be none.
        credentials: u64,
    },
}

/// A tenant's own component, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnComponent {
    /// What it is; none before it was made and after it was deleted.
    current: Option<Box<Component>>,
    /// The highest version that there was.
    version: u32,
    /// Fields that were secret in some version.
    secrets: BTreeSet<String>,
    revision: u64,
}

impl OwnComponent {
    /// The version that the next definition has. No number is used twice.
    pub fn next_version(&self) -> u32 {
        self.version + 1
    }

    fn present(&self) -> Result<&Component, Refusal> {
        self.current.as_deref().ok_or(Refusal::NotFound)
    }

    /// What is in the vault for older credentials must not become readable by a new definition.
    fn keeps_secrets(&self, definition: &Component) -> Result<(), Refusal> {
        let secret = definition.secret_fields();
        let opened = definition
            .properties()
            .filter(|(name, _)| self.secrets.contains(*name) && !secret.contains(*name));
        let errors: Vec<_> = opened
            .map(|(name, _)| {
                let path = format!("definition.fields.properties.{name}.x-secret");
                FieldError::new(path, "must stay true: the field was secret in an earlier version")
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
    }

    fn has_next_version(&self, definition: &Component) -> Result<(), Refusal> {
        if definition.version == self.next_version() {
            return Ok(());
        }
        Err(Refusal::conflict("the component was changed at the same time: try again"))
    }

    fn update(&self, definition: &Component) -> Result<Decision<E>, Refusal> {
        let current = self.present()?;
        if (Component { version: current.version, ..definition.clone() }) == *current {
            return Ok(Decision::nothing());
        }
        self.has_next_version(definition)?;
        self.keeps_secrets(definition)?;
        let version = definition.version;
        Ok(Decision::of([E::Updated { version, definition: Box::new(definition.clone()) }]))
    }

    fn register(&self, definition: &Component) -> Result<Decision<E>, Refusal> {
        if self.current.is_some() {
            return Err(Refusal::conflict(
                "there is a component of this slug: use updateComponent, or another slug",
            ));
        }
        self.has_next_version(definition)?;
        self.keeps_secrets(definition)?;
        let version = definition.version;
        Ok(Decision::of([E::Registered { version, definition: Box::new(definition.clone()) }]))
    }
}

impl Aggregate for OwnComponent {
    type Command = ComponentCommand;
    type Event = E;

    fn decide(&self, command: &ComponentCommand) -> Result<Decision<E>, Refusal> {
        match command {
            ComponentCommand::Register { definition } => self.register(definition),
            ComponentCommand::Update { definition } => self.update(definition),
            ComponentCommand::Delete { credentials } => {
                self.present()?;
                match credentials {
                    0 => Ok(Decision::of([E::Deleted {}])),
                    used => Err(Refusal::Rule {
                        reason: "COMPONENT_IN_USE",
                        message: format!(
                            "{used} credentials are of this component, deleted ones that can be restored counted: \
                             delete and purge them first"
                        ),
                        details: json!({ "credentials": used }),
                    }),
                }
            }
        }
    }

    fn evolve(mut self, event: &E) -> Self {
        self.revision += 1;
        match event {
            E::Registered { version, definition } | E::Updated { version, definition } => {
                self.secrets.extend(definition.secret_fields());
                self.version = self.version.max(*version);
                self.current = Some(definition.clone());
            }
            E::Deleted {} => self.current = None,
        }
        self
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Version `version` of a component whose field `token` is secret or not.
    fn erp(version: u32, secret: bool, host: &str) -> Box<Component> {
        let definition = json!({
            "slug": "erp", "name": "ERP", "version": version, "kind": "API_KEY", "description": "Ours.",
            "authStyle": "Bearer", "allowedHosts": [host],
            "fields": { "properties": { "token": { "type": "string", "x-secret": secret } } },
        });
        Box::new(serde_json::from_value(definition).expect("a definition"))
    }

    fn register(definition: Box<Component>) -> ComponentCommand {
        ComponentCommand::Register { definition }
    }

    fn update(definition: Box<Component>) -> ComponentCommand {
        ComponentCommand::Update { definition }
    }

    fn given(commands: &[ComponentCommand]) -> OwnComponent {
        commands.iter().fold(OwnComponent::default(), |it, command| {
            let decision = it.decide(command).expect("set-up");
            decision.events.iter().fold(it, OwnComponent::evolve)
        })
    }

    #[test]
    fn a_definition_is_whole_in_its_event() {
        let events = given(&[]).decide(&register(erp(1, true, "a.example"))).expect("taken").events;
        assert_eq!(events, [E::Registered { version: 1, definition: erp(1, true, "a.example") }]);
        let made = given(&[register(erp(1, true, "a.example"))]);
        let events = made.decide(&update(erp(2, true, "b.example"))).expect("taken").events;
        assert_eq!(events, [E::Updated { version: 2, definition: erp(2, true, "b.example") }]);
    }

    #[test]
    fn the_same_definition_again_is_nothing() {
        let made = given(&[register(erp(1, true, "a.example"))]);
        assert!(made.decide(&update(erp(2, true, "a.example"))).expect("taken").events.is_empty());
        assert!(matches!(made.decide(&register(erp(2, true, "a.example"))), Err(Refusal::Conflict { .. })));
    }

    #[test]
    fn what_was_secret_once_stays_secret_also_after_it_was_left_out_or_the_component_deleted() {
        let mut without = erp(2, true, "a.example");
        without.fields["properties"] = json!({ "user": { "type": "string" } });
        let delete = ComponentCommand::Delete { credentials: 0 };
        let made = || register(erp(1, true, "a.example"));
        for (before, wish) in [
            (vec![made()], update(erp(2, false, "a.example"))),
            (vec![made(), update(without)], update(erp(3, false, "a.example"))),
            (vec![made(), delete], register(erp(2, false, "a.example"))),
        ] {
            let Err(Refusal::Invalid(errors)) = given(&before).decide(&wish) else { panic!("{wish:?}") };
            assert_eq!(errors[0].path, "definition.fields.properties.token.x-secret");
        }
        assert!(given(&[]).decide(&register(erp(1, false, "a.example"))).is_ok());
    }

    #[test]
    fn a_version_number_is_never_used_twice() {
        let made = register(erp(1, true, "a.example"));
        let gone = given(&[made, ComponentCommand::Delete { credentials: 0 }]);
        assert_eq!((given(&[]).revision(), gone.revision()), (0, 2));
        assert_eq!(gone.next_version(), 2);
        assert!(matches!(gone.decide(&register(erp(1, true, "b.example"))), Err(Refusal::Conflict { .. })));
        assert!(gone.decide(&register(erp(2, true, "b.example"))).is_ok());
    }

    #[test]
    fn one_that_credentials_are_of_stays() {
        let made = given(&[register(erp(1, true, "a.example"))]);
        let used = made.decide(&ComponentCommand::Delete { credentials: 3 }).expect_err("in use");
        let Refusal::Rule { reason, details, .. } = used else { panic!("{used:?}") };
        assert_eq!((reason, &details["credentials"]), ("COMPONENT_IN_USE", &Value::from(3)));
    }

    #[test]
    fn what_is_not_there_is_not_changed() {
        for wish in [update(erp(1, true, "a.example")), ComponentCommand::Delete { credentials: 0 }] {
            assert_eq!(given(&[]).decide(&wish).expect_err("nothing there"), Refusal::NotFound);
        }
    }
}
