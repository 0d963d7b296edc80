//! Routine checks: many credentials of a system that is a stub, and how late the latest one is.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, web};
use clap::Args;
use serde_json::json;

use super::{plan, process::Server, say, say_result, sink};
use crate::{
    BenchError,
    load::{Amount, Bodies, drive},
};

/// Nobody waits longer than this after the moment of his check.
const LATEST: f64 = 60.0;

/// What to let run.
#[derive(Args, Debug)]
pub struct CheckOptions {
    /// The `keytrail` binary
    #[arg(long)]
    pub keytrail: PathBuf,
    /// Credentials, each with its own secret, all of one stub
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub credentials: u64,
    /// Seconds between two checks of a credential
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub interval: u32,
    /// Seconds to look on for
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Milliseconds that the stub takes for an answer
    #[arg(long, default_value_t = 20)]
    pub delay: u64,
}

#[expect(clippy::disallowed_methods, reason = "a while is what it looks on for")]
fn look_on(time: Duration) {
    thread::sleep(time);
}

/// Makes the credentials, looks on for a while and tells how many checks there were and how late.
///
/// # Errors
/// [`BenchError`] when a part cannot be started, answers badly, or a check is later than a minute.
pub fn checks(options: &CheckOptions) -> Result<(), BenchError> {
    let stub = stub(Duration::from_millis(options.delay))?;
    let server = Server::keytrail_that_checks(&options.keytrail, options.interval)?;
    say(&format!("creating {} credentials", options.credentials));
    let create = Bodies::Each(Rc::new(move |number| plan::create_at(&format!("http://{stub}"), number)));
    drive(server.target(), &create, Amount { requests: options.credentials, connections: 64 })?;
    let (before, start) = (Numbers::read(server.target().address)?, Instant::now());
    say(&format!("looking on for {} s", options.seconds));
    look_on(Duration::from_secs(options.seconds));
    let (after, took) = (Numbers::read(server.target().address)?, start.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a rate for a table")]
    let wanted = options.credentials as f64 / f64::from(options.interval);
    say_result(
        &json!({
            "credentials": options.credentials,
            "wantedPerSecond": wanted,
            "checksPerSecond": (after.checks - before.checks) / took,
            "latestSeconds": after.latest,
            "inconclusive": after.inconclusive,
            "residentMiB": server.resident_mib(),
        })
        .to_string(),
    );
    if after.latest > LATEST {
        return Err(BenchError::BadAnswer(format!("a check was {:.1} s late", after.latest)));
    }
    Ok(())
}

/// A system that accepts every secret after a while, on a free loopback port, until the program ends.
fn stub(delay: Duration) -> Result<SocketAddr, BenchError> {
    let answer = move || async move {
        actix_web::rt::time::sleep(delay).await;
        HttpResponse::Ok().finish()
    };
    sink::serve(1, move |app| {
        app.default_service(web::to(answer));
    })
}

/// What `/metrics` says about routine checks.
#[derive(Debug, Default, PartialEq)]
struct Numbers {
    checks: f64,
    inconclusive: f64,
    latest: f64,
}

impl Numbers {
    fn read(address: SocketAddr) -> Result<Self, BenchError> {
        let mut stream = TcpStream::connect(address).map_err(BenchError::io("connecting"))?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(BenchError::io("sending"))?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(BenchError::io("reading"))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let values = || text.lines().filter_map(|line| line.rsplit_once(' '));
        let sum = |wanted: &str| -> f64 {
            let found = values().filter(|(name, _)| name.starts_with(wanted));
            found.filter_map(|(_, value)| value.trim().parse::<f64>().ok()).sum()
        };
        Self {
            checks: sum("keytrail_checks_results_total"),
            inconclusive: sum("keytrail_checks_results_total{verdict=\"INCONCLUSIVE\"}"),
            latest: sum("keytrail_checks_latest_seconds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_added_up() {
        let text = "keytrail_checks_results_total{verdict=\"VALID\"} 7\n\
                    keytrail_checks_results_total{verdict=\"INCONCLUSIVE\"} 2\n\
                    keytrail_checks_latest_seconds 0.5\n";
        assert_eq!(Numbers::parse(text), Numbers { checks: 9.0, inconclusive: 2.0, latest: 0.5 });
    }
}
