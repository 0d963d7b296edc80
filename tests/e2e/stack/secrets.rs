//! No secret stands in the files of the stack.

use serde_json::Value;

use super::{compose, services, yaml};

/// Words in the name of a variable that holds a secret.
const SECRET_WORDS: [&str; 5] = ["PASSWORD", "TOKEN", "SECRET", "KEY", "CREDENTIAL"];

/// Taken from outside: `${NAME:?…}` or `${NAME:-}`.
fn is_reference(value: &str) -> bool {
    value.starts_with("${") && value.ends_with('}') && !value.contains(":-") || value.ends_with(":-}")
}

/// A password inside an address that is written out.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let login = rest.split_once('@').map_or("", |(login, _)| login);
        login.split_once(':').is_some_and(|(_, password)| !is_reference(password))
    })
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.trim_start_matches("KEYTRAIL_");
    let named = SECRET_WORDS.iter().any(|word| name.contains(word));
    has_password(value) || (named && !value.starts_with('/') && !is_reference(value))
}

fn each_text(value: &Value, told: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => told(text),
        Value::Array(list) => list.iter().for_each(|it| each_text(it, told)),
        Value::Object(map) => map.values().for_each(|it| each_text(it, told)),
        _ => {}
    }
}

#[test]
fn a_written_secret_would_be_found() {
    assert!(is_secret("GF_SECURITY_ADMIN_PASSWORD", "admin"));
    assert!(is_secret("GF_SECURITY_ADMIN_PASSWORD", "${PASSWORD:-admin}"));
    assert!(is_secret("KEYTRAIL_EVENT_LOG", "esdb://admin:changeit@kurrentdb:2113?tls=true"));
    assert!(is_secret("KEYTRAIL_EVENT_LOG", "esdb://admin:${P:-changeit}@kurrentdb:2113?tls=true"));
    assert!(!is_secret("KEYTRAIL_EVENT_LOG", "esdb://admin:${P:?say it}@kurrentdb:2113?tls=true"));
    assert!(!is_secret("VAULT_TOKEN", "${VAULT_TOKEN:-}"));
    assert!(!is_secret("KEYTRAIL_TLS_KEY_FILE", "/certificates/keytrail/tls.key"));
}

#[test]
fn no_secret_is_written_into_the_stack() {
    let compose = compose();
    for (name, service) in services(&compose) {
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            assert!(!is_secret(variable, value.as_str().expect("text")), "{name}: {variable}");
        }
    }
    let others = ["prometheus/prometheus", "grafana/provisioning/datasources/prometheus"];
    let others = others.map(|file| yaml(&format!("infra/{file}.yml")));
    for file in others.iter().chain([&compose]) {
        each_text(file, &mut |text| assert!(!has_password(text), "{text}"));
    }
}
