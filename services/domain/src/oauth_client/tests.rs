//! Given these commands, when this one, then these events.

use serde_json::json;
use uuid::Uuid;

use super::{OAuthClientCommand as C, OAuthClientEvent as E, *};
use crate::{Aggregate, Refusal, SecretId, TenantId};

fn place(number: u128) -> SecretRef {
    let tenant = TenantId::of_slug("acme");
    SecretRef { tenant, owner: Uuid::from_u128(1), secret: SecretId::from_uuid(Uuid::from_u128(number)) }
}

fn secret(number: u128) -> Option<NewClientSecret> {
    Some(NewClientSecret { at: place(number), value: SecretValue::new("s3cr3t".into()) })
}

fn settings() -> ClientSettings {
    ClientSettings {
        name: " Mail ".into(),
        components: ["oauth2-generic".to_owned()].into(),
        provider: Provider { token_url: "https://id.example/token".into(), ..Provider::default() },
        scopes: vec!["mail.read".into()],
        authentication: ClientAuthentication::Basic,
    }
}

fn public() -> ClientSettings {
    ClientSettings { authentication: ClientAuthentication::None, ..settings() }
}

fn at(token_url: &str) -> ClientSettings {
    ClientSettings { provider: Provider { token_url: token_url.into(), ..Provider::default() }, ..settings() }
}

fn create(settings: ClientSettings, secret: Option<NewClientSecret>) -> C {
    let client = OAuthClientId::from_uuid(Uuid::from_u128(1));
    C::Create { client, client_id: "app-1".into(), settings, secret }
}

fn made() -> C {
    create(settings(), secret(2))
}

fn change(settings: ClientSettings, secret: Option<NewClientSecret>) -> C {
    C::Change { settings, secret }
}

fn credential(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

fn reserve(number: u128) -> C {
    C::Reserve {
        credential: credential(number),
        component: "oauth2-generic".into(),
        provider: settings().provider,
    }
}

fn release(number: u128) -> C {
    C::Release { credential: credential(number) }
}

fn after(commands: &[C]) -> OAuthClient {
    commands.iter().fold(OAuthClient::default(), |client, command| {
        let decision = client.decide(command).expect("set-up");
        decision.events.iter().fold(client, OAuthClient::evolve)
    })
}

fn live(commands: &[C]) -> State {
    let OAuthClient::Live(state) = after(commands) else { panic!("not there") };
    *state
}

fn then(given: &[C], when: &C) -> Vec<E> {
    after(given).decide(when).expect("taken").events
}

fn reason(given: &[C], when: &C) -> &'static str {
    match after(given).decide(when).expect_err("refused") {
        Refusal::Rule { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// Where a new client is wrong.
fn wrong(when: &C) -> Vec<String> {
    match OAuthClient::default().decide(when) {
        Err(Refusal::Invalid(fields)) => fields.into_iter().map(|field| field.path).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn an_oauth_clients_secret_is_in_the_vault_before_the_event_and_in_no_event() {
    for (given, when, at) in
        [(vec![], made(), place(2)), (vec![made()], change(at_new_place(), secret(3)), place(3))]
    {
        let decision = after(&given).decide(&when).expect("taken");
        let [write] = &decision.secrets[..] else { panic!("one secret") };
        assert_eq!((write.at, secret_in(&write.payload).map(SecretValue::expose)), (at, Some("s3cr3t")));
        assert!(!serde_json::to_string(&decision.events).expect("json").contains("s3cr3t"));
        assert!(!format!("{decision:?} {when:?}").contains("s3cr3t"));
    }
}

fn at_new_place() -> ClientSettings {
    at("https://id.example/other")
}

#[test]
fn what_an_oauth_client_is_is_kept_trimmed() {
    let state = live(&[made()]);
    assert_eq!((state.settings.name.as_str(), state.client_id.as_str()), ("Mail", "app-1"));
    assert_eq!((state.secret, state.revision), (Some(place(2)), 1));
}

#[test]
fn a_wrong_oauth_client_is_told_every_place_at_once() {
    let wrong_settings = ClientSettings {
        name: "  ".into(),
        components: BTreeSet::new(),
        provider: Provider {
            authorization_url: Some("http://id.example/".into()),
            token_url: "ftp://id.example/".into(),
            revocation_url: Some("https://u:p@id.example/".into()),
            issuer: Some("https://id.example/#x".into()),
        },
        scopes: vec!["good".into(), "two words".into(), String::new(), "a\"b".into(), "a\\b".into()],
        authentication: ClientAuthentication::Post,
    };
    let paths = [
        "name",
        "components",
        "scopes.1",
        "scopes.2",
        "scopes.3",
        "scopes.4",
        "authorizationUrl",
        "tokenUrl",
        "revocationUrl",
        "issuer",
        "clientSecret",
    ];
    assert_eq!(wrong(&create(wrong_settings, None)), paths);
}

#[test]
fn the_limits_of_an_oauth_client_are_those_that_are_said() {
    let with = |change: fn(&mut ClientSettings, usize), size| {
        let mut settings = settings();
        change(&mut settings, size);
        wrong(&create(settings, secret(2)))
    };
    let name = |it: &mut ClientSettings, size| it.name = "x".repeat(size);
    let scope = |it: &mut ClientSettings, size| it.scopes = vec!["x".repeat(size)];
    let scopes = |it: &mut ClientSettings, size| it.scopes = vec!["x".into(); size];
    let components = |it: &mut ClientSettings, size| {
        it.components = (0..size).map(|number| format!("c{number}")).collect()
    };
    let url = |it: &mut ClientSettings, size| {
        it.provider.token_url = format!("https://a/{}", "x".repeat(size - 10))
    };
    for (change, most, path) in [
        (name as fn(&mut ClientSettings, usize), 255, "name"),
        (scope, 255, "scopes.0"),
        (scopes, 100, "scopes"),
        (components, 50, "components"),
        (url, 2_048, "tokenUrl"),
    ] {
        assert_eq!(with(change, most), Vec::<String>::new(), "{path}");
        assert_eq!(with(change, most + 1), [path]);
    }
    for (id, good) in
        [("x".repeat(255), true), ("x".repeat(256), false), ("a b".into(), false), (" ".into(), false)]
    {
        let C::Create { client, settings, secret, .. } = made() else { panic!("a client") };
        let paths = wrong(&C::Create { client, client_id: id.clone(), settings, secret });
        assert_eq!(paths.is_empty(), good, "{id}");
    }
    for (text, good) in [
        ("x".repeat(4_096), true),
        ("x".repeat(4_097), false),
        (String::new(), false),
        ("a\nb".into(), false),
    ] {
        let new = NewClientSecret { at: place(2), value: SecretValue::new(text) };
        assert_eq!(wrong(&create(settings(), Some(new))).is_empty(), good);
    }
}

#[test]
fn an_oauth_provider_is_asked_over_tls_or_on_this_machine() {
    for good in [
        "https://id.example",
        "HTTPS://id.example:8443/a?b=c",
        "http://127.0.0.1:9/token",
        "http://127.9.9.9",
        "http://[::1]:9/",
        "http://LocalHost:80/x",
        "https://[2001:db8::1]/token",
    ] {
        assert_eq!(wrong(&create(at(good), secret(2))), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "http://id.example/",
        "http://10.0.0.1/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.example/",
        "http://127.1/",
        "http://[::2]/",
        "http://0.0.0.0/",
        "http://127.0.0.1:80:90/",
        "http://[::1]evil.example/",
        "https://:443/",
        "https://id.example:port/",
        "https://id.example:99999/",
        "https://id.example/#f",
        r"https://id.example\@evil.example/",
        r"http://127.0.0.1\.evil.example/",
        "https://u@id.example/",
        "https:id.example",
        "javascript://x",
        "id.example",
        "https:///x",
        "http://[127.0.0.1]/",
        "",
    ] {
        assert_eq!(wrong(&create(at(bad), secret(2))), ["tokenUrl"], "{bad}");
    }
}

#[test]
fn only_a_public_oauth_client_has_no_secret() {
    assert_eq!(wrong(&create(settings(), None)), ["clientSecret"]);
    assert_eq!(wrong(&create(public(), secret(2))), ["clientSecret"]);
    assert_eq!(live(&[create(public(), None)]).secret, None);
    assert_eq!(live(&[made(), change(public(), None)]).secret, None);
    assert!(matches!(after(&[made()]).decide(&change(public(), secret(3))), Err(Refusal::Invalid(_))));
}

#[test]
fn an_oauth_clients_secret_cannot_be_led_to_another_place() {
    let tampered = |change: fn(&mut ClientSettings)| {
        let mut settings = settings();
        change(&mut settings);
        settings
    };
    for moved in [
        at("https://evil.example/token"),
        tampered(|it| it.provider.issuer = Some("https://evil.example/".into())),
        tampered(|it| it.provider.authorization_url = Some("https://evil.example/".into())),
        tampered(|it| it.provider.revocation_url = Some("https://evil.example/".into())),
        tampered(|it| it.authentication = ClientAuthentication::Post),
    ] {
        assert_eq!(reason(&[made()], &change(moved.clone(), None)), "SECRET_REQUIRED", "{moved:?}");
        let events = then(&[made()], &change(moved, secret(3)));
        assert!(matches!(events[..], [E::SecretReplaced { .. }, E::Changed { .. }]), "{events:?}");
    }
    // What has no secret any more cannot come to have the old one again.
    let open = [
        made(),
        change(ClientSettings { authentication: ClientAuthentication::None, ..at_new_place() }, None),
    ];
    assert_eq!(reason(&open, &change(at_new_place(), None)), "SECRET_REQUIRED");
    assert_eq!(live(&[&open[..], &[change(at_new_place(), secret(4))]].concat()).secret, Some(place(4)));
}

#[test]
fn what_else_an_oauth_client_is_changes_without_its_secret() {
    let renamed = ClientSettings { name: "Post".into(), scopes: vec![], ..settings() };
    let state = live(&[made(), change(renamed, None)]);
    assert_eq!((state.settings.name.as_str(), state.secret, state.revision), ("Post", Some(place(2)), 2));
    assert_eq!(then(&[made()], &change(settings(), None)), []);
    assert_eq!(then(&[made()], &change(settings(), secret(3))), [E::SecretReplaced { secret: place(3) }]);
}

#[test]
fn an_oauth_client_in_use_is_not_deleted() {
    let delete = after(&[made(), reserve(8), reserve(7)]).decide(&C::Delete).expect_err("in use");
    let Refusal::Rule { reason, details, .. } = delete else { panic!("{delete:?}") };
    assert_eq!(reason, "OAUTH_CLIENT_IN_USE");
    assert_eq!(details, json!({ "credentials": [credential(7), credential(8)] }));
    let free = [made(), reserve(7), release(7), C::Delete];
    assert_eq!(after(&free), OAuthClient::Deleted);
    assert_eq!(after(&free).decide(&reserve(7)).expect_err("gone"), Refusal::NotFound);
    assert!(after(&free).decide(&made()).is_err());
}

#[test]
fn tokens_of_an_oauth_client_in_use_are_led_nowhere_else() {
    let moved = change(at("https://elsewhere.example/token"), secret(3));
    assert_eq!(reason(&[made(), reserve(7)], &moved), "OAUTH_CLIENT_IN_USE");
    assert_eq!(then(&[made(), reserve(7), release(7)], &moved).len(), 2);
    assert!(matches!(after(&[made(), moved]).decide(&reserve(7)), Err(Refusal::Conflict { .. })));
    let fewer = ClientSettings { components: ["github".to_owned()].into(), ..settings() };
    assert_eq!(reason(&[made(), reserve(7)], &change(fewer, None)), "OAUTH_CLIENT_IN_USE");
}

#[test]
fn an_oauth_client_is_reserved_once_for_a_credential_of_its_components() {
    assert_eq!(then(&[made()], &reserve(7)), [E::Reserved { credential: credential(7) }]);
    assert_eq!(then(&[made(), reserve(7)], &reserve(7)), []);
    assert_eq!(then(&[made()], &release(7)), []);
    let provider = settings().provider;
    let other = C::Reserve { credential: credential(7), component: "github".into(), provider };
    assert_eq!(reason(&[made()], &other), "COMPONENT_MISMATCH");
    assert_eq!(live(&[made(), reserve(7), reserve(8), release(8)]).revision, 1);
}
