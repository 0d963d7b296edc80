//! A credential of a database that really runs.

use keytrail_test_support::Postgres;
use serde_json::{Value, json};

use crate::harness::{World, mutation};

const CHECKED: &str = "report { verdict message } credential { status }";

#[tokio::test]
async fn a_password_that_is_changed_in_the_server_is_found_to_be_invalid() {
    let server = Postgres::start().await;
    server.sql("create role app login password 'the first one'").await;
    let world = World::start().await;
    let input = |password: &str| {
        let fields = json!({
            "host": "localhost", "port": server.port(), "database": "postgres", "username": "app",
            "password": password, "ca": server.authority().pem(),
        });
        json!({ "component": "postgres", "name": "Shop", "fields": fields })
    };
    let refused = world.alice.refused("createCredential", input("a wrong one")).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("REFUSED"), &json!("VERIFICATION_FAILED")));

    let id = world.alice.create(input("the first one")).await;
    let selection = "status allowedHosts lastVerification { verdict identity }";
    let seen = world.alice.credential(&id, selection).await;
    let host = format!("localhost:{}", server.port());
    let last = json!({ "verdict": "VALID", "identity": "app" });
    assert_eq!(seen, json!({ "status": "VALID", "allowedHosts": [host], "lastVerification": last }));

    server.sql("alter role app password 'the second one'").await;
    let verified = verify(&world, &id).await;
    assert_eq!(verified["report"]["verdict"], "INVALID", "{verified}");
    assert_eq!(verified["credential"]["status"], "INVALID");

    let rotated = json!({ "credentialId": id, "fields": { "password": "the second one" } });
    let rotated = world.alice.mutate("rotateCredential", "credential { status }", rotated).await;
    assert_eq!(rotated["credential"]["status"], "VALID");
}

/// Asks the server now.
async fn verify(world: &World, id: &str) -> Value {
    let query = mutation("verifyCredential", CHECKED);
    let input = json!({ "credentialId": id });
    world.alice.data(&query, json!({ "input": input })).await["verifyCredential"].clone()
}
