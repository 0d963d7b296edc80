//! From texts to types. Each function's error is the rule, to be read after "must be".

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{EventLog, LogFormat, Switch, VaultAddress};
use keytrail_domain::SecretValue;

/// What a value must be.
pub(super) type Rule = &'static str;

pub(super) fn address(text: &str) -> Result<SocketAddr, Rule> {
    text.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080")
}

pub(super) fn network(text: &str) -> Result<IpNet, Rule> {
    text.parse::<IpNet>()
        .map(|net| net.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "addresses or CIDRs, such as 10.0.0.0/8 or fd00::1")
}

pub(super) fn path(text: &str) -> Result<PathBuf, Rule> {
    if text.contains('\0') { Err("a path") } else { Ok(PathBuf::from(text)) }
}

pub(super) fn name(text: &str) -> Result<String, Rule> {
    let fine = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if text.len() <= 255 && text.chars().all(fine) {
        Ok(text.to_owned())
    } else {
        Err("at most 255 visible ASCII characters without spaces, quotes or backslashes")
    }
}

/// A place in an outside vault: it becomes part of an address there.
pub(super) fn vault_path(text: &str) -> Result<String, Rule> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let part = |part: &str| !part.is_empty() && part.chars().all(fine);
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.len() <= 255 && text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err("names of letters, digits, `-` and `_`, with `/` between them")
    }
}

/// An http or https address that carries nothing else.
fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare).then_some(url)
}

pub(super) fn public_url(text: &str) -> Result<Url, Rule> {
    web_address(text)
        .filter(|url| url.path() == "/")
        .ok_or("an http or https address without user, path, query or fragment")
}

pub(super) fn jwks_url(text: &str) -> Result<Url, Rule> {
    let local = |url: &Url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        _ => false,
    };
    web_address(text)
        .filter(|url| url.scheme() == "https" || local(url))
        .ok_or("an https address (http only on loopback) without user, query or fragment")
}

pub(super) fn vault(text: &str) -> Result<VaultAddress, Rule> {
    match text {
        "embedded" => Ok(VaultAddress::Embedded),
        _ => web_address(text)
            .filter(|url| url.path() == "/")
            .map(VaultAddress::Remote)
            .ok_or("`embedded`, or an http or https address without user, path, query or fragment"),
    }
}

pub(super) fn event_log(text: &str) -> Result<EventLog, Rule> {
    const SCHEMES: [&str; 4] = ["esdb", "esdb+discover", "kurrentdb", "kurrentdb+discover"];
    match text.split_once("://") {
        None if text == "embedded" => Ok(EventLog::Embedded),
        Some((scheme, rest)) if SCHEMES.contains(&scheme) && !rest.is_empty() => {
            Ok(EventLog::Kurrent(SecretValue::new(text.to_owned())))
        }
        _ => Err("`embedded`, or an address that begins with esdb:// or kurrentdb:// (or their +discover)"),
    }
}

pub(super) fn switch(text: &str) -> Result<Switch, Rule> {
    match text {
        "on" | "true" => Ok(Switch::On),
        "off" | "false" => Ok(Switch::Off),
        _ => Err("`on` or `off`"),
    }
}

pub(super) fn number(text: &str) -> Result<u32, Rule> {
    text.parse().map_err(|_| "a whole number from 0 to 4294967295")
}

/// A time that is not none.
pub(super) fn seconds(text: &str) -> Result<Duration, Rule> {
    let seconds = text.parse::<u32>().ok().filter(|seconds| *seconds > 0);
    seconds.map(|it| Duration::from_secs(it.into())).ok_or("a whole number of seconds from 1 to 4294967295")
}

/// `auto` is none.
pub(super) fn auto_switch(text: &str) -> Result<Option<Switch>, Rule> {
    if text == "auto" { Ok(None) } else { switch(text).map(Some).map_err(|_| "`auto`, `on` or `off`") }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Rule> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("`text` or `json`"),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, Rule> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| "a filter, such as `info` or `info,keytrail_app=debug`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_address_is_a_network_of_one_and_host_bits_are_cut() {
        assert_eq!(network("10.1.2.3").map(|net| net.to_string()), Ok("10.1.2.3/32".into()));
        assert_eq!(network("10.1.2.3/8").map(|net| net.to_string()), Ok("10.0.0.0/8".into()));
        assert!(network("10.0.0.0/33").is_err() && network("ten").is_err());
    }

    #[test]
    fn a_time_is_at_least_a_second() {
        assert_eq!(seconds("1"), Ok(Duration::from_secs(1)));
        assert!(["0", "-1", "1.5", "1h", ""].iter().all(|text| seconds(text).is_err()));
    }

    #[test]
    fn addresses_that_carry_more_than_an_address_are_refused() {
        for bad in [
            "http://user:pw@vault:8200",
            "http://user@vault:8200",
            "http://vault:8200/?a=b",
            "http://vault:8200/#a",
            "http://vault:8200/v1",
            "ftp://vault",
            "vault:8200",
            "",
        ] {
            assert!(vault(bad).is_err() && public_url(bad).is_err(), "{bad}");
        }
        assert!(vault("https://vault:8200").is_ok() && vault("embedded").is_ok());
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        assert!(jwks_url("https://issuer.example/keys").is_ok());
        assert!(jwks_url("http://127.0.0.1:9/keys").is_ok());
        assert!(jwks_url("http://issuer.example/keys").is_err());
        assert!(jwks_url("http://localhost.example/keys").is_err());
    }

    #[test]
    fn no_path_in_the_vault_climbs_out_of_its_place() {
        for bad in ["../sys", "a/../b", "a//b", "/a", "a b", "a?b", "a%2f", ""] {
            assert!(vault_path(bad).is_err(), "{bad}");
        }
        assert_eq!(vault_path("team/kv-2/"), Ok("team/kv-2".into()));
    }

    #[test]
    fn an_event_log_is_embedded_or_one_of_four_schemes() {
        assert_eq!(event_log("embedded"), Ok(EventLog::Embedded));
        assert!(event_log("esdb://admin:pw@node:2113?tls=true").is_ok());
        assert!(event_log("kurrentdb+discover://node").is_ok());
        for bad in ["esdb://", "http://node", "sqlite", ""] {
            assert!(event_log(bad).is_err(), "{bad}");
        }
    }
}
