//! Given these commands, when this one, then these events.

use uuid::Uuid;

use super::{WebhookEndpointCommand as C, WebhookEndpointEvent as E, *};
use crate::{Aggregate, EventId, Refusal, SecretId, SecretPayload, SecretValue, TenantId};

fn place(number: u128) -> SecretRef {
    let tenant = TenantId::of_slug("acme");
    SecretRef { tenant, owner: Uuid::from_u128(1), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

const URL: &str = "https://hooks.example.com/services/T0000/B0000/s3cr3t";

fn to(url: &str) -> NewTarget {
    NewTarget { at: place(3), url: SecretValue::new(url.into()) }
}

fn create(url: &str, settings: EndpointSettings) -> C {
    C::Create {
        endpoint: WebhookEndpointId::from_uuid(Uuid::from_u128(1)),
        team: None,
        target: to(url),
        settings,
        secret: place(2),
        payload: SecretPayload::default(),
    }
}

fn made() -> C {
    create(URL, EndpointSettings::default())
}

fn after(commands: &[C]) -> WebhookEndpoint {
    commands.iter().fold(WebhookEndpoint::default(), |endpoint, command| {
        let decision = endpoint.decide(command).expect("set-up");
        decision.events.iter().fold(endpoint, WebhookEndpoint::evolve)
    })
}

fn then(given: &[C], when: &C) -> Vec<E> {
    after(given).decide(when).expect("taken").events
}

fn disable() -> C {
    C::Disable { reason: DisabledReason::Gone }
}

fn switch(enabled: bool) -> C {
    C::Change { target: None, settings: EndpointSettings::default(), enabled: Some(enabled) }
}

fn moved() -> C {
    C::Change { target: Some(to(URL)), settings: EndpointSettings::default(), enabled: None }
}

#[test]
fn the_whole_url_is_in_the_vault_and_in_no_event() {
    for (given, when) in [(vec![], made()), (vec![made()], moved())] {
        let decision = after(&given).decide(&when).expect("taken");
        let stored = decision.secrets.iter().find_map(|write| url_in(&write.payload));
        assert_eq!(stored.map(SecretValue::expose), Some(URL));
        let told = serde_json::to_string(&decision.events).expect("json");
        assert!(told.contains("https://hooks.example.com/…cr3t"), "{told}");
        assert!(!told.contains("T0000") && !told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn a_secret_is_stored_before_the_event_that_names_it() {
    let rotate = C::RotateSecret {
        secret: place(4),
        payload: SecretPayload::default(),
        previous_until: Timestamp::EPOCH,
    };
    for (given, when, places) in [
        (vec![], made(), vec![place(2), place(3)]),
        (vec![made()], rotate, vec![place(4)]),
        (vec![made()], moved(), vec![place(3)]),
        (vec![made()], switch(false), vec![]),
    ] {
        let decision = after(&given).decide(&when).expect("taken");
        assert_eq!(decision.secrets.iter().map(|write| write.at).collect::<Vec<_>>(), places);
    }
}

#[test]
fn wrong_settings_are_named_by_place_and_rule() {
    let wrong = EndpointSettings {
        types: vec!["keytrail.*".into(), "keytrail.tenant.created".into()],
        components: vec!["github".into(), "No Slug".into()],
        description: Some("x".repeat(1_001)),
        format: WebhookFormat::Slack,
    };
    let Err(Refusal::Invalid(fields)) = WebhookEndpoint::default().decide(&create("", wrong)) else {
        panic!("taken")
    };
    let paths: Vec<_> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["url", "types.1", "components.1", "description"]);
}

#[test]
fn what_is_so_already_is_no_event() {
    assert_eq!(then(&[made()], &switch(true)), []);
    assert_eq!(then(&[made(), disable()], &disable()), []);
    let changed = C::Change {
        target: None,
        settings: EndpointSettings { description: Some("Chat".into()), ..EndpointSettings::default() },
        enabled: Some(false),
    };
    let events = then(&[made()], &changed);
    assert!(matches!(events[..], [E::Changed { .. }, E::Disabled { reason: DisabledReason::ByHand }]));
}

#[test]
fn a_disabled_endpoint_sends_nothing_and_can_be_enabled() {
    let event = EventId::from_uuid(Uuid::from_u128(9));
    for wish in [C::Test, C::Redeliver { event }] {
        assert_eq!(then(&[made()], &wish).len(), 1);
        let refused = after(&[made(), disable()]).decide(&wish).expect_err("disabled");
        assert!(matches!(refused, Refusal::Rule { reason: "WEBHOOK_DISABLED", .. }));
    }
    assert_eq!(then(&[made(), disable()], &switch(true)), [E::Enabled {}]);
    // It takes effect when it is enabled.
    assert_eq!(then(&[made(), disable()], &C::Replay { after: event }).len(), 1);
}

#[test]
fn a_deleted_endpoint_is_gone() {
    let gone = after(&[made(), C::Delete]);
    assert_eq!(gone, WebhookEndpoint::Deleted);
    assert_eq!(gone.decide(&switch(true)).expect_err("gone"), Refusal::NotFound);
    assert!(gone.decide(&made()).is_err());
}

#[test]
fn what_is_only_sent_is_no_change() {
    let event = EventId::from_uuid(Uuid::from_u128(9));
    let endpoint = after(&[made(), C::Test, C::Redeliver { event }, C::Replay { after: event }]);
    assert_eq!(endpoint.revision(), 1);
    assert_eq!(after(&[made(), disable()]).revision(), 2);
}
