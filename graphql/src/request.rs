//! What the transport puts beside each GraphQL request for resolvers to read.
//!
//! A `keytrail_domain::Principal` lies beside these; when it is absent the caller is anonymous and
//! resolvers answer `UNAUTHENTICATED`.

use std::{fmt, net::IpAddr};

use uuid::Uuid;

/// The id of one request: in its answer's header, in the logs, in every event that it causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address that the request came from, seen past trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// The `Keytrail-After` header: answer only when the views have seen this sealed position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterPosition(pub String);
