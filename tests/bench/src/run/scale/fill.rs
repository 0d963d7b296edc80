//! Many credentials of many tenants, created as clients create them.

use std::{
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use serde_json::{Value, json};

use super::{
    super::{
        installation::Installation,
        plan::create_body,
        process::Process,
        report::{Row, fine, thousands},
        say,
        usage::Usage,
    },
    Tokens,
};
use crate::{
    BenchError,
    load::{Amount, Bodies, Sample, drive},
};

/// One in so many credentials belongs to the big tenant.
pub(super) const BIG_SHARE: u64 = 10;
/// Creates between two lines of progress.
const STEP: u64 = 20_000;
const CONNECTIONS: usize = 64;
/// Processes that make tenants at the same time.
const MAKERS: usize = 4;
/// How many lines of progress the middle of "at the beginning" and "at the end" is taken of.
const ENDS: usize = 5;

const SYSTEMS: [&str; 8] =
    ["billing", "warehouse", "payroll", "search", "mail", "crm", "metrics", "identity"];
const PLACES: [&str; 4] = ["production", "staging", "testing", "disaster recovery"];

/// How the filling went.
pub(super) struct Filled {
    steps: Vec<Step>,
    busiest: Option<(String, f64)>,
    written_mib: Option<f64>,
}

/// Between two lines of progress.
struct Step {
    sample: Sample,
    server_cores: Option<f64>,
    resident_mib: Option<f64>,
}

/// Makes the small tenants through the server that runs, and answers their owners' tokens.
pub(super) fn small_tenants(installation: &Installation, count: usize) -> Result<(Tokens, Row), BenchError> {
    say(&format!("making {count} tenants"));
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let make = || -> Result<Vec<String>, BenchError> {
        let mut tokens = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(tokens);
            }
            tokens.push(installation.tenant(&format!("small-{number}"), "owner")?);
        }
    };
    let made: Result<Vec<_>, _> = thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS).map(|_| scope.spawn(make)).collect();
        makers.into_iter().map(join).collect()
    });
    let tokens: Tokens = made?.into_iter().flatten().map(Rc::from).collect();
    let told = format!("{} in {:.0} s", thousands(count as f64), start.elapsed().as_secs_f64());
    Ok((tokens, Row::told("tenants made, each with a token, one command each", told)))
}

fn join<T>(maker: thread::ScopedJoinHandle<'_, Result<T, BenchError>>) -> Result<T, BenchError> {
    maker.join().unwrap_or_else(|_| Err(BenchError::BadAnswer("a thread that makes tenants died".to_owned())))
}

/// Creates `count` credentials: one in ten for the big tenant, the rest spread evenly.
pub(super) fn fill(
    server: &Process,
    (big, small): (&Rc<str>, &Tokens),
    count: u64,
    expires: &str,
) -> Result<Filled, BenchError> {
    let (empty, start) = (server.usage(), Instant::now());
    let mut filled = Filled { steps: Vec::new(), busiest: None, written_mib: None };
    for from in (0..count).step_by(usize::try_from(STEP).unwrap_or(usize::MAX)) {
        let requests = STEP.min(count - from);
        let (big, small, expires) = (Rc::clone(big), small.clone(), expires.to_owned());
        let bodies = Bodies::EachFrom(Rc::new(move |number| {
            let number = from + number;
            (Rc::clone(owner(number, &big, &small)), create_body(&input(number, &expires)))
        }));
        let (before, begun) = (server.usage(), Instant::now());
        let sample = drive(server.target(), &bodies, Amount { requests, connections: CONNECTIONS })?;
        let after = server.usage();
        let server_cores = after.cores_since(&before, begun.elapsed().as_secs_f64());
        filled.steps.push(Step { sample, server_cores, resident_mib: after.resident_mib });
        let done = from + requests;
        let left = start.elapsed().as_secs_f64() / done as f64 * (count - done) as f64;
        say(&filled.progress(done, count, left));
    }
    filled.busiest = server.busiest_thread();
    let written = |usage: Usage| usage.written_mib;
    filled.written_mib = written(server.usage()).zip(written(empty)).map(|(after, before)| after - before);
    Ok(filled)
}

/// Whose the credential with this number is.
fn owner<'a>(number: u64, big: &'a Rc<str>, small: &'a [Rc<str>]) -> &'a Rc<str> {
    if number.is_multiple_of(BIG_SHARE) {
        return big;
    }
    // Counted without those of the big tenant, so that no small one is left out.
    let among_small = number - number / BIG_SHARE - 1;
    let at = usize::try_from(among_small).map_or(0, |at| at % small.len().max(1));
    small.get(at).unwrap_or(big)
}

/// The input of the create with this number: names, components and statuses are mixed, none
/// follows from another.
fn input(number: u64, expires: &str) -> Value {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let part = |shift: u32, of: u64| (mixed >> shift) % of;
    let name = format!("{} {} {number:07}", pick(&SYSTEMS, part(16, 8)), pick(&PLACES, part(24, 4)));
    let component = if part(32, 5) == 0 { Component::Basic } else { Component::Bearer };
    let mut input = component.input(&name, number);
    if part(40, 10) == 0 {
        input["expiresAt"] = json!(expires);
    }
    input
}

fn pick<'a>(texts: &[&'a str], at: u64) -> &'a str {
    usize::try_from(at).ok().and_then(|at| texts.get(at)).copied().unwrap_or_default()
}

/// What a credential is for.
#[derive(Clone, Copy)]
pub(super) enum Component {
    Bearer,
    Basic,
}

impl Component {
    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::Bearer => "http-bearer",
            Self::Basic => "http-basic",
        }
    }

    /// An input with a secret that no other has; nothing is ever sent to the address.
    pub(super) fn input(self, name: &str, number: u64) -> Value {
        let secret = format!("bench-secret-{number:012}");
        let fields = match self {
            Self::Bearer => json!({ "base_url": "https://api.example.com", "token": secret }),
            Self::Basic => {
                json!({ "base_url": "https://api.example.com", "username": "bench", "password": secret })
            }
        };
        json!({ "component": self.slug(), "name": name, "fields": fields, "verify": false })
    }
}

impl Filled {
    /// The rate of the whole, of its beginning and of its end, and what seems to have been its limit.
    pub(super) fn rows(&self) -> Vec<Row> {
        let rates: Vec<f64> = self.steps.iter().map(|step| step.sample.per_second).collect();
        let (all, seconds) = (self.requests(), self.seconds());
        let ends = ENDS.min(rates.len());
        let rate = format!(
            "{}/s ({}/s at first, {}/s at last)",
            thousands(all / seconds),
            thousands(mean(&rates[..ends])),
            thousands(mean(&rates[rates.len() - ends..]))
        );
        let written = self.written_mib.map(|mib| format!("{} KiB", fine(mib * 1_024.0 / all)));
        let busiest = self.busiest.as_ref();
        let busiest = busiest.map(|(name, used)| format!("{name}, {} of a core", fine(used / seconds)));
        let unknown = || "not known".to_owned();
        vec![
            Row::told("creates while filling", rate).with(self.json()),
            Row::told("written to disk per create", written.unwrap_or_else(unknown)),
            Row::told("busiest thread while filling", busiest.unwrap_or_else(unknown)),
        ]
    }

    fn requests(&self) -> f64 {
        self.steps.iter().map(|step| step.sample.requests as f64).sum()
    }

    fn seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.sample.requests as f64 / step.sample.per_second).sum()
    }

    fn json(&self) -> Value {
        let step = |step: &Step| {
            json!({
                "sample": step.sample,
                "server_cores": step.server_cores,
                "resident_mib": step.resident_mib,
            })
        };
        self.steps.iter().map(step).collect()
    }

    fn progress(&self, done: u64, count: u64, left: f64) -> String {
        let Some(Step { sample, server_cores, resident_mib }) = self.steps.last() else {
            return String::new();
        };
        let known = |value: &Option<f64>| value.map_or("?".to_owned(), fine);
        format!(
            "{done} of {count} credentials, {:.0}/s, {left:.0} s left; cores: server {}, driver {}; {} MiB",
            sample.per_second,
            known(server_cores),
            known(&sample.driver_core),
            known(resident_mib)
        )
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_big_tenant_gets_its_share_and_no_small_one_is_left_out() {
        let (big, small): (Rc<str>, Tokens) =
            ("big".into(), (0..10).map(|n| format!("{n}").into()).collect());
        let mut counts = BTreeMap::new();
        for number in 0..1_000 {
            *counts.entry(owner(number, &big, &small).to_string()).or_insert(0) += 1;
        }
        assert_eq!(counts.remove("big"), Some(100));
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [90; 10]);
    }

    #[test]
    fn filters_find_about_the_part_that_they_should() {
        let inputs: Vec<Value> = (0..10_000).map(|n| input(n * BIG_SHARE, "then")).collect();
        let count = |of: &dyn Fn(&Value) -> bool| inputs.iter().filter(|input| of(input)).count();
        assert!((1_000..1_500).contains(&count(&|it| it["name"].as_str().unwrap().contains("billing"))));
        assert!((1_700..2_300).contains(&count(&|it| it["component"] == "http-basic")));
        assert!((800..1_200).contains(&count(&|it| it["expiresAt"] == "then")));
    }
}
