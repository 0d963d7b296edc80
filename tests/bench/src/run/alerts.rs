//! An alert on its way to many subscribers, against one message that is written to as many sockets.

use std::path::Path;

use actix_web::http::StatusCode;
use serde_json::json;

use super::{
    Options,
    plan::{self, Goal},
    process::Server,
    report::{Row, thousands},
    say,
    sink::Sink,
    turns::{Figure, alternate_figures},
};
use crate::{
    BenchError,
    load::{Amount, Post, Subscribers, ask},
};

const WHAT: &str = "alert to 1,000 subscribers";
const SUBSCRIBERS: Amount = Amount { requests: 1_000, connections: 1_000 };
const GOAL: (Goal, &str) = (Goal::AtMost(1.2), " ms");

const ALERTS: &str = include_str!("../../queries/alerts.graphql");
const VERIFY: &str = include_str!("../../queries/verify.graphql");
/// What the limit writes: as long as what Keytrail writes.
const MESSAGE: &str = r#"{"id":"1","type":"next","payload":{"data":{"credentialAlerts":{"event":{"type":"AlertOpened"},"alert":{"cause":"INVALID"}}}}}"#;

/// Measures it, unless something else is asked for.
pub(super) fn rows(options: &Options) -> Result<Vec<Row>, BenchError> {
    if !options.wants(WHAT) {
        return Ok(Vec::new());
    }
    let count = SUBSCRIBERS.shorter(options.shorter).connections;
    say(&format!("opening {count} sockets on each side"));
    let limit = bare(count)?;
    let subject = options.subject().map_or_else(|| bare(count), |binary| full(binary, count))?;
    let what = format!("alert to {} subscribers", thousands(count as f64));
    let figures = alternate_figures((&what, GOAL.1), options.rounds, limit, subject)?;
    Ok(vec![Row::figures(what, GOAL, figures)])
}

/// The limit: milliseconds from the POST to the last socket.
fn bare(count: usize) -> Result<Figure<'static>, BenchError> {
    let server = Server::limit()?;
    let mut subscribers = Subscribers::open(server.target(), ALERTS, count)?;
    let post = Post::Bare("/tell", MESSAGE.to_owned());
    Ok(Box::new(move || {
        // It must live as long as its sockets.
        let _server = &server;
        let heard = subscribers.round(&post)?;
        heard.ms_since(heard.sent)
    }))
}

/// Keytrail: milliseconds from the moment when the checked system has said no to the last socket. Each
/// round is another credential, since one may not be checked very often.
fn full(binary: &Path, count: usize) -> Result<Figure<'static>, BenchError> {
    let (server, system) = (Server::keytrail(binary)?, Sink::start(StatusCode::UNAUTHORIZED)?);
    let mut subscribers = Subscribers::open(server.target(), ALERTS, count)?;
    let (base_url, mut number) = (format!("http://{}", system.address), 0);
    Ok(Box::new(move || {
        number += 1;
        let made = ask(server.target(), &plan::create_at(&base_url, number))?;
        let input = json!({ "input": { "credentialId": made["createCredential"]["credential"]["id"] } });
        system.so_far();
        let heard = subscribers.round(&Post::Graphql(plan::body(VERIFY, &input)))?;
        let refused = system.so_far().pop().map(|arrival| arrival.at);
        let refused = refused.ok_or_else(|| BenchError::BadAnswer("nothing was checked".to_owned()))?;
        heard.ms_since(refused)
    }))
}
