//! What the transport puts beside each GraphQL request for resolvers to read.
//!
//! A `keytrail_domain::Principal` lies beside these; when it is absent the caller is anonymous and
//! resolvers answer `UNAUTHENTICATED`.

use std::{fmt, net::IpAddr};

use async_graphql::Result;
use tokio::sync::OnceCell;
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

/// The `Keytrail-After` header: answer only when the views have seen this sealed position. A request
/// waits once, whatever it asks for.
#[derive(Debug)]
pub struct AfterPosition {
    position: String,
    waited: OnceCell<Result<()>>,
}

impl AfterPosition {
    /// For one request.
    pub fn new(position: String) -> Self {
        Self { position, waited: OnceCell::new() }
    }

    /// What is to be waited for.
    pub fn position(&self) -> &str {
        &self.position
    }

    /// What came of the request's one wait.
    pub(crate) async fn once(&self, wait: impl Future<Output = Result<()>>) -> Result<()> {
        self.waited.get_or_init(|| wait).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, failure};

    #[tokio::test]
    async fn a_request_waits_once_and_all_of_its_fields_have_the_same_answer() {
        let after = AfterPosition::new("pos_1".to_owned());
        let late = || async { Err(failure(Code::Unavailable, "late")) };
        assert!(after.once(late()).await.is_err());
        let again = after.once(async { unreachable!("it has waited already") }).await;
        assert_eq!(again.expect_err("the same answer").message, "late");
    }
}
