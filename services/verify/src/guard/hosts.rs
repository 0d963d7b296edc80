//! Which hosts may get a secret: `name` or `name:port`, compared exactly.

use url::{Host, Url};

/// The hosts that one credential may be sent to.
///
/// Names are compared after lower-casing, IDNA and removal of one trailing dot; an entry without
/// a port means the default port of the scheme or protocol that is used. There are no wildcards. An entry that
/// is no host matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Host<String>,
    port: Option<u16>,
}

impl AllowedHosts {
    /// Reads the entries.
    pub fn new<T: AsRef<str>>(entries: &[T]) -> Self {
        Self(entries.iter().filter_map(|entry| Entry::parse(entry.as_ref())).collect())
    }

    /// True for a text that can stand in the list: `name` or `name:port`.
    pub fn is_entry(text: &str) -> bool {
        Entry::parse(text).is_some()
    }

    /// True when a request to this address may be made.
    pub fn admit(&self, url: &Url) -> bool {
        let Some(host) = url.host().and_then(|host| plain(host.to_owned())) else { return false };
        let Some(usual) = default_port(url.scheme()) else { return false };
        self.admit_host(&host, url.port().unwrap_or(usual), usual)
    }

    /// True when a connection to this host and port may be made. `usual` is the port of entries
    /// that name none.
    pub(super) fn admit_host(&self, host: &Host<String>, port: u16, usual: u16) -> bool {
        self.0.iter().any(|entry| entry.host == *host && entry.port.unwrap_or(usual) == port)
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !text.ends_with(']') => (name, Some(port_number(port)?)),
            _ => (text, None),
        };
        Some(Self { host: plain(Host::parse(name).ok()?)?, port })
    }
}

/// Only digits: `parse` alone would take `+443`.
fn port_number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The host without a trailing dot; none when what is left is no plain name (URL parsers take
/// more, such as `*`).
pub(super) fn plain(host: Host<String>) -> Option<Host<String>> {
    let Host::Domain(name) = host else { return Some(host) };
    let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
    (!name.is_empty() && !name.ends_with('.') && name.bytes().all(good)).then_some(Host::Domain(name))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// The entry that admits this address: its host, and its port when that is not the scheme's default.
pub fn entry_for(url: &Url) -> Option<String> {
    let host = plain(url.host()?.to_owned())?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(entry: &str, url: &str) -> bool {
        AllowedHosts::new(&[entry]).admit(&Url::parse(url).unwrap())
    }

    #[test]
    fn names_are_compared_after_normalising() {
        for (entry, url) in [
            ("api.github.com", "https://api.github.com/user"),
            ("API.GitHub.com.", "https://api.github.com/"),
            ("api.github.com", "https://API.GITHUB.COM./"),
            ("api.github.com:443", "https://api.github.com/"),
            ("api.github.com", "https://api.github.com:443/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
            ("git.corp:8443", "https://git.corp:8443/"),
            ("git.corp", "http://git.corp/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("[::1]", "https://[0:0::1]/"),
            ("127.0.0.1:80", "http://0x7f.1/"),
        ] {
            assert!(admits(entry, url), "{entry} {url}");
        }
    }

    #[test]
    fn nothing_else_matches() {
        for (entry, url) in [
            ("api.github.com", "https://github.com/"),
            ("github.com", "https://api.github.com/"),
            ("github.com", "https://github.com.evil.example/"),
            ("github.com", "https://github.com:8443/"),
            ("github.com", "http://github.com:443/"),
            ("git.corp:8443", "https://git.corp/"),
            ("*.github.com", "https://api.github.com/"),
            ("*", "https://api.github.com/"),
            ("", "https://api.github.com/"),
            ("github.com:", "https://github.com/"),
            ("github.com:+443", "https://github.com/"),
            ("github.com/", "https://github.com/"),
            ("https://github.com", "https://github.com/"),
            ("user@github.com", "https://github.com/"),
            ("github.com..", "https://github.com/"),
            ("127.0.0.1", "https://[::ffff:127.0.0.1]/"),
        ] {
            assert!(!admits(entry, url), "{entry} {url}");
        }
    }

    #[test]
    fn the_entry_of_an_address_admits_it() {
        for url in ["https://API.github.com./x", "http://[::1]:8080/", "https://git.corp:8443", "http://a.b/"]
        {
            let url = Url::parse(url).unwrap();
            assert!(AllowedHosts::new(&[entry_for(&url).unwrap()]).admit(&url), "{url}");
        }
    }
}
