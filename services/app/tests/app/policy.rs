//! The policy in force stands in each tenant's log.

use keytrail_app::NewTenant;
use keytrail_domain::{Who, policy::PolicyEvent};

use crate::world::World;

#[tokio::test]
async fn each_tenant_has_the_policy_in_force_once() {
    let world = World::start().await;
    let new = NewTenant {
        slug: "other".into(),
        name: "Other".into(),
        owner_subject: "mallory".into(),
        owner_issuer: None,
        owner_profile: None,
    };
    world.app.create_tenant(new).await.unwrap();
    world.app.record_policy().await.unwrap();
    let again = world.again().await;
    again.app.record_policy().await.unwrap();
    let mut recorded = again.everything().await;
    recorded.retain(|event| event.event_type == "PolicyLoaded");
    assert_eq!(recorded.len(), 2, "two tenants, once each");
    assert_ne!(recorded[0].stream.tenant_id(), recorded[1].stream.tenant_id());
    for event in recorded {
        assert_eq!(event.meta().unwrap().actor.who, Who::System("policy".into()));
        let PolicyEvent::Loaded { model, roles } = event.decode().unwrap();
        assert!(model.contains("[matchers]") && roles.contains("p, tenant, OWNER, update"));
    }
}
