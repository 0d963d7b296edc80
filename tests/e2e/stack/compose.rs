//! The compose file, read closely.

use std::collections::BTreeSet;

use jsonschema::Draft;
use serde_json::{Value, json};

use super::{compose, json as json_file, path, read, services, texts};

/// Ends by itself, with a result.
fn is_step(service: &Value) -> bool {
    service["restart"] == "no"
}

#[test]
fn it_is_a_compose_file() {
    let schema = json_file("tests/e2e/stack/compose-spec.json");
    let validator = jsonschema::options().with_draft(Draft::Draft201909).build(&schema).expect("a schema");
    let mut compose = compose();
    // A later addition to the specification than this schema.
    assert_eq!(compose.as_object_mut().and_then(|it| it.remove("name")), Some(json!("keytrail")));
    let faults = |compose: &Value| {
        validator.iter_errors(compose).map(|it| format!("{}: {it}", it.instance_path())).collect::<Vec<_>>()
    };
    assert_eq!(faults(&compose), [""; 0]);
    compose["services"]["vault"]["read_onyl"] = json!(true);
    assert_eq!(faults(&compose).len(), 1, "the schema knows what a service may have");
}

#[test]
fn every_image_has_a_pinned_tag() {
    for (name, service) in services(&compose()) {
        let image = service["image"].as_str().expect("an image");
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        let numbers: Vec<_> = tag.trim_start_matches('v').split('.').collect();
        let pinned = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok());
        assert!(pinned, "{name}: {image}");
    }
    let dockerfile = read("infra/Dockerfile");
    let stages: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(stages.len(), 2, "one stage builds, another runs");
    assert!(stages.iter().all(|stage| stage.contains(':') && !stage.contains("latest")), "{stages:?}");
}

#[test]
fn servers_have_health_checks_and_steps_are_waited_for() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert!(is_step(service) != service["healthcheck"]["test"].is_array(), "{name} has a check, or ends");
        if !is_step(service) {
            assert_eq!(service["restart"], "unless-stopped", "{name}");
        }
        for (other, wanted) in service["depends_on"].as_object().into_iter().flatten() {
            let other_service = &compose["services"][other];
            assert!(other_service.is_object(), "{name} waits for {other}");
            let completed = wanted["condition"] == "service_completed_successfully";
            assert_eq!(completed, is_step(other_service), "{name} waits for {other}");
        }
    }
    let keytrail = &compose["services"]["keytrail"]["depends_on"];
    for (other, condition) in [
        ("kurrentdb", "service_healthy"),
        ("vault", "service_healthy"),
        ("vault-init", "service_completed_successfully"),
    ] {
        assert_eq!(keytrail[other]["condition"], condition, "{other}");
    }
}

#[test]
fn containers_can_do_little() {
    for (name, service) in services(&compose()) {
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        assert!(service["privileged"].is_null() && service["pid"].is_null(), "{name}");
        assert_eq!(service["read_only"] == true, name != "kurrentdb", "{name}");
        if !is_step(service) {
            assert!(service["cap_add"].is_null() && service["user"] != "0:0", "{name}");
        }
        for port in texts(&service["ports"]) {
            let near = port.starts_with("127.0.0.1:") || port.starts_with("${KEYTRAIL_BIND:-127.0.0.1}:");
            assert!(near, "{name} listens on every address: {port}");
        }
    }
}

#[test]
fn what_is_mounted_exists() {
    let compose = compose();
    let declared: BTreeSet<_> = compose["volumes"].as_object().expect("volumes").keys().cloned().collect();
    let mut used = BTreeSet::new();
    for (name, service) in services(&compose) {
        for mount in texts(&service["volumes"]) {
            let (source, rest) = mount.split_once(':').expect("a source and a place");
            match source.strip_prefix("./") {
                Some(folder) => {
                    assert!(path(folder).exists(), "{name} mounts {source}");
                    assert!(rest.ends_with(":ro"), "{name} may write to {source}");
                }
                None => _ = used.insert(source.to_owned()),
            }
        }
    }
    assert_eq!(used, declared);
}

/// `/infra/vault/init.sh` in a container is `infra/vault/init.sh` here.
#[test]
fn the_files_that_commands_name_are_mounted() {
    let mut found = 0;
    for (name, service) in services(&compose()) {
        let mounts: Vec<_> = texts(&service["volumes"]).iter().filter_map(|it| it.split_once(':')).collect();
        for word in texts(&service["entrypoint"]).into_iter().chain(texts(&service["command"])) {
            let Some(file) = word.rsplit('=').next().filter(|it| it.starts_with("/infra/")) else { continue };
            let here = mounts.iter().find_map(|(source, place)| {
                Some(format!("{source}{}", file.strip_prefix(place.strip_suffix(":ro")?)?))
            });
            assert!(here.is_some_and(|here| path(&here).is_file()), "{name}: {file}");
            found += 1;
        }
    }
    assert_eq!(found, 3, "make.sh, vault.hcl and init.sh");
}

#[test]
fn keytrail_gets_only_settings_that_it_knows() {
    let known: toml::Table = read("services/server/keytrail.default.toml").parse().expect("toml");
    let compose = compose();
    for name in compose["services"]["keytrail"]["environment"].as_object().expect("settings").keys() {
        let key = name.strip_prefix("KEYTRAIL_").expect("a setting of Keytrail").to_ascii_lowercase();
        assert!(known.contains_key(&key), "{name}");
    }
}

#[test]
fn each_key_belongs_to_the_user_who_reads_it() {
    let compose = compose();
    let script = read("infra/tls/make.sh");
    let owner = |server: &str| {
        let line =
            script.lines().find(|line| line.starts_with(&format!("certificate {server} "))).expect("made");
        line.split(' ').nth(3).expect("an owner").to_owned()
    };
    let dockerfile = read("infra/Dockerfile");
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER ")).expect("not root");
    assert_eq!(owner("keytrail"), user);
    assert_eq!(compose["services"]["vault-init"]["environment"]["KEYTRAIL_VAULT_LOGIN_OWNER"], user);
    assert_eq!(compose["services"]["vault"]["user"], owner("vault").as_str());
}
