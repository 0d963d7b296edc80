//! Names to addresses, of which only the allowed ones come through.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Guard, GuardError, Transport};

/// A name service.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of a name.
    ///
    /// # Errors
    /// The name has none, or the service does not answer; around a [`GuardError`] of ours, that.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The addresses of a name that may be connected to. What a caller gets here, he must connect to
/// as it is: asking for the name again could give another answer.
///
/// # Errors
/// [`GuardError::Unreachable`] when the name has no address, [`GuardError::Timeout`] when the name service
/// has not answered for a while, [`GuardError::Busy`] when it was not asked, [`GuardError::AddressNotAllowed`] when there is no address that may be reached.
pub async fn resolve(
    guard: &Guard,
    lookup: &dyn Lookup,
    name: &str,
    transport: Transport,
) -> Result<Vec<IpAddr>, GuardError> {
    let found = lookup.lookup(name).await.map_err(|error| why_no_address(&error))?;
    if found.is_empty() {
        return Err(GuardError::Unreachable);
    }
    let allowed: Vec<_> = found.into_iter().filter(|address| guard.admits(*address, transport)).collect();
    if allowed.is_empty() { Err(GuardError::AddressNotAllowed) } else { Ok(allowed) }
}

fn why_no_address(error: &io::Error) -> GuardError {
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<GuardError>());
    match (ours, error.kind()) {
        (Some(ours), _) => *ours,
        (None, io::ErrorKind::TimedOut) => GuardError::Timeout,
        (None, _) => GuardError::Unreachable,
    }
}

/// The guarded name service as the HTTP client asks it, once for each connection. The client
/// connects to the answer itself, so nothing can change between check and use.
pub(super) struct GuardedNames {
    pub(super) guard: Arc<Guard>,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) transport: Transport,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup, transport) = (Arc::clone(&self.guard), Arc::clone(&self.lookup), self.transport);
        Box::pin(async move {
            let found = resolve(&guard, lookup.as_ref(), name.as_str(), transport).await?;
            // Port 0 is replaced by the port of the URL.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
