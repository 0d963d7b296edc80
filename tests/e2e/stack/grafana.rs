//! Prometheus and Grafana find what they are to read.

use std::path::Path;

use serde_json::Value;

use super::{compose, json, path, services, texts, yaml};

/// Where a service sees a file of the repository, and the other way round.
fn mounted(compose: &Value, service: &str, place: &str) -> String {
    let service = services(compose).find(|(name, _)| *name == service).expect("service").1;
    let found = texts(&service["volumes"]).into_iter().find_map(|mount| {
        let (source, target) = mount.strip_suffix(":ro")?.split_once(':')?;
        let rest = Path::new(place).strip_prefix(target).ok()?;
        Some(Path::new(source).join(rest).display().to_string())
    });
    found.unwrap_or_else(|| panic!("nothing is mounted at {place}"))
}

#[test]
fn prometheus_asks_keytrail_where_it_tells() {
    let compose = compose();
    let config: Value = yaml("infra/prometheus/prometheus.yml");
    let keytrail = &compose["services"]["keytrail"]["environment"];
    let listen = keytrail["KEYTRAIL_METRICS_LISTEN"].as_str().expect("set");
    let port = listen.rsplit_once(':').expect("a port").1;
    let [job] = config["scrape_configs"].as_array().expect("jobs").as_slice() else { panic!("one job") };
    assert_eq!(job["job_name"], "keytrail");
    assert_eq!(job["static_configs"][0]["targets"][0], format!("keytrail:{port}"));
    for rules in texts(&config["rule_files"]) {
        let file = mounted(&compose, "prometheus", &format!("/etc/prometheus/{rules}"));
        assert!(path(&file).is_file(), "{file}");
    }
}

#[test]
fn grafana_finds_prometheus_and_the_dashboard() {
    let compose = compose();
    let folder = mounted(&compose, "grafana", "/etc/grafana/provisioning");
    let sources: Value = yaml(&format!("{folder}/datasources/prometheus.yml"));
    let source = &sources["datasources"][0];
    assert_eq!((&source["type"], &source["url"]), (&"prometheus".into(), &"http://prometheus:9090".into()));
    let providers: Value = yaml(&format!("{folder}/dashboards/keytrail.yml"));
    let place = providers["providers"][0]["options"]["path"].as_str().expect("a folder");
    let home = format!("{place}/keytrail.json");
    let settings = &compose["services"]["grafana"]["environment"];
    assert_eq!(settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], home.as_str());
    let dashboard = json(&mounted(&compose, "grafana", &home));
    let mut ids = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        ids.push(panel["id"].as_u64().expect("an id"));
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], source["uid"], "{}", panel["title"]);
        assert!(panel["targets"].as_array().is_some_and(|it| !it.is_empty()), "{}", panel["title"]);
        assert!(panel["description"].as_str().is_some_and(|it| it.ends_with('.')), "{}", panel["title"]);
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each panel has an id of its own");
    assert!(count > 20, "{count}");
}
