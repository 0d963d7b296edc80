//! The rules of an alert.

use super::{Alert, AlertEvent, AlertState, Cause, Severity, Subject};
use crate::{Aggregate, Decision, EventId, Refusal};

/// Longest note, in bytes.
const NOTE_LEN: usize = 1_000;

/// What can be asked of an alert.
#[derive(Clone, Debug)]
pub enum AlertCommand {
    /// Its cause was seen.
    Raise {
        /// What has trouble.
        about: Subject,
        /// The cause.
        cause: Cause,
        /// How bad.
        severity: Severity,
        /// One sentence for a person.
        message: String,
        /// The event that shows it.
        source: EventId,
    },
    /// Its cause is gone.
    Recover {
        /// The event that shows it.
        source: EventId,
    },
    /// Somebody takes care of it.
    Acknowledge {
        /// For the others.
        note: Option<String>,
    },
    /// Somebody says that it is over.
    Resolve {
        /// For the others.
        note: Option<String>,
    },
}

impl Aggregate for Alert {
    type Command = AlertCommand;
    type Event = AlertEvent;

    fn decide(&self, command: &AlertCommand) -> Result<Decision<AlertEvent>, Refusal> {
        use AlertCommand as C;
        use AlertState as S;
        match (command, self.state) {
            (C::Raise { about, cause, severity, message, source }, None | Some(S::Resolved)) => {
                Ok(Decision::of([AlertEvent::Opened {
                    credential: about.credential(),
                    endpoint: about.webhook_endpoint(),
                    cause: *cause,
                    severity: *severity,
                    message: message.clone(),
                    source: *source,
                }]))
            }
            (C::Raise { source, severity, message, .. }, Some(S::Open | S::Acknowledged)) => {
                Ok(Decision::of([AlertEvent::Repeated {
                    source: *source,
                    severity: self.severity.is_none_or(|now| now < *severity).then_some(*severity),
                    message: (self.message.as_ref() != Some(message)).then(|| message.clone()),
                }]))
            }
            (C::Recover { .. }, None | Some(S::Resolved)) => Ok(Decision::nothing()),
            (C::Recover { source }, Some(_)) => {
                Ok(Decision::of([AlertEvent::Resolved { source: Some(*source), note: None }]))
            }
            (C::Acknowledge { .. } | C::Resolve { .. }, None) => Err(Refusal::NotFound),
            (C::Acknowledge { note }, Some(S::Open)) => {
                Ok(Decision::of([AlertEvent::Acknowledged { note: checked(note)? }]))
            }
            (C::Acknowledge { .. }, Some(S::Acknowledged)) => Ok(Decision::nothing()),
            (C::Acknowledge { .. }, Some(S::Resolved)) => {
                Err(Refusal::rule("ILLEGAL_TRANSITION", "the alert is resolved already"))
            }
            (C::Resolve { note }, Some(S::Open | S::Acknowledged)) => {
                Ok(Decision::of([AlertEvent::Resolved { source: None, note: checked(note)? }]))
            }
            (C::Resolve { .. }, Some(S::Resolved)) => Ok(Decision::nothing()),
        }
    }

    fn evolve(self, event: &AlertEvent) -> Self {
        let state = match event {
            AlertEvent::Opened { .. } => Some(AlertState::Open),
            AlertEvent::Repeated { .. } => self.state,
            AlertEvent::Acknowledged { .. } => Some(AlertState::Acknowledged),
            AlertEvent::Resolved { .. } => Some(AlertState::Resolved),
        };
        let source = match event {
            AlertEvent::Opened { source, .. } | AlertEvent::Repeated { source, .. } => Some(*source),
            AlertEvent::Acknowledged { .. } | AlertEvent::Resolved { .. } => self.source,
        };
        let counts = !matches!(event, AlertEvent::Repeated { .. });
        let (severity, message) = match event {
            AlertEvent::Opened { severity, message, .. } => (Some(*severity), Some(message.clone())),
            AlertEvent::Repeated { severity, message, .. } => {
                (severity.or(self.severity), message.clone().or(self.message))
            }
            AlertEvent::Acknowledged { .. } | AlertEvent::Resolved { .. } => (self.severity, self.message),
        };
        Self { state, source, severity, message, revision: self.revision + u64::from(counts) }
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

fn checked(note: &Option<String>) -> Result<Option<String>, Refusal> {
    if note.as_ref().is_some_and(|note| note.len() > NOTE_LEN) {
        return Err(Refusal::invalid("note", format!("must have at most {NOTE_LEN} bytes")));
    }
    Ok(note.clone())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{CredentialId, WebhookEndpointId};

    fn raise() -> AlertCommand {
        AlertCommand::Raise {
            about: CredentialId::from_uuid(Uuid::from_u128(1)).into(),
            cause: Cause::Invalid,
            severity: Severity::Critical,
            message: "rejected".into(),
            source: EventId::from_uuid(Uuid::from_u128(2)),
        }
    }

    #[test]
    fn a_worse_cause_makes_the_alert_worse_and_a_milder_one_does_not_mend_it() {
        let raise = |severity, message: &str| match raise() {
            AlertCommand::Raise { about, cause, source, .. } => {
                AlertCommand::Raise { about, cause, severity, message: message.into(), source }
            }
            other => other,
        };
        let warned = after(&[raise(Severity::Warning, "in 7 days")]);
        let worse = warned.decide(&raise(Severity::Critical, "in 1 day")).expect("taken");
        assert!(matches!(&worse.events[..], [AlertEvent::Repeated { severity, message, .. }]
            if *severity == Some(Severity::Critical) && message.as_deref() == Some("in 1 day")));
        let milder = after(&[raise(Severity::Critical, "a"), raise(Severity::Warning, "a")]);
        assert_eq!(milder.severity, Some(Severity::Critical));
    }

    fn recover() -> AlertCommand {
        AlertCommand::Recover { source: EventId::from_uuid(Uuid::from_u128(3)) }
    }

    fn after(commands: &[AlertCommand]) -> Alert {
        commands.iter().fold(Alert::default(), |alert, command| {
            let decision = alert.decide(command).expect("set-up");
            decision.events.iter().fold(alert, Alert::evolve)
        })
    }

    #[test]
    fn a_cause_seen_twice_is_one_alert_and_says_only_what_is_new() {
        let AlertCommand::Raise { source, .. } = raise() else { panic!("a raise") };
        let again = after(&[raise()]).decide(&raise()).expect("taken");
        assert_eq!(again.events, [AlertEvent::Repeated { source, severity: None, message: None }]);
    }

    #[test]
    fn what_people_read_counts_and_a_repetition_does_not() {
        let acknowledge = AlertCommand::Acknowledge { note: None };
        let resolve = AlertCommand::Resolve { note: None };
        for (commands, revision) in [
            (vec![], 0),
            (vec![raise()], 1),
            (vec![raise(), raise(), raise()], 1),
            (vec![raise(), acknowledge], 2),
            (vec![raise(), resolve, raise()], 3),
        ] {
            assert_eq!(after(&commands).revision(), revision, "{commands:?}");
        }
    }

    #[test]
    fn a_note_is_kept_as_it_is_or_refused_for_its_length() {
        let note = |length: usize| Some("x".repeat(length));
        for length in [0, 3, NOTE_LEN] {
            let acknowledged = after(&[raise()]).decide(&AlertCommand::Acknowledge { note: note(length) });
            let expected = [AlertEvent::Acknowledged { note: note(length) }];
            assert_eq!(acknowledged.expect("taken").events, expected);
            let resolved = after(&[raise()]).decide(&AlertCommand::Resolve { note: note(length) });
            let expected = [AlertEvent::Resolved { source: None, note: note(length) }];
            assert_eq!(resolved.expect("taken").events, expected);
        }
        for long in [
            AlertCommand::Acknowledge { note: note(NOTE_LEN + 1) },
            AlertCommand::Resolve { note: note(NOTE_LEN + 1) },
        ] {
            assert!(matches!(after(&[raise()]).decide(&long), Err(Refusal::Invalid(_))));
        }
    }

    #[test]
    fn an_alert_says_what_it_is_about() {
        let (credential, endpoint) = (Uuid::from_u128(1), Uuid::from_u128(4));
        let (credential, endpoint) =
            (CredentialId::from_uuid(credential), WebhookEndpointId::from_uuid(endpoint));
        for (subject, expected) in
            [(credential.into(), (Some(credential), None)), (endpoint.into(), (None, Some(endpoint)))]
        {
            let AlertCommand::Raise { cause, severity, message, source, .. } = raise() else {
                panic!("a raise")
            };
            let raised = AlertCommand::Raise { about: subject, cause, severity, message, source };
            let events = Alert::default().decide(&raised).expect("taken").events;
            let [AlertEvent::Opened { credential, endpoint, .. }] = &events[..] else { panic!("{events:?}") };
            assert_eq!((*credential, *endpoint), expected);
        }
    }

    #[test]
    fn the_part_of_a_streams_name_is_for_ever() {
        let names = Cause::ALL.map(Cause::as_str);
        assert_eq!(
            names,
            [
                "invalid",
                "expiring",
                "expired",
                "verification-failing",
                "suspended",
                "break-glass",
                "handed-over",
                "compromised"
            ]
        );
        assert_eq!(Cause::WebhookFailing.as_str(), "webhook-failing");
    }

    #[test]
    fn recovery_resolves_and_a_new_cause_opens_again() {
        let resolved = after(&[raise(), recover()]);
        assert_eq!(resolved.state, Some(AlertState::Resolved));
        assert!(resolved.decide(&recover()).expect("taken").events.is_empty());
        assert_eq!(after(&[raise(), recover(), raise()]).state, Some(AlertState::Open));
    }

    #[test]
    fn acknowledging_needs_an_open_alert() {
        let acknowledge = AlertCommand::Acknowledge { note: None };
        assert_eq!(Alert::default().decide(&acknowledge).expect_err("none"), Refusal::NotFound);
        assert!(after(&[raise(), recover()]).decide(&acknowledge).is_err());
        assert_eq!(after(&[raise(), acknowledge]).state, Some(AlertState::Acknowledged));
    }

    #[test]
    fn nothing_recovers_what_never_was() {
        assert!(Alert::default().decide(&recover()).expect("taken").events.is_empty());
    }
}
