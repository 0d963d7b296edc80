use keytrail_domain::component::Component;

use super::*;

fn version(tenant: TenantId, slug: &str, number: u32, deleted: bool) -> ComponentRow {
    ComponentRow {
        tenant,
        component: Component {
            slug: slug.to_owned(),
            name: format!("{slug} {number}"),
            version: number,
            ..serde_json::from_value(serde_json::json!({
                "slug": "", "name": "", "version": 1, "kind": "CUSTOM", "description": "", "authStyle": "",
                "fields": {}, "allowedHosts": [],
            }))
            .unwrap()
        },
        at: time(number.into()),
        by: Actor::operator(),
        deleted_at: deleted.then(|| time(99)),
        revision: number.into(),
    }
}

fn put_version(row: &ComponentRow) -> Put {
    Put::Component(Box::new(row.clone()))
}

async fn present(views: &SqliteViews, tenant: TenantId) -> Vec<(String, u32)> {
    let rows = views.components(tenant).await.unwrap();
    rows.into_iter().map(|row| (row.component.slug, row.component.version)).collect()
}

#[tokio::test]
async fn the_version_put_last_is_the_present_one_and_all_can_be_read() {
    let views = views().await;
    let (one, two) = (version(acme(), "acme/erp", 1, false), version(acme(), "acme/erp", 2, false));
    let crm = version(acme(), "acme/crm", 1, false);
    let puts = [put_version(&one), put_version(&two), put_version(&crm)];
    project(&views, vec![event(acme(), 1, &puts)]).await.unwrap();
    assert_eq!(present(&views, acme()).await, [("acme/crm".to_owned(), 1), ("acme/erp".to_owned(), 2)]);
    for (asked, expected) in [(None, &two), (Some(1), &one), (Some(2), &two)] {
        let found = views.component(acme(), "acme/erp", asked).await.unwrap();
        assert_eq!(found.as_ref(), Some(expected));
    }
    assert_eq!(views.component(acme(), "acme/erp", Some(3)).await.unwrap(), None);
    assert_eq!(views.component(other(), "acme/erp", None).await.unwrap(), None);
    assert_eq!(present(&views, other()).await, []);
}

#[tokio::test]
async fn a_deleted_one_is_not_present_and_its_versions_stay() {
    let views = views().await;
    let (one, gone) = (version(acme(), "acme/erp", 1, false), version(acme(), "acme/erp", 2, true));
    project(&views, vec![event(acme(), 1, &[put_version(&one), put_version(&gone)])]).await.unwrap();
    assert_eq!(present(&views, acme()).await, []);
    assert_eq!(views.component(acme(), "acme/erp", None).await.unwrap(), None);
    assert_eq!(views.component(acme(), "acme/erp", Some(2)).await.unwrap(), Some(gone));
}
