//! The promises of the ports as tests: one function per promise, run on every adapter.
//!
//! An adapter's tests say one line, for example
//! `keytrail_ports::event_store_contract!(async { SqliteEventStore::in_memory().unwrap() });`, and
//! each case becomes a `#[tokio::test]` of its own on a fresh store. A case makes tenants of its
//! own and asks for nothing about the rest of the store, so that it also runs on a shared server.

pub mod event_store;
pub mod journal;
pub mod secret_store;

use std::{future::Future, time::Duration};

use keytrail_domain::TenantId;

use crate::{Clock, Ids, SystemClock, SystemIds};

/// A case that hangs has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tenant that nobody else has.
fn fresh_tenant() -> TenantId {
    TenantId::from_uuid(fresh_id())
}

fn fresh_id() -> uuid::Uuid {
    SystemIds.fresh(SystemClock.now())
}

/// The future's value; panics when it does not come.
async fn in_time<F: Future>(what: F) -> F::Output {
    let answer = tokio::time::timeout(PATIENCE, what).await;
    assert!(answer.is_ok(), "nothing came in {PATIENCE:?}");
    #[expect(clippy::unwrap_used, reason = "just asserted")]
    answer.unwrap()
}

/// Makes each listed case a test on the store that the expression makes.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($suite:ident, $fresh:expr, $($case:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::$suite::$case($fresh.await).await;
        }
    )*};
}
