//! The one way out: what a request may be, where it may go, and how long it may take.
//!
//! [`Guard`] judges addresses and URLs, [`Lookup`] with the guarded name service ([`resolve`]) turns names
//! into checked addresses, [`GuardedHttp`] speaks HTTP to them, and [`Dialer`] opens connections to them
//! for all other protocols.

mod address;
mod dial;
mod hosts;
mod http;
mod limit;
mod resolve;
mod system;
mod trust;

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

pub use dial::{Dialer, Dialled, Target, Wire};
pub use hosts::{AllowedHosts, entry_for};
pub use http::{Answer, GuardedHttp, HttpConfig, Outgoing, StartError};
pub use resolve::{Lookup, resolve};
pub use system::SystemLookup;
pub use trust::{Proof, Trust};

/// Why nothing was sent, or no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The credential may not be sent to this host.
    #[error("the host is not one of the allowed hosts")]
    HostNotAllowed,
    /// The host has no address that may be reached.
    #[error("the host's address is in a network that the operator does not allow")]
    AddressNotAllowed,
    /// Neither https nor http.
    #[error("only https, and http to networks that the operator allows, can be used")]
    SchemeNotAllowed,
    /// A name or password in the URL.
    #[error("the URL carries user information")]
    UserInformation,
    /// We have too much to do: it says nothing of the host.
    #[error("Keytrail has too many requests on their way: try again later")]
    Busy,
    /// The server's certificate is not good for its name.
    #[error("the host's certificate is not trusted")]
    NotTrusted,
    /// The server's side of a handshake was none.
    #[error("the host does not speak TLS as it was asked to")]
    NoTls,
    /// What the credential gives as its authority is none, or this machine has none.
    #[error("there is no certificate authority that could be trusted")]
    NoAuthorities,
    /// What the credential gives as its certificate and key is none.
    #[error("the certificate and its key cannot be used")]
    NoProof,
    /// No connection, or one that broke.
    #[error("the host could not be reached")]
    Unreachable,
    /// No whole answer in time.
    #[error("the host did not answer in time")]
    Timeout,
}

/// Whether an eavesdropper could read along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS.
    Encrypted,
    /// In the clear: only to networks that the operator named.
    Plain,
}

/// Where a request may go, besides what the guard says of addresses.
#[derive(Clone, Copy, Debug)]
pub enum Destinations<'a> {
    /// Only to the hosts of a credential.
    Only(&'a AllowedHosts),
    /// Anywhere public: the request carries no stored secret.
    Any,
}

/// Judges where Keytrail may connect to.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Vec<IpNet>,
}

impl Guard {
    /// A guard that lets through to public addresses, and to these networks.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// True when this very address may be connected to. An IPv4 address in IPv6 clothes is let
    /// through only by a network that names the IPv6 form.
    pub fn admits(&self, address: IpAddr, transport: Transport) -> bool {
        let named = self.allowed.iter().any(|network| network.contains(&address));
        named || (transport == Transport::Encrypted && address::is_public(address))
    }

    /// True when the operator named networks: only to those may something go in the clear.
    pub fn has_networks(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Checks all of a URL that can be checked before its name is looked up, and takes the
    /// trailing dot off the name. A host that is an address is judged here: no name service
    /// will see it.
    ///
    /// # Errors
    /// The first rule that it breaks; the destination is judged before anything else.
    pub fn admit_url(&self, url: &mut Url, to: Destinations<'_>) -> Result<Transport, GuardError> {
        if matches!(to, Destinations::Only(hosts) if !hosts.admit(url)) {
            return Err(GuardError::HostNotAllowed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(GuardError::UserInformation);
        }
        let transport = match url.scheme() {
            "https" => Transport::Encrypted,
            "http" => Transport::Plain,
            _ => return Err(GuardError::SchemeNotAllowed),
        };
        let host =
            url.host().and_then(|host| hosts::plain(host.to_owned())).ok_or(GuardError::Unreachable)?;
        match &host {
            Host::Domain(name) => url.set_host(Some(name)).map_err(|_| GuardError::Unreachable)?,
            Host::Ipv4(address) => self.admit_address((*address).into(), transport)?,
            Host::Ipv6(address) => self.admit_address((*address).into(), transport)?,
        }
        Ok(transport)
    }

    fn admit_address(&self, address: IpAddr, transport: Transport) -> Result<(), GuardError> {
        self.admits(address, transport).then_some(()).ok_or(GuardError::AddressNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        Guard::new(allowed.iter().map(|network| network.parse().unwrap()).collect())
    }

    fn verdict(allowed: &[&str], url: &str) -> Result<Transport, GuardError> {
        guard(allowed).admit_url(&mut Url::parse(url).unwrap(), Destinations::Any)
    }

    #[test]
    fn no_way_of_writing_a_local_address_gets_out() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "0",
            "0.0.0.0",
            "169.254.169.254",
            "0xa9fea9fe",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[fe80::1]",
            "[2002:7f00:1::]",
            "[fd00:ec2::254]",
        ] {
            assert_eq!(
                verdict(&[], &format!("https://{host}/")),
                Err(GuardError::AddressNotAllowed),
                "{host}"
            );
        }
    }

    #[test]
    fn the_operator_can_allow_a_network_and_only_that_is_then_reached_in_the_clear() {
        assert_eq!(verdict(&["127.0.0.0/8"], "http://127.0.0.1/"), Ok(Transport::Plain));
        assert_eq!(verdict(&["127.0.0.0/8"], "https://127.0.0.1/"), Ok(Transport::Encrypted));
        assert_eq!(verdict(&["127.0.0.0/8"], "https://10.0.0.1/"), Err(GuardError::AddressNotAllowed));
        assert_eq!(verdict(&["127.0.0.0/8"], "http://8.8.8.8/"), Err(GuardError::AddressNotAllowed));
        assert_eq!(
            verdict(&["127.0.0.0/8"], "http://[::ffff:127.0.0.1]/"),
            Err(GuardError::AddressNotAllowed)
        );
        assert_eq!(verdict(&["::ffff:0:0/96"], "http://[::ffff:127.0.0.1]/"), Ok(Transport::Plain));
        assert_eq!(verdict(&[], "https://8.8.8.8/"), Ok(Transport::Encrypted));
    }

    #[test]
    fn user_information_and_other_schemes_are_refused() {
        assert_eq!(verdict(&[], "https://a@b.example/"), Err(GuardError::UserInformation));
        assert_eq!(verdict(&[], "https://:p@b.example/"), Err(GuardError::UserInformation));
        for url in ["ftp://b.example/", "file:///etc/passwd", "gopher://b.example/", "ws://b.example/"] {
            assert_eq!(verdict(&[], url), Err(GuardError::SchemeNotAllowed), "{url}");
        }
    }

    #[test]
    fn an_address_with_a_zone_is_no_url() {
        assert!(
            Url::parse("https://[fe80::1%25eth0]/").is_err()
                && Url::parse("https://[fe80::1%eth0]/").is_err()
        );
    }

    #[test]
    fn the_destination_is_judged_before_anything_else() {
        let hosts = AllowedHosts::new(&["a.example"]);
        for url in ["https://b.example/", "https://x@b.example/", "ftp://b.example/", "http://127.0.0.1/"] {
            let verdict = guard(&[]).admit_url(&mut Url::parse(url).unwrap(), Destinations::Only(&hosts));
            assert_eq!(verdict, Err(GuardError::HostNotAllowed), "{url}");
        }
    }

    #[test]
    fn the_trailing_dot_goes() {
        let mut url = Url::parse("https://localhost./x").unwrap();
        guard(&[]).admit_url(&mut url, Destinations::Any).unwrap();
        assert_eq!(url.as_str(), "https://localhost/x");
    }
}
