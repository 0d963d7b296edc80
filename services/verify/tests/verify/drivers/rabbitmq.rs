//! No driver, but as with those a real server has the last word on what is played elsewhere.

use keytrail_test_support::RabbitMq;
use serde_json::json;

use super::{Given, INVALID, LIMITED, UNREACHABLE, VALID, outcome};

const PASSWORD: &str = "open: sesame";

#[tokio::test]
async fn rabbitmq_says_what_a_password_is_worth() {
    let broker = RabbitMq::start().await;
    broker.user("watcher", PASSWORD, "policymaker,monitoring").await;
    broker.user("worker", PASSWORD, "").await;
    let fields = json!({"base_url": broker.management(), "username": "watcher", "password": PASSWORD});
    let good = Given { slug: "rabbitmq", fields };
    let report = good.report().await;
    assert_eq!((outcome(&report), report.identity.as_deref()), (VALID, Some("watcher")), "{report:?}");
    assert_eq!(report.scopes, ["monitoring", "policymaker"]);
    for (change, expected, message) in [
        (json!({"password": "wrong"}), INVALID, "rejects user or password"),
        (json!({"username": "nobody"}), INVALID, "rejects user or password"),
        (json!({"username": "worker"}), LIMITED, "may not use the management API"),
        (json!({"username": "worker", "password": "wrong"}), INVALID, "rejects user or password"),
    ] {
        good.but(change).is(expected, message).await;
    }
    drop(broker);
    good.is(UNREACHABLE, "could not be reached").await;
}
