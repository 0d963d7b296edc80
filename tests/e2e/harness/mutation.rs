//! Mutations by name, and answers that are a refusal.

use serde_json::{Value, json};

use super::Client;

impl Client {
    /// Runs a mutation that must succeed; answers this selection of its payload.
    pub(crate) async fn mutate(&self, name: &str, selection: &str, input: Value) -> Value {
        let data = self.data(&mutation(name, selection), json!({ "input": input })).await;
        data[name].clone()
    }

    /// Runs a mutation that must fail; answers the `extensions` of its error.
    pub(crate) async fn refused(&self, name: &str, input: Value) -> Value {
        let error = self.error(&mutation(name, "position"), json!({ "input": input })).await;
        error["extensions"].clone()
    }

    /// One credential that the caller can see: this selection of it.
    pub(crate) async fn credential(&self, id: &str, selection: &str) -> Value {
        let query = format!("query($id: ID!) {{ credential(id: $id) {{ {selection} }} }}");
        self.data(&query, json!({ "id": id })).await["credential"].clone()
    }

    /// Makes a credential that must be taken; answers its id.
    pub(crate) async fn create(&self, input: Value) -> String {
        let made = self.mutate("createCredential", "credential { id }", input).await;
        text(&made["credential"]["id"])
    }
}

/// The text of a mutation with its input as a variable.
pub(crate) fn mutation(name: &str, selection: &str) -> String {
    let (first, rest) = name.split_at(1);
    let input = format!("{}{rest}Input", first.to_uppercase());
    format!("mutation($input: {input}!) {{ {name}(input: $input) {{ {selection} }} }}")
}

/// A value that must be a text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a text, got {value}")).to_owned()
}

/// The codes of the history's events, in order: `TYPE by NAME`.
pub(crate) async fn history(client: &Client, id: &str) -> Vec<String> {
    let selection = "history(first: 1000) { nodes { type revision actor { kind name member { subject } } } }";
    let credential = client.credential(id, selection).await;
    let events = credential["history"]["nodes"].as_array().expect("events");
    let numbers = events.iter().map(|event| event["revision"].as_u64().expect("number"));
    assert!(numbers.eq(0..events.len() as u64), "{credential:#}");
    events.iter().map(|event| format!("{} by {}", text(&event["type"]), actor(&event["actor"]))).collect()
}

fn actor(actor: &Value) -> String {
    let who = if actor["kind"] == "MEMBER" { &actor["member"]["subject"] } else { &actor["name"] };
    text(who)
}
