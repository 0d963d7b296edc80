//! What `serve` and `dev` ask of the settings, above what each setting asks itself.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;

use super::{Config, ConfigError, EventLog, Issuer, Source, Switch, Vault};

/// Where `dev` keeps its data when nobody says otherwise.
pub(crate) const DEV_DATA_DIR: &str = "./keytrail-dev-data";

/// What a server, and its data directory, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Trying out on one machine.
    Dev,
    /// Real use.
    Serve,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Serve => "serve",
        })
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

impl Config {
    /// The settings as they hold for this kind of server.
    ///
    /// # Errors
    /// [`ConfigError::Together`] when they would make such a server unsafe or unreachable.
    pub fn in_mode(self, mode: Mode) -> Result<Self, ConfigError> {
        match mode {
            Mode::Dev => self.for_dev(),
            Mode::Serve => self.for_serve(),
        }
    }

    fn for_serve(self) -> Result<Self, ConfigError> {
        if is_loopback(self.listen) {
            return Ok(self);
        }
        let listen = self.listen;
        if self.tls.is_none() && self.trusted_proxies.is_empty() {
            return Err(ConfigError::together(
                format!("other machines can reach {listen}, and tokens would cross the network in the clear"),
                "set KEYTRAIL_TLS_CERT_FILE and KEYTRAIL_TLS_KEY_FILE, or KEYTRAIL_TRUSTED_PROXIES to the \
                 addresses of the proxies that end TLS, or listen on 127.0.0.1",
            ));
        }
        if self.issuer == (Issuer::Builtin { chosen: None }) {
            return Err(ConfigError::together(
                format!(
                    "other machines can reach {listen}, and only the built-in issuer vouches for callers"
                ),
                "set KEYTRAIL_JWT_ISSUER to an outside issuer, or KEYTRAIL_BUILTIN_ISSUER=on if you mean it",
            ));
        }
        if listen.ip().to_canonical().is_unspecified() && self.public_url.is_none() {
            return Err(ConfigError::together(
                format!("{listen} is no address that a client can use, and answers contain our address"),
                "set KEYTRAIL_PUBLIC_URL, for example https://keytrail.example.com",
            ));
        }
        Ok(self)
    }

    fn for_dev(mut self) -> Result<Self, ConfigError> {
        let addresses = [Some(self.listen), self.metrics_listen];
        if let Some(open) = addresses.into_iter().flatten().find(|address| !is_loopback(*address)) {
            return Err(ConfigError::together(
                format!("other machines can reach {open}, and `keytrail dev` is for this machine only"),
                "listen on 127.0.0.1, or use `keytrail serve`",
            ));
        }
        if self.event_log != EventLog::Embedded
            || !matches!(self.vault, Vault::Embedded { .. })
            || !matches!(self.issuer, Issuer::Builtin { .. })
        {
            return Err(ConfigError::together(
                "`keytrail dev` has event log, vault and issuer embedded, and the settings name outside ones",
                "unset KEYTRAIL_EVENT_LOG, KEYTRAIL_VAULT and KEYTRAIL_JWT_ISSUER, or use `keytrail serve`",
            ));
        }
        self.issuer = Issuer::Builtin { chosen: Some(Switch::On) };
        self.allowed_networks.extend(loopback());
        if self.data_dir.source == Source::Default {
            self.data_dir.path = PathBuf::from(DEV_DATA_DIR);
        }
        Ok(self)
    }
}

/// What `dev` may reach, so that examples can run against this machine.
fn loopback() -> [IpNet; 2] {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let v6 = IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let v4 = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    [IpNet::V4(v4), v6]
}
