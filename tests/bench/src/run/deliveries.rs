//! Webhook deliveries a second into a sink, against what a bare client drives into the same one.

use std::{
    path::Path,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix_web::http::StatusCode;
use serde_json::json;

use super::{
    Options,
    plan::{self, Goal, Load},
    process::Server,
    report::Row,
    sink::{Arrival, Sink},
    turns::{Figure, alternate_figures},
};
use crate::{
    BenchError,
    load::{Amount, Bodies, Target, ask, drive},
};

const WHAT: &str = "webhook deliveries";
const GOAL: (Goal, &str) = (Goal::AtLeast(0.2), "/s");
/// Deliveries of one round.
const DELIVERIES: Amount = Amount { requests: 500, connections: 64 };
/// A bare client is done with as many before it has warmed up.
const BARE_TIMES: u64 = 10;
/// A round whose deliveries are not there by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a body is where there is no Keytrail to tell.
const BODY_LEN: usize = 512;

/// Measures it, unless something else is asked for.
pub(super) fn rows(options: &Options) -> Result<Vec<Row>, BenchError> {
    if !options.wants(WHAT) {
        return Ok(Vec::new());
    }
    // From the first to the last: there must be two.
    let mut amount = DELIVERIES.shorter(options.shorter);
    amount.requests = amount.requests.max(2);
    let (subject, length) = match options.subject() {
        Some(binary) => full(binary, amount)?,
        None => (bare(BODY_LEN, amount)?, BODY_LEN),
    };
    let figures = alternate_figures((WHAT, GOAL.1), options.rounds, bare(length, amount)?, subject)?;
    Ok(vec![Row::figures(WHAT.to_owned(), GOAL, figures)])
}

/// The limit: answered POSTs a second, each with a body of this length.
fn bare(length: usize, amount: Amount) -> Result<Figure<'static>, BenchError> {
    let sink = Sink::start(StatusCode::NO_CONTENT)?;
    let (target, body) = (Target { address: sink.address, token: None }, "x".repeat(length));
    let amount = Amount { requests: amount.requests * BARE_TIMES, ..amount };
    Ok(Box::new(move || {
        let (to, body) = (target.clone(), body.clone());
        let bodies = Bodies::Http(Rc::new(move |_| to.post("/", &webhook_id(), &body)));
        let sample = drive(&target, &bodies, amount)?;
        sink.take(sample.requests, PATIENCE)?;
        Ok(sample.per_second)
    }))
}

fn webhook_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("webhook-id: msg_{:032}\r\n", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Keytrail: deliveries a second while credentials are created; and how long a body is.
fn full(binary: &Path, amount: Amount) -> Result<(Figure<'static>, usize), BenchError> {
    let (server, sink) = (Server::keytrail(binary)?, Sink::start(StatusCode::NO_CONTENT)?);
    let input = json!({
        "url": format!("http://{}/", sink.address),
        "types": ["keytrail.credential.created"],
    });
    let query = include_str!("../../queries/endpoint.graphql");
    ask(server.target(), &plan::body(query, &json!({ "input": input })))?;
    let round = move |amount: Amount| {
        drive(server.target(), &Load::Create.bodies(""), amount)?;
        sink.take(usize::try_from(amount.requests).unwrap_or(usize::MAX), PATIENCE)
    };
    let first = round(Amount { requests: 1, connections: 1 })?;
    let length = first.first().map_or(BODY_LEN, |arrival| arrival.bytes);
    Ok((Box::new(move || Ok(rate(&round(amount)?))), length))
}

/// Arrivals a second, from the first to the last.
fn rate(arrivals: &[Arrival]) -> f64 {
    let at = || arrivals.iter().map(|arrival| arrival.at);
    let took = at().max().zip(at().min()).map_or(Duration::ZERO, |(last, first)| last - first);
    let steps = arrivals.len().saturating_sub(1) as f64;
    steps / took.as_secs_f64().max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_rate_is_from_the_first_to_the_last_in_whatever_order_they_are_noted() {
        let start = Instant::now();
        let at = |ms| Arrival { at: start + Duration::from_millis(ms), bytes: 1, id: None };
        assert_eq!(rate(&[at(20), at(0), at(10)]), 100.0);
        assert_eq!(rate(&[at(5)]), 0.0);
    }
}
