use std::path::PathBuf;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::of(pairs.iter().map(|(name, value)| (name.into(), value.into()))).unwrap()
}

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, &environment(pairs))
}

fn load_file(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keytrail.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), &Environment::default())
}

fn serve(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(pairs)?.in_mode(Mode::Serve)
}

fn refusal(result: Result<Config, ConfigError>) -> String {
    let error = result.unwrap_err();
    format!("{error} | {}", error.hint())
}

#[test]
fn every_key_of_the_reference_is_a_setting() {
    let mut values = Values::collect(None, &Environment::default()).unwrap();
    Config::build(&mut values).unwrap();
    assert_eq!(values.left(), [""; 0]);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = serve(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir.path, PathBuf::from("./keytrail-data"));
    assert_eq!(config.event_log, EventLog::Embedded);
    assert_eq!(config.vault, Vault::Embedded { key: None });
    assert_eq!(config.issuer, Issuer::Builtin { chosen: None });
    assert!(config.allowed_networks.is_empty() && config.tls.is_none());
}

#[test]
fn the_environment_covers_the_file_and_the_file_covers_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keytrail.toml");
    std::fs::write(
        &path,
        "listen = \"127.0.0.1:1\"\nlog_format = \"json\"\nallowed_networks = [\"10.0.0.0/8\", \"::1\"]",
    )
    .unwrap();
    let named = path.to_str().unwrap();
    let config = load(&[("KEYTRAIL_CONFIG", named), ("KEYTRAIL_LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!((config.listen.port(), config.log.format), (2, LogFormat::Json));
    assert_eq!(config.allowed_networks.len(), 2);
    assert_eq!(config.data_dir.path, PathBuf::from("./keytrail-data"));
}

#[test]
fn an_empty_variable_unsets_what_the_file_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keytrail.toml");
    std::fs::write(&path, "public_url = \"https://keys.example\"").unwrap();
    let config = Config::load(Some(&path), &environment(&[("KEYTRAIL_PUBLIC_URL", "")])).unwrap();
    assert_eq!(config.public_url, None);
    assert!(refusal(load(&[("KEYTRAIL_LISTEN", "")])).contains("`KEYTRAIL_LISTEN` in the environment"));
}

#[test]
fn an_unknown_variable_names_the_nearest_known_one() {
    let shown = refusal(load(&[("KEYTRAIL_LITSEN", "127.0.0.1:1")]));
    assert!(shown.contains("`KEYTRAIL_LITSEN` in the environment"), "{shown}");
    assert!(shown.contains("did you mean `KEYTRAIL_LISTEN`?"), "{shown}");
    assert!(load(&[("KEYTRAIL_listen", "127.0.0.1:1")]).is_err());
}

#[test]
fn an_unknown_key_in_a_file_is_shown_with_its_line_and_the_nearest_known_one() {
    let shown = refusal(load_file("# ours\nlog = \"info\"\nvalt_mount = \"x\""));
    assert!(shown.contains("`valt_mount` in ") && shown.contains("line 3"), "{shown}");
    assert!(shown.contains("did you mean `vault_mount`?"), "{shown}");
}

#[test]
fn a_table_points_to_the_flat_key() {
    assert!(refusal(load_file("[jwt]\nissuer = \"x\"")).contains("did you mean `jwt_issuer`?"));
    assert!(refusal(load_file("[vault]\nmount = \"x\"")).contains("did you mean `vault_mount`?"));
    assert!(refusal(load_file("[vault]")).contains("must be a text"));
}

#[test]
fn variables_of_kubernetes_service_links_and_of_other_commands_are_no_settings() {
    let links = [
        ("KEYTRAIL_SERVICE_HOST", "10.0.0.1"),
        ("KEYTRAIL_SERVICE_PORT_HTTP", "8080"),
        ("KEYTRAIL_PORT", "tcp://10.0.0.1:8080"),
        ("KEYTRAIL_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("KEYTRAIL_METRICS_PORT", "tcp://10.0.0.1:8080"),
        ("KEYTRAIL_URL", "http://127.0.0.1:8080"),
        ("KEYTRAIL_TOKEN", "x"),
        ("KEYTRAIL_TEST_KURRENTDB", "x"),
        ("HOME", "/root"),
    ];
    assert!(load(&links).is_ok());
    assert!(load(&[("KEYTRAIL_PORT", "8080")]).is_err());
}

#[test]
fn no_error_and_no_debug_text_quotes_a_value() {
    let secret = "s3cr3tvalue";
    let names = [
        "LISTEN",
        "PUBLIC_URL",
        "EVENT_LOG",
        "VAULT",
        "VAULT_MOUNT",
        "ALLOWED_NETWORKS",
        "JWT_JWKS_URL",
        "BUILTIN_ISSUER",
        "INTROSPECTION",
        "LOG_FORMAT",
        "LISTEM",
        "VAULT_TOKEN",
        "KEY_FILE",
    ];
    for name in names {
        let variable = format!("KEYTRAIL_{name}");
        let value = format!("a b//{secret}");
        if let Err(error) = load(&[(&variable, &value), ("KEYTRAIL_JWT_ISSUER", "")]) {
            let shown = format!("{error} {error:?} {}", error.hint());
            assert!(!shown.contains(secret), "{name}: {shown}");
        }
    }
    for text in [
        format!("listen = {secret}"),
        format!("listen = \"{secret}"),
        format!("vault_token = \"{secret}\""),
        format!("key = \"{secret}\""),
        format!("listen = [[\"{secret}\"]]"),
        format!("event_log = \"esdb://admin:{secret}@node:2113\""),
    ] {
        let error = load_file(&text).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.hint());
        assert!(!shown.contains(secret), "{shown}");
    }
    let address = format!("esdb://admin:{secret}@node:2113");
    let pairs = [("KEYTRAIL_EVENT_LOG", address.as_str()), ("KEYTRAIL_KEY", secret)];
    let shown = format!("{:?} {:?}", load(&pairs).unwrap(), environment(&pairs));
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/keytrail.toml")), &Environment::default());
    assert!(refusal(error).contains("/nowhere/keytrail.toml"));
    assert!(refusal(load_file("log = \"info\"\nlisten 5")).contains("line 2"));
}

#[test]
fn listening_off_loopback_takes_tls_or_a_trusted_proxy() {
    let open = ("KEYTRAIL_LISTEN", "192.0.2.1:8080");
    let issuer = ("KEYTRAIL_BUILTIN_ISSUER", "on");
    let tls = [("KEYTRAIL_TLS_CERT_FILE", "c.pem"), ("KEYTRAIL_TLS_KEY_FILE", "k.pem")];
    assert!(refusal(serve(&[open, issuer])).contains("KEYTRAIL_TRUSTED_PROXIES"));
    assert!(refusal(serve(&[open, issuer, tls[0]])).contains("neither"));
    assert!(serve(&[open, issuer, tls[0], tls[1]]).is_ok());
    assert!(serve(&[open, issuer, ("KEYTRAIL_TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16")]).is_ok());
}

#[test]
fn the_builtin_issuer_is_used_off_loopback_only_when_somebody_means_it() {
    let open = [("KEYTRAIL_LISTEN", "192.0.2.1:8080"), ("KEYTRAIL_TRUSTED_PROXIES", "10.0.0.1")];
    assert!(refusal(serve(&open)).contains("KEYTRAIL_BUILTIN_ISSUER=on"));
    let outside = [
        ("KEYTRAIL_JWT_ISSUER", "https://issuer.example"),
        ("KEYTRAIL_JWT_AUDIENCE", "keytrail"),
        ("KEYTRAIL_JWT_JWKS_URL", "https://issuer.example/keys"),
    ];
    assert!(serve(&[&open[..], &outside[..]].concat()).is_ok());
    let both = [&outside[..], &[("KEYTRAIL_BUILTIN_ISSUER", "on")]].concat();
    assert!(refusal(load(&both)).contains("refused"));
}

#[test]
fn an_address_for_everybody_needs_one_that_clients_can_use() {
    let all = [
        ("KEYTRAIL_LISTEN", "0.0.0.0:8080"),
        ("KEYTRAIL_TRUSTED_PROXIES", "10.0.0.1"),
        ("KEYTRAIL_BUILTIN_ISSUER", "on"),
    ];
    assert!(refusal(serve(&all)).contains("KEYTRAIL_PUBLIC_URL"));
    let config = serve(&[&all[..], &[("KEYTRAIL_PUBLIC_URL", "https://keys.example/")]].concat()).unwrap();
    assert_eq!(config.public_url_at(config.listen), "https://keys.example");
}

#[test]
fn dev_stays_on_this_machine_with_everything_embedded() {
    let dev = |pairs: &[(&str, &str)]| load(pairs)?.in_mode(Mode::Dev);
    let config = dev(&[]).unwrap();
    assert_eq!(config.data_dir.path, PathBuf::from("./keytrail-dev-data"));
    let reached = config.allowed_networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(reached, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(config.public_url_at("127.0.0.1:5".parse().unwrap()), "http://127.0.0.1:5");
    for pair in [
        ("KEYTRAIL_LISTEN", "192.0.2.1:8080"),
        ("KEYTRAIL_LISTEN", "0.0.0.0:0"),
        ("KEYTRAIL_METRICS_LISTEN", "[::]:9000"),
        ("KEYTRAIL_EVENT_LOG", "esdb://node"),
    ] {
        assert!(dev(&[pair]).is_err(), "{pair:?}");
    }
    assert_eq!(dev(&[("KEYTRAIL_DATA_DIR", "/tmp/x")]).unwrap().data_dir.path, PathBuf::from("/tmp/x"));
}

#[test]
fn an_outside_vault_has_exactly_one_way_to_log_in() {
    let address = ("KEYTRAIL_VAULT", "https://vault.example:8200");
    let token = ("KEYTRAIL_VAULT_TOKEN", "t");
    let role = [("KEYTRAIL_VAULT_ROLE_ID", "r"), ("KEYTRAIL_VAULT_SECRET_ID_FILE", "/s")];
    let kubernetes = ("KEYTRAIL_VAULT_KUBERNETES_ROLE", "keytrail");
    for good in [&[address, token][..], &[address, role[0], role[1]], &[address, kubernetes]] {
        assert!(matches!(load(good).unwrap().vault, Vault::Remote(_)));
    }
    assert!(refusal(load(&[address])).contains("exactly one way"));
    assert!(refusal(load(&[address, token, kubernetes])).contains("exactly one way"));
    assert!(refusal(load(&[address, token, role[0]])).contains("KEYTRAIL_VAULT_SECRET_ID_FILE"));
}

#[test]
fn an_address_of_an_event_store_that_cannot_be_one_is_answered_with_where_examples_are() {
    let shown = refusal(load(&[("KEYTRAIL_EVENT_LOG", "http://node:2113")]));
    assert!(shown.contains("begins with esdb://") && shown.contains("docs/kurrentdb.md"), "{shown}");
}

#[test]
fn settings_of_the_other_vault_are_not_silently_ignored() {
    let shown = refusal(load(&[("KEYTRAIL_VAULT_TOKEN", "t")]));
    assert!(shown.contains("`KEYTRAIL_VAULT_TOKEN`") && shown.contains("KEYTRAIL_VAULT "), "{shown}");
    let key = [("KEYTRAIL_VAULT", "https://v:1"), ("KEYTRAIL_VAULT_TOKEN", "t"), ("KEYTRAIL_KEY", "k")];
    assert!(refusal(load(&key)).contains("KEYTRAIL_KEY"));
    assert!(refusal(load(&[("KEYTRAIL_KEY", "k"), ("KEYTRAIL_KEY_FILE", "/k")])).contains("twice"));
}

#[test]
fn an_outside_issuer_needs_audience_and_one_place_for_keys() {
    let issuer = ("KEYTRAIL_JWT_ISSUER", "https://issuer.example");
    let audience = ("KEYTRAIL_JWT_AUDIENCE", "keytrail");
    let file = ("KEYTRAIL_JWT_PUBLIC_KEY_FILE", "/k.pem");
    assert!(load(&[issuer, audience, file]).is_ok());
    assert!(refusal(load(&[issuer, audience])).contains("KEYTRAIL_JWT_JWKS_URL"));
    assert!(refusal(load(&[issuer, file])).contains("KEYTRAIL_JWT_AUDIENCE"));
    assert!(refusal(load(&[audience, file])).contains("KEYTRAIL_JWT_ISSUER"));
    assert!(refusal(load(&[("KEYTRAIL_BUILTIN_ISSUER", "off")])).contains("nobody could sign in"));
}
