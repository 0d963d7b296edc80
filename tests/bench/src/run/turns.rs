//! A B A B …: whatever else the machine does hits both sides.

use super::{
    Options,
    plan::{self, Load, Measurement},
    process::Server,
    report::Row,
    say,
};
use crate::{
    BenchError,
    load::{Amount, Sample, ask, drive},
};

/// How many credentials each side has when the measuring begins.
const CREDENTIALS: u64 = 1_000;

/// The two sides, filled alike.
pub(super) struct Sides {
    limit: (Server, String),
    subject: (Server, String),
}

impl Sides {
    /// Creates the same number of credentials on both sides.
    pub(super) fn prepare(limit: Server, subject: Server) -> Result<Self, BenchError> {
        say(&format!("creating {CREDENTIALS} credentials on each side"));
        Ok(Self { limit: fill(limit)?, subject: fill(subject)? })
    }

    /// Runs one measurement on both sides in turn, and answers its rows.
    pub(super) fn take_turns(&self, it: &Measurement, options: &Options) -> Result<Vec<Row>, BenchError> {
        alternate(it, options, &|amount| once(&self.limit, it.load, amount), &|amount| {
            once(&self.subject, it.load, amount)
        })
    }

    pub(super) fn subject(&self) -> &Server {
        &self.subject.0
    }
}

/// One run of one side.
type Run<'a> = &'a dyn Fn(Amount) -> Result<Sample, BenchError>;

/// Lets both sides warm up and then run in turn.
pub(super) fn alternate(
    it: &Measurement,
    options: &Options,
    run_limit: Run<'_>,
    run_subject: Run<'_>,
) -> Result<Vec<Row>, BenchError> {
    let amount = it.amount.shorter(options.shorter);
    run_limit(amount.shorter(10))?;
    run_subject(amount.shorter(10))?;
    let (mut limit, mut subject) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        limit.push(run_limit(amount)?);
        subject.push(run_subject(amount)?);
        say(&progress(it, round, options.rounds, &limit, &subject));
    }
    Ok(Row::of(it, &limit, &subject))
}

/// One figure of one side.
pub(super) type Figure<'a> = Box<dyn FnMut() -> Result<f64, BenchError> + 'a>;

/// Lets both sides warm up and then run in turn; answers the figures of the limit and the subject.
pub(super) fn alternate_figures(
    (what, unit): (&str, &str),
    rounds: u32,
    mut run_limit: Figure<'_>,
    mut run_subject: Figure<'_>,
) -> Result<(Vec<f64>, Vec<f64>), BenchError> {
    run_limit()?;
    run_subject()?;
    let (mut limit, mut subject) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (bare, full) = (run_limit()?, run_subject()?);
        say(&format!("{what} {round}/{rounds}: {full:.1} against {bare:.1}{unit}"));
        limit.push(bare);
        subject.push(full);
    }
    Ok((limit, subject))
}

/// Fills a side and finds a credential on it.
fn fill(server: Server) -> Result<(Server, String), BenchError> {
    let amount = Amount { requests: CREDENTIALS, connections: 64 };
    drive(server.target(), &Load::Create.bodies(""), amount)?;
    let listed = ask(server.target(), &plan::list(1))?;
    let id = listed["credentials"]["edges"][0]["node"]["id"].as_str();
    let id = id.ok_or_else(|| BenchError::BadAnswer("it lists no credential".to_owned()))?.to_owned();
    check_lists(&server)?;
    Ok((server, id))
}

/// A side that lists fewer than asked would look fast.
fn check_lists(server: &Server) -> Result<(), BenchError> {
    for first in [50, 1_000] {
        let listed = ask(server.target(), &plan::list(first))?;
        let count = listed["credentials"]["edges"].as_array().map_or(0, Vec::len);
        if count != first as usize {
            return Err(BenchError::BadAnswer(format!("asked for {first} credentials, it lists {count}")));
        }
    }
    Ok(())
}

fn once((server, id): &(Server, String), load: Load, amount: Amount) -> Result<Sample, BenchError> {
    drive(server.target(), &load.bodies(id), amount)
}

fn progress(it: &Measurement, round: u32, rounds: u32, limit: &[Sample], subject: &[Sample]) -> String {
    let rate = |samples: &[Sample]| samples.last().map_or(0.0, |sample| sample.per_second);
    format!("{} {round}/{rounds}: {:.0} against {:.0} a second", it.what, rate(subject), rate(limit))
}
