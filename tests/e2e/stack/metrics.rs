//! Dashboard and alert rules ask for nothing that `/metrics` of the real program does not export.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::{
    parser::{Expr, LabelModifier, VectorSelector, parse},
    util::{ExprVisitor, walk_expr},
};
use serde::Deserialize;
use serde_json::Value;

use super::{json, yaml};
use crate::harness::Keytrail;

/// Prometheus makes these itself.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
/// Prometheus adds these to every series.
const ADDED: [&str; 2] = ["job", "instance"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(rename = "for")]
    lasting: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// What `/metrics` exports: for each name the labels of its series.
#[derive(Debug, Default)]
struct Exported(BTreeMap<String, Vec<BTreeMap<String, String>>>);

impl Exported {
    /// A line without its value is a selector of its own series.
    fn read(text: &str) -> Self {
        let mut exported = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let series = line.rsplit_once(' ').expect("a series and a value").0;
            let Ok(Expr::VectorSelector(series)) = parse(series) else { panic!("{line}") };
            let labels = series.matchers.matchers.into_iter().map(|it| (it.name, it.value)).collect();
            exported.0.entry(series.name.expect("a name")).or_default().push(labels);
        }
        exported
    }

    /// What is wrong with a question; none when it can be answered.
    fn fault(&self, question: &str) -> Option<String> {
        let expression = match parse(question) {
            Ok(expression) => expression,
            Err(error) => return Some(error),
        };
        let mut reader = Reader { exported: self, labels: BTreeSet::new(), grouped: Vec::new() };
        walk_expr(&mut reader, &expression).err().or_else(|| reader.stranger())
    }
}

struct Reader<'a> {
    exported: &'a Exported,
    /// All labels of the series that are asked for.
    labels: BTreeSet<&'a str>,
    /// All labels that are grouped by.
    grouped: Vec<String>,
}

impl Reader<'_> {
    fn selected(&mut self, asked: &VectorSelector) -> Result<(), String> {
        let name = asked.name.as_deref().ok_or("a selector without a name")?;
        if OF_PROMETHEUS.contains(&name) {
            return Ok(());
        }
        let series = self.exported.0.get(name).ok_or_else(|| format!("{name} is not exported"))?;
        self.labels.extend(series.iter().flat_map(BTreeMap::keys).map(String::as_str));
        let ours = asked.matchers.matchers.iter().filter(|it| !ADDED.contains(&it.name.as_str()));
        for wanted in ours {
            let has = |it: &BTreeMap<_, String>| it.get(&wanted.name).is_some_and(|it| wanted.is_match(it));
            if !series.iter().any(has) {
                return Err(format!("no {name} has {wanted}"));
            }
        }
        Ok(())
    }

    fn stranger(&self) -> Option<String> {
        let known = |label: &str| self.labels.contains(label) || ADDED.contains(&label);
        self.grouped.iter().find(|label| !known(label)).map(|label| format!("nothing has the label {label}"))
    }
}

impl ExprVisitor for Reader<'_> {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(asked) => self.selected(asked)?,
            Expr::MatrixSelector(asked) => self.selected(&asked.vs)?,
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.grouped.extend(labels.labels.iter().cloned());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// All questions of the dashboard, wherever they stand.
fn questions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|it| questions(it, found));
        }
        Value::Array(list) => list.iter().for_each(|it| questions(it, found)),
        _ => {}
    }
}

fn rules() -> Vec<Rule> {
    let file: RuleFile = yaml("infra/prometheus/rules.yml");
    assert!(file.groups.iter().all(|group| !group.name.is_empty()));
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

#[tokio::test]
async fn dashboard_and_rules_ask_only_for_what_metrics_exports() {
    let server = Keytrail::start().await;
    let alice = server.sign_in("acme", "alice").await;
    // Times of requests are exported from the first request on.
    alice.data("{ viewer { __typename } }", Value::Null).await;
    let exported = Exported::read(&alice.get("/metrics").await.text().await.expect("text"));

    let mut asked = rules().into_iter().map(|rule| rule.expr).collect::<Vec<_>>();
    let of_rules = asked.len();
    questions(&json("infra/grafana/dashboards/keytrail.json"), &mut asked);
    assert!(of_rules >= 10 && asked.len() >= of_rules + 25, "{asked:?}");
    let faults: Vec<_> =
        asked.iter().filter_map(|it| Some(format!("{it}: {}", exported.fault(it)?))).collect();
    assert!(faults.is_empty(), "{faults:#?}");

    for (question, fault) in [
        ("keytrail_checks_overdue", "keytrail_checks_overdue is not exported"),
        ("rate(keytrail_webhooks_attempts[5m])", "keytrail_webhooks_attempts is not exported"),
        ("keytrail_ready{part=\"disk\"}", "no keytrail_ready has part=\"disk\""),
        ("sum by (tenant) (keytrail_checks_waiting)", "nothing has the label tenant"),
    ] {
        assert_eq!(exported.fault(question).as_deref(), Some(fault));
    }
    assert!(exported.fault("sum by keytrail_checks_waiting").is_some(), "no PromQL");
}

#[test]
fn a_rule_says_whom_it_wakes_and_why() {
    let mut names = BTreeSet::new();
    for rule in rules() {
        let name = rule.alert.as_str();
        assert!(name.starts_with("Keytrail") && names.insert(rule.alert.clone()), "{name}");
        let severity: Vec<_> =
            rule.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert!(matches!(severity[..], [("severity", "page" | "ticket")]), "{name}: {severity:?}");
        assert!(rule.annotations.keys().eq(["description", "summary"]), "{name}");
        let lasting = rule.lasting.as_deref().unwrap_or("1m");
        let minutes = lasting.strip_suffix('m').and_then(|it| it.parse::<u32>().ok());
        assert!(minutes.is_some(), "{name} lasts {lasting}");
    }
}
