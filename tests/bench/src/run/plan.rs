//! What is measured, how much of it, and which ratio is wanted.

use std::{
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};

use crate::load::{Amount, Bodies};

/// Where a credential's secret may go; nothing is ever sent there, since `verify` is false.
const BASE_URL: &str = "https://api.example.com";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// One credential by id.
    Item,
    /// The first so many.
    List(u32),
    /// A new one, durable when answered.
    Create,
}

/// A wanted ratio of Keytrail to the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Answers a second.
    AtLeast(f64),
    /// Time.
    AtMost(f64),
}

impl Goal {
    /// As the table has it.
    pub(super) fn text(self) -> String {
        match self {
            Self::AtLeast(wanted) => format!(">= {wanted}"),
            Self::AtMost(wanted) => format!("<= {wanted}"),
        }
    }

    /// Whether a ratio is good enough.
    pub fn is_met_by(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(wanted) => ratio >= wanted,
            Self::AtMost(wanted) => ratio <= wanted,
        }
    }
}

/// One line of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// Its name.
    pub what: &'static str,
    /// What is asked.
    pub load: Load,
    /// How much of it.
    pub amount: Amount,
    /// Wanted answers a second, as a ratio.
    pub rate: Goal,
    /// Wanted 99th percentile, as a ratio.
    pub p99: Option<Goal>,
}

const fn each(requests: u64, connections: usize) -> Amount {
    Amount { requests, connections }
}

/// Everything, reading before writing, so that both sides read the same number of credentials.
pub const PLAN: [Measurement; 5] = [
    Measurement {
        what: "get one",
        load: Load::Item,
        amount: each(20_000, 64),
        rate: Goal::AtLeast(0.8),
        p99: Some(Goal::AtMost(1.5)),
    },
    Measurement {
        what: "list 50",
        load: Load::List(50),
        amount: each(4_000, 64),
        rate: Goal::AtLeast(0.8),
        p99: None,
    },
    Measurement {
        what: "list 1,000",
        load: Load::List(1_000),
        amount: each(300, 64),
        rate: Goal::AtLeast(1.5),
        p99: None,
    },
    Measurement {
        what: "create, durable",
        load: Load::Create,
        amount: each(6_000, 64),
        rate: Goal::AtLeast(0.6),
        p99: Some(Goal::AtMost(1.5)),
    },
    Measurement {
        what: "create, durable, one connection",
        load: Load::Create,
        amount: each(300, 1),
        rate: Goal::AtLeast(1.0),
        p99: None,
    },
];

impl Load {
    /// The requests; `id` is a credential that the side has.
    pub(super) fn bodies(self, id: &str) -> Bodies {
        match self {
            Self::Item => {
                Bodies::Same(body(include_str!("../../queries/item.graphql"), &json!({ "id": id })))
            }
            Self::List(first) => Bodies::Same(list(first)),
            Self::Create => Bodies::Each(Rc::new(|_| create())),
        }
    }
}

/// The JSON of a list request.
pub(super) fn list(first: u32) -> String {
    body(include_str!("../../queries/list.graphql"), &json!({ "first": first }))
}

/// The JSON of a create request, with a name and a secret that no other has.
fn create() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    create_at(BASE_URL, number)
}

/// The same for a system at this address.
pub(super) fn create_at(base_url: &str, number: u64) -> String {
    let fields = json!({ "base_url": base_url, "token": format!("bench-token-{number:012}") });
    create_body(&json!({
        "component": "http-bearer",
        "name": format!("bench {number:012}"),
        "fields": fields,
        "verify": false,
    }))
}

/// The JSON of a request to create this.
pub(super) fn create_body(input: &Value) -> String {
    body(include_str!("../../queries/create.graphql"), &json!({ "input": input }))
}

/// The JSON of a request.
pub(super) fn body(query: &str, variables: &Value) -> String {
    json!({ "query": query.trim(), "variables": variables }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_knows_its_direction() {
        assert!(Goal::AtLeast(0.8).is_met_by(0.8) && !Goal::AtLeast(0.8).is_met_by(0.79));
        assert!(Goal::AtMost(1.5).is_met_by(1.5) && !Goal::AtMost(1.5).is_met_by(1.51));
    }

    #[test]
    fn no_two_creates_are_the_same() {
        assert_ne!(create(), create());
    }
}
