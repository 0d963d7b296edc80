//! `keytrail token`: a token of the built-in issuer, and nothing else, on standard output.

use std::io::Write;

use clap::Args;
use jiff::SignedDuration;

use super::{
    failure::Failure,
    reach::{Absent, reach},
};
use crate::{admin::MintToken, config::Config, launch::Launcher};

/// The longest life of a token, in seconds: 30 days.
const LONGEST: u64 = 30 * 24 * 3600;

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The tenant, by its short name
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// The member, by the subject that he was added with
    #[arg(long, value_name = "SUBJECT")]
    user: String,
    /// How long it is valid, for example 15m, 1h or 7d (at most 30d)
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    ttl: u64,
}

pub(super) async fn run(
    args: TokenArgs,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let wish = MintToken { tenant: args.tenant, subject: args.user, ttl_seconds: args.ttl };
    let app = reach(config, Absent::Refuse, launcher).await?;
    let minted = app.admin().mint_token(wish).await;
    app.release().await?;
    writeln!(out, "{}", minted?.token.expose())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

fn seconds(text: &str) -> Result<u64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()?.checked_mul(24 * 3600));
    let parsed = || u64::try_from(text.parse::<SignedDuration>().ok()?.as_secs()).ok();
    days.or_else(parsed)
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .ok_or_else(|| "a time such as 15m, 1h or 7d, from 1s to 30d".into())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_time_is_a_number_and_a_unit_up_to_thirty_days() {
        assert_eq!(["90s", "15m", "1h", "1h30m", "7d"].map(seconds), [90, 900, 3600, 5400, 604_800].map(Ok));
        for bad in ["", "0s", "-1h", "31d", "1", "x", "99999999999999999999d", "1y"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
