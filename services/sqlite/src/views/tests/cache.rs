//! Rows that are kept ready are never stale.

use std::sync::Arc;

use keytrail_domain::alert::{AlertState, Severity};

use super::*;
use crate::views::hot::{Changed, Hot, Kept};

fn kept(version: i64, name: &str) -> Kept {
    Kept { number: 1, version, row: Arc::new(credential(acme(), 1, name)) }
}

#[test]
fn a_read_that_began_before_a_commit_puts_nothing_back() {
    let hot = Hot::new();
    let ticket = hot.ticket();
    hot.renew(Changed { credentials: vec![kept(2, "new")], ..Changed::default() });
    hot.keep(ticket, kept(1, "old"));
    assert_eq!(hot.get(credential_id(1)).unwrap().row.name, "new");
    hot.keep(hot.ticket(), kept(2, "same"));
    assert_eq!(hot.get(credential_id(1)).unwrap().row.name, "same");
}

#[tokio::test]
async fn a_row_shows_its_last_write_once_the_checkpoint_is_told() {
    let views = views().await;
    for number in 1..=50 {
        let name = number.to_string();
        project(&views, vec![event(acme(), number, &[put(credential(acme(), 1, &name))])]).await.unwrap();
        let found = views.credentials_by_id(acme(), &[credential_id(1)]).await.unwrap();
        assert_eq!(found[0].name, name);
        assert_eq!(names(&views, query(acme())).await, [name]);
    }
}

#[tokio::test]
async fn an_alert_shows_its_last_commit_to_its_own_tenant_and_nothing_of_a_batch_that_failed() {
    let views = views().await;
    let alert = |state| AlertRow { tenant: acme(), state, ..rows::alert(1, 1, state, Severity::Warning) };
    let put = |state| Put::Alert(Box::new(alert(state)));
    let found = async |tenant| {
        let found = views.alert(tenant, alert(AlertState::Open).id).await.unwrap();
        found.map(|row| row.state)
    };
    project(&views, vec![event(acme(), 1, &[put(AlertState::Open)]), event(other(), 2, &[])]).await.unwrap();
    assert_eq!(found(acme()).await, Some(AlertState::Open));
    assert_eq!(found(other()).await, None);
    let failing = vec![event(acme(), 3, &[put(AlertState::Resolved), Put::Fail])];
    project(&views, failing).await.unwrap_err();
    assert_eq!(found(acme()).await, Some(AlertState::Open));
    let twice = [put(AlertState::Resolved), put(AlertState::Acknowledged)];
    project(&views, vec![event(acme(), 3, &twice)]).await.unwrap();
    assert_eq!(found(acme()).await, Some(AlertState::Acknowledged));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_beside_a_writer_never_see_a_row_go_back() {
    const WRITES: u64 = 300;
    let views = Arc::new(views().await);
    let writing = async {
        for number in 1..=WRITES {
            let mut row = credential(acme(), 1, "one");
            row.revision = number;
            project(&views, vec![event(acme(), number, &[put(row)])]).await.unwrap();
        }
    };
    let reading = async {
        let mut seen = 0;
        while seen < WRITES {
            let told = views.checkpoint().await.unwrap().map_or(0, |at| at.commit);
            let by_id = views.credentials_by_id(acme(), &[credential_id(1)]).await.unwrap();
            let revision = by_id.first().map_or(0, |row| row.revision);
            assert!(revision >= told.max(seen), "{revision} after {seen}, told {told}");
            seen = revision;
            let listed = views.credentials(query(acme())).await.unwrap();
            assert!(listed.rows.iter().all(|(_, row)| row.revision >= seen));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writing, reading);
}
