//! Environments: what is put into one is there for all who hold it, and for nobody else.

use serde_json::{Value, json};

use crate::harness::{Client, World, create_bearer, text};

async fn made(client: &Client, input: Value) -> String {
    text(&client.mutate("createEnvironment", "environment { id }", input).await["environment"]["id"])
}

async fn put_in(client: &Client, credential: &str, environment: &str, level: &str) {
    let input = json!({ "credentialId": credential, "granteeId": environment, "level": level });
    client.mutate("shareCredential", "visible", input).await;
}

async fn share(client: &Client, environment: &str, grantee: &str) {
    let input = json!({ "environmentId": environment, "granteeId": grantee });
    client.mutate("shareEnvironment", "visible", input).await;
}

/// Names of the credentials and connections that a caller sees, in order.
async fn seen(client: &Client) -> (Vec<String>, Vec<String>) {
    let order = "orderBy: { by: NAME }";
    let query = format!(
        "{{ credentials({order}) {{ nodes {{ name }} totalCount }} connections {{ nodes {{ name }} }} }}"
    );
    let seen = client.data(&query, Value::Null).await;
    let names = |list: &Value| {
        let nodes = list["nodes"].as_array().expect("nodes");
        nodes.iter().map(|node| text(&node["name"])).collect::<Vec<_>>()
    };
    let credentials = names(&seen["credentials"]);
    assert_eq!(seen["credentials"]["totalCount"], credentials.len());
    (credentials, names(&seen["connections"]))
}

fn nothing() -> (Vec<String>, Vec<String>) {
    (Vec::new(), Vec::new())
}

#[tokio::test]
async fn what_is_in_an_environment_is_there_for_all_who_hold_it_until_they_do_not() {
    let world = World::start().await;
    let alice = &world.alice;
    let (grafana, kube) =
        (create_bearer(alice, "Grafana", "a").await, create_bearer(alice, "Kube", "b").await);
    create_bearer(alice, "Outside", "c").await;
    let link = json!({ "component": "http-bearer", "name": "Cluster", "credentialIds": [grafana, kube] });
    let made_link = alice.mutate("createConnection", "connection { id }", link).await;
    let connection = text(&made_link["connection"]["id"]);
    let environment = made(alice, json!({ "name": "Production", "connectionIds": [connection] })).await;
    put_in(alice, &grafana, &environment, "USE").await;
    put_in(alice, &kube, &environment, "VIEW").await;
    assert_eq!(seen(&world.carol).await, nothing());

    share(alice, &environment, &world.carol_id).await;
    let both = (vec!["Grafana".to_owned(), "Kube".to_owned()], vec!["Cluster".to_owned()]);
    assert_eq!(seen(&world.carol).await, both);
    assert_eq!(seen(&world.bob).await, nothing(), "bob holds nothing");
    let permitted = world.carol.credential(&grafana, "viewerPermissions").await;
    assert!(permitted["viewerPermissions"].as_array().expect("list").contains(&json!("VERIFY")));
    assert_eq!(
        world.carol.credential(&kube, "viewerPermissions").await["viewerPermissions"],
        json!(["VIEW"])
    );
    let filter = json!({ "environmentId": environment });
    let listed = "query($filter: CredentialFilterInput) { credentials(filter: $filter) { totalCount }
                  environments { nodes { id name connectionIds credentialCount } } }";
    let shown = world.carol.data(listed, json!({ "filter": filter })).await;
    assert_eq!(shown["credentials"]["totalCount"], 2);
    let row = json!({ "id": environment, "name": "Production", "connectionIds": [connection], "credentialCount": 2 });
    assert_eq!(shown["environments"]["nodes"], json!([row]));
    let input = json!({ "environmentId": environment, "name": "Mine" });
    assert_eq!(world.carol.refused("updateEnvironment", input).await["code"], "FORBIDDEN");

    share(alice, &environment, &world.team).await;
    assert_eq!(seen(&world.bob).await, both, "his team holds it");
    let revoke = json!({ "environmentId": environment, "granteeId": world.team });
    alice.mutate("revokeEnvironmentShare", "visible", revoke).await;
    assert_eq!(seen(&world.bob).await, nothing());
    let out = json!({ "environmentId": environment, "removeConnectionIds": [connection] });
    alice.mutate("updateEnvironment", "visible", out).await;
    assert_eq!(seen(&world.carol).await.1, Vec::<String>::new());
    let back = json!({ "credentialId": grafana, "granteeId": environment });
    alice.mutate("revokeShare", "visible", back).await;
    assert_eq!(seen(&world.carol).await.0, ["Kube"]);
    let end = json!({ "environmentId": environment });
    alice.mutate("deleteEnvironment", "environment { deletedAt }", end).await;
    assert_eq!(seen(&world.carol).await, nothing());
    assert_eq!(seen(alice).await.0.len(), 3, "what was in it stays");
}

#[tokio::test]
async fn a_team_holds_its_environment_and_its_leads_fill_it() {
    let world = World::start().await;
    let (alice, bob, carol) = (&world.alice, &world.bob, &world.carol);
    let lead = json!({ "teamId": world.team, "memberId": world.bob_id, "lead": true });
    alice.mutate("setTeamLead", "visible", lead).await;
    let input = json!({ "name": "Ops", "teamId": world.team });
    assert_eq!(carol.refused("createEnvironment", input.clone()).await["code"], "NOT_FOUND");
    let environment = made(bob, input).await;
    assert_eq!(
        bob.refused("createEnvironment", json!({ "name": "ops", "teamId": world.team })).await["code"],
        "CONFLICT"
    );
    // Carol owns a credential, but may not put it where she may not change anything.
    let hers = create_bearer(carol, "Hers", "x").await;
    let into = json!({ "credentialId": hers, "granteeId": environment, "level": "USE" });
    assert_eq!(carol.refused("shareCredential", into.clone()).await["code"], "NOT_FOUND");
    share(bob, &environment, &world.carol_id).await;
    assert_eq!(carol.refused("shareCredential", into).await["code"], "FORBIDDEN");
    // Bob may change the environment, but not her credential.
    let into = json!({ "credentialId": hers, "granteeId": environment, "level": "USE" });
    assert_eq!(bob.refused("shareCredential", into).await["code"], "NOT_FOUND");
    let his = create_bearer(bob, "His", "y").await;
    put_in(bob, &his, &environment, "USE").await;
    assert_eq!(seen(carol).await.0, ["Hers", "His"]);
    let own = json!({ "environmentId": environment, "granteeId": world.team });
    assert_eq!(bob.refused("revokeEnvironmentShare", own).await["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn access_tells_who_comes_through_an_environment_now_and_then() {
    let world = World::start().await;
    let alice = &world.alice;
    let credential = create_bearer(alice, "Grafana", "a").await;
    let environment = made(alice, json!({ "name": "Production" })).await;
    put_in(alice, &credential, &environment, "USE").await;
    share(alice, &environment, &world.carol_id).await;
    let end =
        json!({ "environmentId": environment, "granteeId": world.team, "expiresAt": "2099-01-01T00:00:00Z" });
    let shared = alice.mutate("shareEnvironment", "environment { updatedAt }", end).await;
    let then = text(&shared["environment"]["updatedAt"]);
    let revoke = json!({ "environmentId": environment, "granteeId": world.carol_id });
    alice.mutate("revokeEnvironmentShare", "visible", revoke).await;
    let query = "query($id: ID!, $asOf: DateTime) { credentialAccess(id: $id, asOf: $asOf) { nodes {
        via level environmentId until
        grantee { __typename ... on Member { subject } ... on Team { name } ... on Environment { name } } } } }";
    let through = async |moment: Option<&str>| {
        let shown = alice.data(query, json!({ "id": credential, "asOf": moment })).await;
        let nodes = shown["credentialAccess"]["nodes"].as_array().expect("nodes").clone();
        let mut names: Vec<_> = nodes
            .iter()
            .filter(|node| node["environmentId"] == json!(environment) && node["level"] == "USE")
            .map(|node| {
                let who = &node["grantee"];
                let name = if who["subject"].is_string() { &who["subject"] } else { &who["name"] };
                (text(name), node["until"].is_string())
            })
            .collect();
        names.sort();
        names
    };
    let later = [("Ops".to_owned(), true), ("bob".to_owned(), true)];
    assert_eq!(through(None).await, later);
    assert_eq!(through(Some(&then)).await, [later[0].clone(), later[1].clone(), ("carol".to_owned(), false)]);
}

#[tokio::test]
async fn an_admin_breaks_no_glass_by_way_of_an_environment() {
    let world = World::start().await;
    let (alice, carol) = (&world.alice, &world.carol);
    let admin = json!({ "memberId": world.bob_id, "role": "ADMIN" });
    alice.mutate("setMemberRole", "visible", admin).await;
    let hers = create_bearer(carol, "Hers", "x").await;
    let environment = made(alice, json!({ "name": "Production" })).await;
    // Filled first and then held, or held first and then filled.
    put_in(&world.bob, &hers, &environment, "USE").await;
    for grantee in [&world.bob_id, &world.team] {
        let input = json!({ "environmentId": environment, "granteeId": grantee });
        assert_eq!(world.bob.refused("shareEnvironment", input).await["reason"], "BREAK_GLASS");
    }
    let empty = made(alice, json!({ "name": "Empty" })).await;
    share(&world.bob, &empty, &world.bob_id).await;
    let input = json!({ "credentialId": hers, "granteeId": empty, "level": "USE" });
    assert_eq!(world.bob.refused("shareCredential", input).await["reason"], "BREAK_GLASS");
    put_in(&world.bob, &hers, &empty, "VIEW").await;
    share(&world.bob, &environment, &world.carol_id).await;
}
