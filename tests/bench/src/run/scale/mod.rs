//! At scale: one big tenant and many small ones, and what pages, memory, start, rebuild and disk come
//! to with all of them there.

mod fill;
mod pages;

use std::{path::Path, rc::Rc, time::Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    installation::{Installation, as_caller},
    plan::{body, create_body},
    process::Process,
    report::{Report, Row, thousands},
    say,
};
use crate::{
    BenchError,
    load::{Target, ask},
};
use pages::Caller;

/// Owners' tokens.
type Tokens = Vec<Rc<str>>;

/// How many credentials of the big tenant the member may see.
const SHARED: u64 = 10;
/// Starts on the full log.
const STARTS: usize = 5;
const MOST_MIB: f64 = 256.0;
const MOST_START_MS: f64 = 200.0;
const LEAST_REBUILT: f64 = 50_000.0;
const BIG: &str = "big";
const MEMBER: &str = "few";
/// Soon enough to count as `EXPIRING`, late enough not to end meanwhile.
const LIFE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// How much there is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Credentials in all.
    pub(super) credentials: u64,
    /// Tenants besides the big one.
    pub(super) tenants: usize,
    /// Pages are asked for so many times shorter.
    pub(super) shorter: u64,
}

/// Fills a fresh Keytrail and measures it.
pub(super) fn measure(binary: &Path, scale: Scale) -> Result<Report, BenchError> {
    let mut report = Report::new("keytrail", 1);
    let installation = Installation::new(binary, Vec::new())?;
    let big: Rc<str> = installation.tenant(BIG, "owner")?.into();
    let server = installation.serve()?;
    let member = share(&installation, &as_caller(&server, &big))?;

    let (small, made) = fill::small_tenants(&installation, scale.tenants)?;
    report.add(vec![made]);
    let filled = fill::fill(&server, (&big, &small), scale.credentials - SHARED, &soon())?;
    report.add(filled.rows());
    report.add(vec![memory("memory after filling", &server)]);
    // Killed, so that the first start has to recover.
    drop(server);

    let (server, starts) = restart(&installation, &big)?;
    report.add(vec![starts, memory("memory, idle after a restart", &server)]);
    for (name, token) in [("owner", &*big), ("member who sees ten", &member)] {
        report.add(pages::rows(&Caller { name, target: as_caller(&server, token), shorter: scale.shorter })?);
    }
    report.add(vec![memory("memory after the pages", &server)]);
    server.stop()?;
    report.add(sizes(&installation, scale.credentials)?);
    report.add(vec![rebuild(&installation)?]);
    Ok(report)
}

fn memory(what: &str, server: &Process) -> Row {
    let usage = server.usage();
    Row::memory(what, MOST_MIB, usage.resident_mib).with(json!(usage))
}

/// Makes the credentials that the member may see, and answers his token.
fn share(installation: &Installation, owner: &Target) -> Result<String, BenchError> {
    let add = "mutation($subject: String!) { addMember(input: { subject: $subject, role: MEMBER }) { member { id } } }";
    let added = ask(owner, &body(add, &json!({ "subject": MEMBER })))?;
    let grantee = &added["addMember"]["member"]["id"];
    let give =
        "mutation($input: ShareCredentialInput!) { shareCredential(input: $input) { credential { id } } }";
    for number in 0..SHARED {
        let created = ask(owner, &create_body(&pages::found_by_all(number, &soon())))?;
        let id = &created["createCredential"]["credential"]["id"];
        let input: Value = json!({ "credentialId": id, "granteeId": grantee, "level": "VIEW" });
        ask(owner, &body(give, &json!({ "input": input })))?;
    }
    installation.token(BIG, MEMBER)
}

/// Starts it some times on what is there; the last one goes on.
fn restart(installation: &Installation, token: &str) -> Result<(Process, Row), BenchError> {
    say("starting it again on the full log");
    let mut seconds = Vec::new();
    loop {
        let (server, took) = installation.serve_timed(token)?;
        seconds.push(took);
        if seconds.len() >= STARTS {
            return Ok((server, Row::start("start to first answer, full log", MOST_START_MS, seconds)));
        }
    }
}

/// What lies on the disk after a clean stop.
fn sizes(installation: &Installation, credentials: u64) -> Result<Vec<Row>, BenchError> {
    let row = |(what, file): (&str, &str)| {
        let bytes = installation.bytes(file)?;
        let each = bytes as f64 / credentials as f64;
        let told = format!("{} bytes, {} MiB in all", thousands(each), thousands(bytes as f64 / 1_048_576.0));
        Ok(Row::told(&format!("{what} on disk per credential"), told).with(json!(bytes)))
    };
    [("log", "log.db"), ("views", "views.db"), ("vault", "secrets.db")].into_iter().map(row).collect()
}

/// The whole command, as an operator waits for it.
fn rebuild(installation: &Installation) -> Result<Row, BenchError> {
    say("making the views anew");
    let start = Instant::now();
    let printed = installation.admin(&["views", "rebuild"])?;
    let seconds = start.elapsed().as_secs_f64();
    let events = printed.split_whitespace().find_map(|word| word.parse::<u64>().ok());
    let events = events.ok_or_else(|| BenchError::BadAnswer(format!("no number of events in: {printed}")))?;
    let row = Row::rate("rebuild of the views, events", LEAST_REBUILT, events as f64 / seconds);
    Ok(row.with(json!({ "events": events, "seconds": seconds })))
}

#[expect(clippy::disallowed_methods, reason = "the server that is measured goes by the real clock")]
fn soon() -> String {
    Timestamp::now().saturating_add(LIFE).map_or_else(|_| String::new(), |at| at.to_string())
}
