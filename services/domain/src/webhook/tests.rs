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
fn the_limits_are_those_that_are_said() {
    let many = |count: usize| EndpointSettings {
        types: vec!["keytrail.alert.*".into(); count],
        components: vec!["acme/erp".into(); count],
        ..EndpointSettings::default()
    };
    let slug = |slug: &str| EndpointSettings { components: vec![slug.into()], ..EndpointSettings::default() };
    let described =
        |length| EndpointSettings { description: Some("x".repeat(length)), ..EndpointSettings::default() };
    let (long, longer) = ("a".repeat(128), "a".repeat(129));
    for (good, bad, paths) in [
        (many(50), many(51), vec!["types", "components"]),
        (slug(&long), slug(&longer), vec!["components.0"]),
        (slug("acme/erp"), slug("acme/erp/x"), vec!["components.0"]),
        (slug("a-1"), slug("/erp"), vec!["components.0"]),
        (slug("github"), slug("acme/"), vec!["components.0"]),
        (described(1_000), described(1_001), vec!["description"]),
    ] {
        assert!(WebhookEndpoint::default().decide(&create(URL, good.clone())).is_ok(), "{good:?}");
        let refused = WebhookEndpoint::default().decide(&create(URL, bad)).expect_err("too much");
        let Refusal::Invalid(fields) = refused else { panic!("{refused:?}") };
        assert_eq!(fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>(), paths);
    }
    let url = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
    let made = |url: &str| WebhookEndpoint::default().decide(&create(url, EndpointSettings::default()));
    assert!(made(&url(2_048)).is_ok());
    assert!(matches!(made(&url(2_049)), Err(Refusal::Invalid(_))));
}

#[test]
fn an_event_from_before_urls_were_secret_shows_all_of_it() {
    let stored = serde_json::json!({ "settings": { "url": URL, "format": "SLACK" } });
    for (name, version, shown) in [
        ("WebhookEndpointCreated", 1, URL),
        ("WebhookEndpointChanged", 1, URL),
        ("WebhookEndpointChanged", 2, ""),
        ("WebhookEndpointEnabled", 1, ""),
    ] {
        let lifted = <E as crate::DomainEvent>::upcast(name, version, stored.clone());
        assert_eq!(lifted["target"]["shown"].as_str().unwrap_or_default(), shown, "{name} {version}");
        assert_eq!(lifted["settings"].get("url").is_none(), !shown.is_empty(), "{name} {version}");
    }
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
fn an_endpoint_is_of_its_team_or_of_the_tenant_and_says_so_while_it_is_there() {
    let owned = match made() {
        C::Create { endpoint, target, settings, secret, payload, .. } => {
            let team = Some(TeamId::from_uuid(Uuid::from_u128(7)));
            C::Create { endpoint, team, target, settings, secret, payload }
        }
        other => other,
    };
    let team = TeamId::from_uuid(Uuid::from_u128(7));
    for (given, expected) in [
        (vec![], None),
        (vec![made()], Some(None)),
        (vec![owned.clone()], Some(Some(team))),
        (vec![owned, C::Delete], None),
    ] {
        assert_eq!(after(&given).team(), expected);
    }
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
