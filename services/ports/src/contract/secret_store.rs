//! The promises of [`SecretStore`], one case each.
//!
//! Cases use tenants of their own, so many may share one vault; only the deployment mark wants a
//! store that nobody used before.

#![expect(clippy::expect_used, reason = "a broken promise fails the test with a sentence")]

use std::error::Error;

use futures_util::future::join_all;
use keytrail_domain::{EventId, Position, SecretId, SecretPayload, SecretRef, SecretValue, TenantId};
use uuid::Uuid;

use crate::{Clock, DeploymentMark, Ids, SecretError, SecretStore, SystemClock, SystemIds};

/// A text that must not turn up anywhere.
const CANARY: &str = "canary-7f3a-do-not-show";

/// Makes each promise of [`SecretStore`] a `#[tokio::test]` on a fresh store.
///
/// The argument is a future of the store and of whatever must live as long as it does (a
/// temporary folder, or `()`). With `in one test:` before it, all cases run after each other on
/// one store, for servers that take seconds to start.
#[macro_export]
macro_rules! secret_store_contract {
    (@cases $how:ident $fresh:expr) => {
        $crate::secret_store_contract! { @$how $fresh;
            what_was_put_comes_back_unchanged
            a_second_put_is_refused_and_changes_nothing
            of_many_puts_at_one_place_exactly_one_wins
            a_place_never_written_is_missing
            a_deleted_secret_is_missing_until_it_is_undeleted
            a_destroyed_secret_never_comes_back
            delete_undelete_and_destroy_can_be_repeated_and_said_of_nothing
            a_place_is_written_once_even_after_delete_and_destroy
            a_list_names_live_secrets_with_their_times
            a_list_knows_one_tenant_only
            the_places_of_one_owner_are_his_and_all_of_them
            a_secret_is_read_at_its_own_place_only
            the_deployment_mark_keeps_its_last_value
            errors_tell_nothing_of_a_payload
            a_store_in_order_says_so
        }
    };
    (@each $fresh:expr; $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (store, _kept) = $fresh.await;
            $crate::contract::secret_store::$case(&store).await;
        }
    )*};
    (@together $fresh:expr; $($case:ident)*) => {
        #[tokio::test]
        async fn every_promise_of_a_secret_store_is_kept() {
            let (store, _kept) = $fresh.await;
            $(
                println!("{}", stringify!($case));
                $crate::contract::secret_store::$case(&store).await;
            )*
        }
    };
    (in one test: $fresh:expr) => {
        $crate::secret_store_contract! { @cases together $fresh }
    };
    ($fresh:expr) => {
        $crate::secret_store_contract! { @cases each $fresh }
    };
}

fn fresh() -> Uuid {
    SystemIds.fresh(SystemClock.now())
}

fn somewhere() -> SecretRef {
    somewhere_of(TenantId::from_uuid(fresh()))
}

fn somewhere_of(tenant: TenantId) -> SecretRef {
    SecretRef { tenant, owner: fresh(), secret: SecretId::from_uuid(fresh()) }
}

fn payload(value: &str) -> SecretPayload {
    SecretPayload::new([("token".to_owned(), SecretValue::new(value.to_owned()))])
}

async fn put(store: &dyn SecretStore, at: SecretRef, value: &str) {
    store.put(at, &payload(value)).await.expect("a put at a new place");
}

async fn assert_holds(store: &dyn SecretStore, at: SecretRef, value: &str) {
    let found = store.get(at).await.expect("the secret is there");
    assert!(found == payload(value), "another payload than the one that was put");
}

async fn assert_missing(store: &dyn SecretStore, at: SecretRef) {
    let found = store.get(at).await;
    assert!(matches!(found, Err(SecretError::Missing)), "expected Missing, got {found:?}");
}

/// Promise 1.
pub async fn what_was_put_comes_back_unchanged(store: &dyn SecretStore) {
    let texts =
        ["", " ", "plain", "päß 🔑 \u{202e}", "\0\n\r\t\"\\{}</script>", "../../x", &"long ".repeat(20_000)];
    let odd = texts.iter().enumerate().map(|(n, text)| (format!("{n} \"ä/.. \0"), (*text).to_owned()));
    let odd = SecretPayload::new(odd.map(|(name, text)| (name, SecretValue::new(text))));
    for kept in [odd, SecretPayload::default()] {
        let at = somewhere();
        store.put(at, &kept).await.expect("a put at a new place");
        assert!(
            store.get(at).await.expect("it was put") == kept,
            "another payload than the one that was put"
        );
    }
}

/// Promise 2.
pub async fn a_second_put_is_refused_and_changes_nothing(store: &dyn SecretStore) {
    let at = somewhere();
    put(store, at, "first").await;
    for again in ["first", "second"] {
        let outcome = store.put(at, &payload(again)).await;
        assert!(matches!(outcome, Err(SecretError::Exists)), "expected Exists, got {outcome:?}");
    }
    assert_holds(store, at, "first").await;
}

/// Promise 2, while many run.
pub async fn of_many_puts_at_one_place_exactly_one_wins(store: &dyn SecretStore) {
    let at = somewhere();
    let payloads: Vec<_> = (0..8).map(|n| payload(&n.to_string())).collect();
    let outcomes = join_all(payloads.iter().map(|one| store.put(at, one))).await;
    let winners: Vec<_> = (0..8).filter(|&n| outcomes[n].is_ok()).collect();
    let losers = outcomes.iter().filter(|it| matches!(it, Err(SecretError::Exists))).count();
    assert_eq!((winners.len(), losers), (1, 7), "{outcomes:?}");
    assert_holds(store, at, &winners[0].to_string()).await;
}

/// Promise 3.
pub async fn a_place_never_written_is_missing(store: &dyn SecretStore) {
    assert_missing(store, somewhere()).await;
}

/// Promises 3 and 4.
pub async fn a_deleted_secret_is_missing_until_it_is_undeleted(store: &dyn SecretStore) {
    let at = somewhere();
    put(store, at, "kept").await;
    store.delete(at).await.expect("delete");
    assert_missing(store, at).await;
    store.undelete(at).await.expect("undelete");
    assert_holds(store, at, "kept").await;
}

/// Promises 3 and 4.
pub async fn a_destroyed_secret_never_comes_back(store: &dyn SecretStore) {
    let (live, deleted) = (somewhere(), somewhere());
    for at in [live, deleted] {
        put(store, at, "gone").await;
    }
    store.delete(deleted).await.expect("delete");
    for at in [live, deleted] {
        store.destroy(at).await.expect("destroy");
        assert_missing(store, at).await;
        store.undelete(at).await.expect("undelete of a destroyed secret is no error");
        assert_missing(store, at).await;
    }
}

/// Promise 4.
pub async fn delete_undelete_and_destroy_can_be_repeated_and_said_of_nothing(store: &dyn SecretStore) {
    let (written, nowhere) = (somewhere(), somewhere());
    put(store, written, "kept").await;
    for at in [written, nowhere] {
        for _ in 0..2 {
            store.delete(at).await.expect("delete");
        }
        for _ in 0..2 {
            store.undelete(at).await.expect("undelete");
        }
    }
    assert_holds(store, written, "kept").await;
    for at in [written, nowhere, written, nowhere] {
        store.destroy(at).await.expect("destroy");
        assert_missing(store, at).await;
    }
}

/// Promise 2: a place is never used twice.
pub async fn a_place_is_written_once_even_after_delete_and_destroy(store: &dyn SecretStore) {
    let at = somewhere();
    put(store, at, "first").await;
    store.delete(at).await.expect("delete");
    let after_delete = store.put(at, &payload("second")).await;
    assert!(matches!(after_delete, Err(SecretError::Exists)), "expected Exists, got {after_delete:?}");
    store.destroy(at).await.expect("destroy");
    let after_destroy = store.put(at, &payload("third")).await;
    assert!(matches!(after_destroy, Err(SecretError::Exists)), "expected Exists, got {after_destroy:?}");
}

/// Promise 5.
pub async fn a_list_names_live_secrets_with_their_times(store: &dyn SecretStore) {
    let tenant = TenantId::from_uuid(fresh());
    let owner = fresh();
    let of_one_owner = || SecretRef { tenant, owner, secret: SecretId::from_uuid(fresh()) };
    let places =
        [of_one_owner(), of_one_owner(), somewhere_of(tenant), somewhere_of(tenant), somewhere_of(tenant)];
    let before = SystemClock.now();
    for at in places {
        put(store, at, "listed").await;
    }
    store.delete(places[1]).await.expect("delete");
    store.destroy(places[3]).await.expect("destroy");
    store.delete(places[4]).await.expect("delete");
    store.undelete(places[4]).await.expect("undelete");

    let listed = store.list(tenant).await.expect("a list");
    let mut found: Vec<_> = listed.iter().map(|stored| stored.at).collect();
    let mut wanted = vec![places[0], places[2], places[4]];
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    // A minute of tolerance: a remote vault has a clock of its own.
    let (early, late) = (before.plus_seconds(-60), SystemClock.now().plus_seconds(60));
    assert!(listed.iter().all(|it| early < it.written && it.written < late), "{listed:?}");
}

/// Promise 5.
pub async fn a_list_knows_one_tenant_only(store: &dyn SecretStore) {
    let (one, other) = (somewhere(), somewhere());
    put(store, one, "one").await;
    put(store, other, "other").await;
    let tenants = store.tenants().await.expect("tenants");
    assert!(tenants.contains(&one.tenant) && tenants.contains(&other.tenant));
    let listed: Vec<_> = store.list(one.tenant).await.expect("a list").iter().map(|it| it.at).collect();
    assert_eq!(listed, [one]);
    let nobody = TenantId::from_uuid(fresh());
    assert!(store.list(nobody).await.expect("a list").is_empty() && !tenants.contains(&nobody));
}

/// Promise 10.
pub async fn the_places_of_one_owner_are_his_and_all_of_them(store: &dyn SecretStore) {
    let (first, other) = (somewhere(), somewhere());
    let second = SecretRef { secret: SecretId::from_uuid(fresh()), ..first };
    let neighbour = somewhere_of(first.tenant);
    let namesake = SecretRef { owner: first.owner, ..other };
    assert_eq!(store.places(first.tenant, first.owner).await.expect("none"), []);
    for at in [first, second, neighbour, namesake] {
        put(store, at, "x").await;
    }
    let mut places = store.places(first.tenant, first.owner).await.expect("places");
    places.sort_unstable();
    let mut his = [first, second];
    his.sort_unstable();
    assert_eq!(places, his);
    store.destroy(first).await.expect("destroyed");
    assert!(store.places(first.tenant, first.owner).await.expect("places").contains(&second));
}

/// Promise 6, as far as the port can see it; adapters that own files prove the rest.
pub async fn a_secret_is_read_at_its_own_place_only(store: &dyn SecretStore) {
    let at = somewhere();
    put(store, at, "mine").await;
    let other = somewhere();
    for elsewhere in [
        SecretRef { tenant: other.tenant, ..at },
        SecretRef { owner: other.owner, ..at },
        SecretRef { secret: other.secret, ..at },
    ] {
        assert_missing(store, elsewhere).await;
    }
}

/// Promise 7.
pub async fn the_deployment_mark_keeps_its_last_value(store: &dyn SecretStore) {
    assert_eq!(store.deployment().await.expect("no mark is no error"), None);
    let log_id = fresh();
    for position in [Position::nth(7), Position { commit: u64::MAX, prepare: u64::MAX - 1 }, Position::nth(3)]
    {
        let event = Some(EventId::from_uuid(fresh()));
        let mark = DeploymentMark { log_id, position, event };
        store.set_deployment(mark).await.expect("a mark");
        assert_eq!(store.deployment().await.expect("the mark"), Some(mark));
    }
}

/// Promise 9, for the errors that any store can be brought to.
pub async fn errors_tell_nothing_of_a_payload(store: &dyn SecretStore) {
    let at = somewhere();
    put(store, at, CANARY).await;
    let again = store.put(at, &payload(CANARY)).await.expect_err("a second put");
    store.delete(at).await.expect("delete");
    let hidden = store.get(at).await.expect_err("a deleted secret");
    for error in [&again, &hidden] {
        assert!(!chain(error).contains(CANARY), "an error shows a payload");
    }
}

/// Promise 8, in good weather.
pub async fn a_store_in_order_says_so(store: &dyn SecretStore) {
    store.health().await.expect("a fresh store is in order");
}

/// Text and debug text of an error and of everything below it.
fn chain(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("{error} {error:?}\n"));
        next = error.source();
    }
    text
}
