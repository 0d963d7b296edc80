//! The connection string: `esdb://user:password@host:2113?tls=true`. What the client would only warn
//! about, or panic over, is refused here, by name and without a value.

use std::{fmt, path::Path};

use eventstore::ClientSettings;
use url::Url;

/// Without `+discover`.
const SCHEMES: [&str; 2] = ["esdb", "kurrentdb"];
/// All parameters that the client knows; it does not care about capitals.
const PARAMETERS: [(&str, Kind); 13] = [
    ("maxDiscoverAttempts", Kind::Attempts),
    ("discoveryInterval", Kind::Milliseconds),
    ("gossipTimeout", Kind::Milliseconds),
    ("tls", Kind::Switch),
    ("tlsVerifyCert", Kind::Switch),
    ("nodePreference", Kind::Preference),
    ("keepAliveInterval", Kind::KeepAlive),
    ("keepAliveTimeout", Kind::KeepAlive),
    ("defaultDeadline", Kind::Milliseconds),
    ("connectionName", Kind::Text),
    ("userCertFile", Kind::Certificate),
    ("userKeyFile", Kind::PrivateKey),
    ("tlsCaFile", Kind::Certificate),
];
/// Of them, those that count with TLS alone.
const TLS_ALONE: [&str; 4] = ["tlsVerifyCert", "tlsCaFile", "userCertFile", "userKeyFile"];
/// Between two attempts to find a node, in milliseconds, and how many: together about two seconds, when
/// nobody wants something else.
const HASTE: [(&str, u32); 2] = [("discoveryInterval", 100), ("maxDiscoverAttempts", 20)];
/// Why a connection string cannot be used. Quotes neither password nor value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// Where the event store is, and how it is spoken to.
#[derive(Clone)]
pub struct Settings {
    pub(crate) client: ClientSettings,
    place: String,
}

impl Settings {
    /// Reads a connection string.
    ///
    /// # Errors
    /// [`SettingsError`] says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !SCHEMES.contains(&scheme.trim_end_matches("+discover")) {
            return Err(wrong("it must begin with `esdb://` or `kurrentdb://`, in small letters"));
        }
        if text.contains(char::is_whitespace) {
            return Err(wrong("it has a space or a line break, perhaps at its end"));
        }
        check_login(text)?;
        let given = parameters(text)?;
        check_together(&given)?;
        for (name, value) in &given {
            check_parameter((name, value), text)?;
        }
        check_tls(&given)?;
        if path_of(text).is_some_and(|path| !path.is_empty()) {
            return Err(wrong("it has a path behind the host, which an event store has not: leave it out"));
        }
        let client: ClientSettings = hurried(text, &given).parse().map_err(|_| {
            wrong(
                "it is no connection string: `esdb://user:password@host:2113?tls=true`; a port is a number, and \
                 not every sign can stand in a password",
            )
        })?;
        if client.hosts().iter().any(|host| host.host.is_empty()) {
            return Err(wrong("it names no host"));
        }
        if client
            .hosts()
            .iter()
            .any(|host| format!("http://{}:{}", host.host, host.port).parse::<Url>().is_err())
        {
            return Err(wrong("a host or port is wrong"));
        }
        let place = client.hosts().iter().map(|host| format!("{}:{}", host.host, host.port));
        let place = place.collect::<Vec<_>>().join(",");
        Ok(Self { client, place })
    }
}

/// Hosts and ports, nothing secret.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({})", self.place)
    }
}

/// The client waits for an interval before it connects, also the first time; half a second by itself.
fn hurried(text: &str, given: &[(String, String)]) -> String {
    let missing =
        HASTE.iter().filter(|(name, _)| !given.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
    missing.fold(text.to_owned(), |text, (name, value)| {
        let joint = if text.contains('?') { '&' } else { '?' };
        format!("{text}{joint}{name}={value}")
    })
}

fn wrong(why: impl Into<String>) -> SettingsError {
    SettingsError(why.into())
}

/// Names in small letters, and values.
fn parameters(text: &str) -> Result<Vec<(String, String)>, SettingsError> {
    let Some((_, query)) = text.split_once('?') else { return Ok(Vec::new()) };
    // Several hosts are no URL; the query is one all the same.
    let url =
        Url::parse(&format!("query:/?{query}")).map_err(|_| wrong("what follows `?` cannot be read"))?;
    Ok(url.query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect())
}

/// The client sends a login as it stands in an URL, encoded: with other signs it would be another one. With `?`
/// in it, its end would be taken for parameters, and quoted.
fn check_login(text: &str) -> Result<(), SettingsError> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let login = address.rsplit_once('@').map(|(login, _)| login);
    let (user, password) = login.map_or(("", ""), |login| login.split_once(':').unwrap_or((login, "")));
    let is_sent = |sign: char| sign.is_ascii_alphanumeric() || "-._~!$*+&'()".contains(sign);
    let is_cut = query.split('&').any(|part| part.split('=').next().is_some_and(|name| name.contains('@')));
    match !is_cut && [user, password].iter().all(|part| part.chars().all(is_sent)) {
        true => Ok(()),
        false => Err(wrong(
            "its user or password has a sign that the server's client sends wrongly: only letters, digits and \
             `-._~!$*+&'()` can stand there",
        )),
    }
}

/// What stands behind the first `/` of hosts and ports.
fn path_of(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('?').next().and_then(|address| address.split_once('/')).map(|(_, path)| path)
}

/// Each once, and a certificate with its key.
fn check_together(given: &[(String, String)]) -> Result<(), SettingsError> {
    let count = |wanted: &str| given.iter().filter(|(name, _)| wanted.eq_ignore_ascii_case(name)).count();
    if let Some((twice, _)) = PARAMETERS.iter().find(|(name, _)| count(name) > 1) {
        return Err(wrong(format!("its parameter `{twice}` is given twice")));
    }
    match (count("userCertFile"), count("userKeyFile")) {
        (0, 0) | (1, 1) => Ok(()),
        (0, _) => Err(wrong("its parameter `userKeyFile` needs a `userCertFile`")),
        _ => Err(wrong("its parameter `userCertFile` needs a `userKeyFile`")),
    }
}

/// In the clear, what is for TLS would be left out without a word.
fn check_tls(given: &[(String, String)]) -> Result<(), SettingsError> {
    if !given.iter().any(|(name, value)| name == "tls" && value == "false") {
        return Ok(());
    }
    match TLS_ALONE.iter().find(|alone| given.iter().any(|(name, _)| alone.eq_ignore_ascii_case(name))) {
        Some(alone) => Err(wrong(format!("its parameter `{alone}` is for TLS, and `tls=false` is without"))),
        None => Ok(()),
    }
}

fn check_parameter((name, value): (&str, &str), text: &str) -> Result<(), SettingsError> {
    let Some((name, kind)) = PARAMETERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        // With an `@` behind the first `?`, what looks like a name may be a piece of a password.
        let is_plain = !text.split_once('?').is_some_and(|(_, query)| query.contains('@'));
        let shown = is_plain && name.len() <= 24 && name.chars().all(|sign| sign.is_ascii_alphabetic());
        let shown = if shown { format!(" `{name}`") } else { String::new() };
        return Err(wrong(format!("it has an unknown parameter{shown}")));
    };
    match kind.rule(value) {
        Some(rule) => Err(wrong(format!("its parameter `{name}` must be {rule}"))),
        None => Ok(()),
    }
}

/// What a parameter can be.
#[derive(Clone, Copy)]
enum Kind {
    Switch,
    Milliseconds,
    /// Without it, a connection that died without a word is never noticed; what is shorter the client leaves out.
    KeepAlive,
    /// With one the client gives up before it has tried.
    Attempts,
    Preference,
    Text,
    Certificate,
    PrivateKey,
}

impl Kind {
    /// The rule that a value breaks.
    fn rule(self, value: &str) -> Option<&'static str> {
        let number = value.parse::<u32>().ok();
        let (is_right, rule) = match self {
            Self::Text => return None,
            Self::Switch => (matches!(value, "true" | "false"), "`true` or `false`"),
            Self::Milliseconds => (number.is_some_and(|it| it > 0), "a number of milliseconds, at least 1"),
            Self::KeepAlive => {
                (number.is_some_and(|it| it >= 10_000), "a number of milliseconds, at least 10000")
            }
            Self::Attempts => (number.is_some_and(|it| it > 1), "a number, at least 2"),
            Self::Preference => {
                let known = ["leader", "follower", "random", "readonlyreplica"];
                let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(value));
                (is_known, "`leader`, `follower`, `random` or `readOnlyReplica`")
            }
            Self::Certificate => (
                has_pem(Path::new(value), "CERTIFICATE"),
                "a file with a certificate as PEM that this process can read",
            ),
            Self::PrivateKey => (
                has_pem(Path::new(value), "PRIVATE KEY"),
                "a file with a private key as PEM that this process can read",
            ),
        };
        (!is_right).then_some(rule)
    }
}

fn has_pem(path: &Path, block: &str) -> bool {
    let is_such = |line: &str| line.starts_with("-----BEGIN ") && line.contains(block);
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_such) && text.contains("-----END "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        Settings::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn what_is_right_is_taken_and_shown_without_a_password() {
        for (text, place) in [
            ("esdb://localhost:2113?tls=false", "localhost:2113"),
            ("kurrentdb://admin:s3cr3t@db.example", "db.example:2113"),
            ("esdb+discover://cluster.example:2113", "cluster.example:2113"),
            ("esdb://u:s3cr3t@a:1,b:2,c:3?tls=true&nodePreference=leader", "a:1,b:2,c:3"),
            ("esdb://u-1:s3cr3t-._~!$*+&'()@a:1,b:2?tls=true", "a:1,b:2"),
            ("esdb://a?connectionName=k@1", "a:2113"),
        ] {
            let settings = Settings::parse(text).expect(text);
            assert_eq!(settings.to_string(), place);
            assert!(!format!("{settings:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn what_somebody_chose_is_not_hurried() {
        for (text, expected) in [
            ("esdb://a", (100, 20)),
            ("esdb://a?tls=false", (100, 20)),
            ("esdb://a?maxDiscoverAttempts=5", (100, 5)),
            ("esdb://u:discoveryinterval@a?DISCOVERYINTERVAL=7&maxdiscoverattempts=9", (7, 9)),
        ] {
            let client = Settings::parse(text).expect(text).client;
            let found = (client.discovery_interval().as_millis(), client.max_discover_attempts());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_never_quoted() {
        for (text, part) in [
            ("http://localhost:2113", "begin with"),
            ("embeded", "begin with"),
            ("esdb://localhost:2113?tsl=false", "`tsl`"),
            ("esdb://localhost:2113?tls=maybe", "`tls`"),
            ("esdb://localhost:2113?keepaliveinterval=-1", "`keepAliveInterval`"),
            ("esdb://localhost:2113?tlsCaFile=/nowhere/ca.pem", "`tlsCaFile`"),
            ("esdb://localhost:2113?maxDiscoverAttempts=1", "`maxDiscoverAttempts` must be a number"),
            ("esdb://localhost:2113?gossipTimeout=0", "`gossipTimeout`"),
            ("esdb://localhost:2113?nodePreference=s3cr3t", "`nodePreference` must be `leader`"),
            ("esdb://u:s3cr3t@localhost:port", "no connection string"),
            ("esdb://localhost:2113/path?tls=false", "a path"),
            ("ESDB://localhost:2113", "small letters"),
            ("esdb://localhost:2113?tls=false ", "a space"),
            ("esdb://localhost?tls=true&TLS=true", "`tls` is given twice"),
            ("esdb://localhost?userCertFile=/nowhere", "needs a `userKeyFile`"),
            ("esdb://localhost?userKeyFile=/nowhere", "needs a `userCertFile`"),
            ("esdb://u:s3cr3t@localhost?keepAliveInterval=s3cr3t", "`keepAliveInterval`"),
            ("esdb://u:s3cr3t@s3cr3t@localhost", "only letters, digits"),
            ("esdb://u:s3cr3t#s3cr3t@localhost", "only letters, digits"),
            ("esdb://u:s3cr3t%40@localhost", "only letters, digits"),
            ("esdb://u:s3cr3t?s3cr3t@localhost", "only letters, digits"),
            ("esdb://u@x:s3cr3t?s3cr3t@localhost", "only letters, digits"),
            ("esdb://localhost?tls=false&TLSVERIFYCERT=false", "`tlsVerifyCert` is for TLS"),
            ("esdb://u:pa?hunter=s3cr3t@host", "an unknown parameter"),
            ("esdb://localhost?s3cr3t=1", "an unknown parameter"),
            ("esdb://localhost?keepAliveTimeout=500", "at least 10000"),
        ] {
            let error = error_of(text);
            assert!(error.contains(part), "{text}: {error}");
            for quoted in ["s3cr3t", "nowhere", "hunter"] {
                assert!(!error.contains(quoted), "{error}");
            }
        }
    }
}
