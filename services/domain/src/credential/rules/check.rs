//! Checks of inputs that several rules share.

use crate::{
    FieldError, Refusal,
    credential::{EXTERNAL_ID_LEN, NAME_LEN},
    text::line,
};

/// Most hosts that a secret may be sent to.
const MOST_HOSTS: usize = 32;
/// Longest host with port, in bytes (RFC 1035 names and five digits).
const HOST_LEN: usize = 260;
/// Longest reason, in bytes.
const REASON_LEN: usize = 1_000;

/// A name: trimmed, not empty, plain.
pub(crate) fn name(name: &str) -> Result<String, Refusal> {
    line("name", name, NAME_LEN)
}

/// A reason: somebody will read it later.
pub(crate) fn reason(reason: &str) -> Result<String, Refusal> {
    line("reason", reason, REASON_LEN)
}

/// The caller's own id.
pub(crate) fn external_id(id: Option<&str>) -> Result<Option<String>, Refusal> {
    id.map(|id| line("externalId", id, EXTERNAL_ID_LEN)).transpose()
}

/// Hosts: names or addresses, with a port or without; in lower case, each once.
pub(crate) fn hosts(hosts: &[String]) -> Result<Vec<String>, Refusal> {
    if hosts.len() > MOST_HOSTS {
        return Err(Refusal::invalid("allowedHosts", format!("at most {MOST_HOSTS} hosts are allowed")));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let mut clean: Vec<String> = Vec::new();
    let mut errors = Vec::new();
    for (place, host) in hosts.iter().enumerate() {
        let host = host.trim().to_ascii_lowercase();
        if host.is_empty() || host.len() > HOST_LEN || !host.chars().all(plain) {
            let path = format!("allowedHosts.{place}");
            errors.push(FieldError::new(path, "must be a host name or address, with `:port` or without"));
        } else if !clean.contains(&host) {
            clean.push(host);
        }
    }
    if errors.is_empty() { Ok(clean) } else { Err(Refusal::Invalid(errors)) }
}
