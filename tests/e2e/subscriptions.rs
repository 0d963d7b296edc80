//! Hearing of it: events and alerts over sockets and streams, for those who were there and those
//! who were away.

use keytrail_test_support::{Reply, StubServer};
use serde_json::{Value, json};

use crate::harness::{Client, EventStream, Socket, World, create_bearer};

const EVENTS: &str = "subscription($after: String, $filter: CredentialEventFilter) {
    credentialEvents(after: $after, filter: $filter) {
        ... on CredentialChange { cursor event { id type credential { id } } }
        ... on AccessLost { lost: id }
    } }";
const ALERTS: &str = "subscription($after: String, $filter: AlertFilterInput) {
    credentialAlerts(after: $after, filter: $filter) {
        ... on AlertChange { cursor event { type } alert { id state cause occurrences } }
        ... on AccessLost { lost: id }
    } }";

/// A system that is checked, a credential for it, and the place in the log that shows it.
struct Checked {
    stub: StubServer,
    id: String,
    position: String,
}

impl Checked {
    async fn create(owner: &Client) -> Self {
        let stub = StubServer::start().await;
        stub.on("GET", "/", Reply::status(200));
        let fields = json!({ "base_url": stub.url(""), "token": "t0k3n" });
        let input = json!({ "component": "http-bearer", "name": "Checked", "fields": fields });
        let query = "mutation($input: CreateCredentialInput!) {
            createCredential(input: $input) { position credential { id status } } }";
        let made = owner.data(query, json!({ "input": input })).await["createCredential"].clone();
        assert_eq!(made["credential"]["status"], "VALID");
        Self { stub, id: text(&made["credential"]["id"]), position: text(&made["position"]) }
    }

    /// The system answers so from now on, and somebody checks.
    async fn turns(&self, owner: &Client, status: u16) -> String {
        self.stub.on("GET", "/", Reply::status(status));
        let query = "mutation($input: VerifyCredentialInput!) {
            verifyCredential(input: $input) { report { verdict } } }";
        let done = owner.data(query, json!({ "input": { "credentialId": self.id } })).await;
        text(&done["verifyCredential"]["report"]["verdict"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

async fn events_of(client: &Client, after: Option<&str>, filter: Value) -> Socket {
    let mut socket = client.socket().await;
    socket.subscribe(EVENTS, json!({ "after": after, "filter": filter })).await;
    socket
}

async fn alerts_of(client: &Client, after: &str, filter: Value) -> Socket {
    let mut socket = client.socket().await;
    socket.subscribe(ALERTS, json!({ "after": after, "filter": filter })).await;
    socket
}

async fn event(socket: &mut Socket) -> Value {
    socket.next_data().await["credentialEvents"].clone()
}

async fn alert(socket: &mut Socket) -> Value {
    socket.next_data().await["credentialAlerts"].clone()
}

async fn change(client: &Client, mutation: &str, input: Value) -> Value {
    let kind = mutation[..1].to_uppercase() + &mutation[1..];
    let query = format!("mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ position }} }}");
    client.data(&query, json!({ "input": input })).await[mutation]["position"].clone()
}

async fn rename(client: &Client, id: &str, name: &str) -> String {
    text(&change(client, "updateCredential", json!({ "credentialId": id, "name": name })).await)
}

async fn share(client: &Client, id: &str, grantee: &str, level: &str) -> String {
    let input = json!({ "credentialId": id, "granteeId": grantee, "level": level });
    text(&change(client, "shareCredential", input).await)
}

/// What the alert's change says: event, state, cause, times seen.
fn told(change: &Value) -> [Value; 4] {
    let alert = &change["alert"];
    [&change["event"]["type"], &alert["state"], &alert["cause"], &alert["occurrences"]].map(Value::clone)
}

fn says(event: &str, state: &str, occurrences: u64) -> [Value; 4] {
    [json!(event), json!(state), json!("INVALID"), json!(occurrences)]
}

#[tokio::test]
async fn whoever_listens_hears_each_turn_of_a_credential_once_over_socket_and_stream() {
    let world = World::start().await;
    let checked = Checked::create(&world.alice).await;
    let mut socket = alerts_of(&world.alice, &checked.position, Value::Null).await;
    let variables = json!({ "after": checked.position });
    let mut stream = EventStream::open(&world.alice, ALERTS, variables).await;
    for (status, verdict, heard) in [
        (401, "INVALID", Some(says("AlertOpened", "OPEN", 1))),
        // The same once more is no turn: the next thing that is heard is the recovery.
        (401, "INVALID", None),
        (200, "VALID", Some(says("AlertResolved", "RESOLVED", 2))),
        (401, "INVALID", Some(says("AlertOpened", "OPEN", 1))),
    ] {
        assert_eq!(checked.turns(&world.alice, status).await, verdict);
        let Some(heard) = heard else { continue };
        assert_eq!(told(&alert(&mut socket).await), heard, "by socket");
        assert_eq!(told(&stream.next_data().await["credentialAlerts"]), heard, "by stream");
    }
    let alerts = world.alice.data("{ alerts { nodes { state credential { id } } } }", Value::Null).await;
    assert_eq!(
        alerts["alerts"]["nodes"],
        json!([{ "state": "OPEN", "credential": { "id": checked.id } }]),
        "one cause is one alert, however often it is seen"
    );
}

#[tokio::test]
async fn without_a_cursor_only_what_is_new_is_heard() {
    let world = World::start().await;
    let id = create_bearer(&world.alice, "Before", "s").await;
    let mut socket = events_of(&world.alice, None, Value::Null).await;
    // When the subscription has begun is not told: the first change that it hears proves it.
    let renaming = async {
        for round in 0.. {
            rename(&world.alice, &id, &format!("Round {round}")).await;
        }
    };
    let heard = tokio::select! {
        heard = event(&mut socket) => heard,
        () = renaming => unreachable!("it goes on"),
    };
    assert_eq!(heard["event"]["type"], "CredentialRenamed");
}

#[tokio::test]
async fn acknowledging_and_resolving_an_alert_is_heard_and_follows_its_states() {
    let world = World::start().await;
    let checked = Checked::create(&world.alice).await;
    let mut socket = alerts_of(&world.alice, &checked.position, Value::Null).await;
    checked.turns(&world.alice, 401).await;
    let id = alert(&mut socket).await["alert"]["id"].clone();
    let acknowledge = "mutation($input: AcknowledgeAlertInput!) { acknowledgeAlert(input: $input) {
        alert { state revision acknowledgedBy { member { subject } } } } }";
    let stale = json!({ "input": { "alertId": id, "expectedRevision": 7 } });
    assert_eq!(world.alice.code(acknowledge, stale).await, "CONFLICT");
    let mine = json!({ "input": { "alertId": id, "note": "on it", "expectedRevision": 1 } });
    let done = world.alice.data(acknowledge, mine).await["acknowledgeAlert"]["alert"].clone();
    let by = json!({ "member": { "subject": "alice" } });
    assert_eq!(done, json!({ "state": "ACKNOWLEDGED", "revision": 2, "acknowledgedBy": by }));
    assert_eq!(told(&alert(&mut socket).await), says("AlertAcknowledged", "ACKNOWLEDGED", 1));
    change(&world.alice, "resolveAlert", json!({ "alertId": id, "note": "was nothing" })).await;
    assert_eq!(told(&alert(&mut socket).await), says("AlertResolved", "RESOLVED", 1));
    let again = world.alice.error(acknowledge, json!({ "input": { "alertId": id } })).await;
    assert_eq!(again["extensions"]["reason"], "ILLEGAL_TRANSITION", "{again:#}");
    for nobody in [&world.bob, &world.stranger] {
        assert_eq!(nobody.code(acknowledge, json!({ "input": { "alertId": id } })).await, "NOT_FOUND");
    }
    share(&world.alice, &checked.id, &world.carol_id, "VIEW").await;
    assert_eq!(world.carol.code(acknowledge, json!({ "input": { "alertId": id } })).await, "FORBIDDEN");
}

#[tokio::test]
async fn filters_let_through_what_fits_and_nothing_else() {
    let world = World::start().await;
    let first = Checked::create(&world.alice).await;
    let other = create_bearer(&world.alice, "Other", "s").await;
    let types = json!({ "types": ["CredentialRenamed", "CredentialVerified"] });
    let mut by_type = events_of(&world.alice, Some(&first.position), types).await;
    let one = json!({ "credentialId": other });
    let mut by_credential = events_of(&world.alice, Some(&first.position), one).await;
    let resolved = json!({ "state": "RESOLVED", "severity": "CRITICAL", "credentialId": first.id });
    let mut by_state = alerts_of(&world.alice, &first.position, resolved).await;
    let mut not_mine = alerts_of(&world.alice, &first.position, json!({ "credentialId": other })).await;
    let mut all = alerts_of(&world.alice, &first.position, Value::Null).await;
    for (status, heard) in [(401, "AlertOpened"), (200, "AlertResolved")] {
        first.turns(&world.alice, status).await;
        assert_eq!(alert(&mut all).await["event"]["type"], heard);
    }
    rename(&world.alice, &other, "Renamed").await;
    for wanted in ["CredentialVerified", "CredentialRenamed"] {
        assert_eq!(event(&mut by_type).await["event"]["type"], wanted);
    }
    for wanted in ["CredentialCreated", "CredentialRenamed"] {
        let heard = event(&mut by_credential).await;
        assert_eq!(
            (&heard["event"]["type"], &heard["event"]["credential"]["id"]),
            (&json!(wanted), &json!(other))
        );
    }
    assert_eq!(told(&alert(&mut by_state).await), says("AlertResolved", "RESOLVED", 1));
    // Its own socket still answers, and the first answer is this one: nothing was sent before.
    not_mine.subscribe("{ __typename }", Value::Null).await;
    assert_eq!(not_mine.next_data().await, json!({ "__typename": "Query" }));
}

/// The ids of everything that happened to a credential, in order.
async fn history(client: &Client, id: &str) -> Vec<String> {
    let query = "query($id: ID!) { credential(id: $id) { history(first: 1000) { nodes { id } } } }";
    let answer = client.data(query, json!({ "id": id })).await;
    let nodes = answer["credential"]["history"]["nodes"].as_array().cloned().unwrap_or_default();
    nodes.iter().map(|node| text(&node["id"])).collect()
}

#[tokio::test]
async fn who_was_away_misses_nothing_also_while_the_server_was_started_anew() {
    let mut world = World::start().await;
    let checked = Checked::create(&world.alice).await;
    let mut socket = events_of(&world.alice, Some(&checked.position), Value::Null).await;
    rename(&world.alice, &checked.id, "Seen").await;
    let mut heard = vec![event(&mut socket).await];
    for round in 0..3 {
        drop(socket);
        for status in [401, 200] {
            checked.turns(&world.alice, status).await;
        }
        rename(&world.alice, &checked.id, &format!("Away {round}")).await;
        if round == 1 {
            assert!(world.server.stop().await.success());
            world.server.up().await;
        } else if round == 2 {
            world.server.kill().await;
            world.server.up().await;
        }
        world.alice = world.server.sign_in("acme", "alice").await;
        let cursor = text(&heard[heard.len() - 1]["cursor"]);
        socket = events_of(&world.alice, Some(&cursor), Value::Null).await;
        for _ in 0..3 {
            heard.push(event(&mut socket).await);
        }
        rename(&world.alice, &checked.id, &format!("Live {round}")).await;
        heard.push(event(&mut socket).await);
    }
    let heard: Vec<String> = heard.iter().map(|change| text(&change["event"]["id"])).collect();
    let all = history(&world.alice, &checked.id).await;
    // The first two came with the creation, which the subscriber had seen.
    assert_eq!(heard, all[2..], "in order, each once");
}

#[tokio::test]
async fn a_subscriber_hears_what_he_may_view_and_of_the_loss_once() {
    let world = World::start().await;
    let start = text(&change(&world.alice, "createTeam", json!({ "name": "Other" })).await);
    let [hidden, mine, teams] =
        ["Hidden", "Mine", "Teams"].map(|name| create_bearer(&world.alice, name, "s"));
    let (hidden, mine, teams) = (hidden.await, mine.await, teams.await);
    share(&world.alice, &mine, &world.bob_id, "VIEW").await;
    share(&world.alice, &teams, &world.team, "USE").await;
    let mut bob = events_of(&world.bob, Some(&start), Value::Null).await;
    let mut stranger = world.stranger.socket().await;
    stranger.subscribe(EVENTS, Value::Null).await;
    for (id, kind) in [
        (&mine, "CredentialCreated"),
        (&teams, "CredentialCreated"),
        (&mine, "CredentialShared"),
        (&teams, "CredentialShared"),
    ] {
        let heard = event(&mut bob).await["event"].clone();
        assert_eq!((&heard["credential"]["id"], &heard["type"]), (&json!(id), &json!(kind)));
    }
    rename(&world.alice, &hidden, "Still hidden").await;
    let revoke = json!({ "credentialId": mine, "granteeId": world.bob_id });
    change(&world.alice, "revokeShare", revoke).await;
    assert_eq!(event(&mut bob).await, json!({ "lost": mine }));
    rename(&world.alice, &mine, "Not for bob").await;
    let out = json!({ "teamId": world.team, "memberId": world.bob_id });
    change(&world.alice, "removeTeamMember", out).await;
    assert_eq!(event(&mut bob).await, json!({ "lost": teams }), "nothing of the lost one came between");
    rename(&world.alice, &teams, "Not for bob either").await;
    let own = create_bearer(&world.bob, "Own", "s").await;
    assert_eq!(event(&mut bob).await["event"]["credential"]["id"], json!(own));
    let theirs = create_bearer(&world.stranger, "Theirs", "s").await;
    assert_eq!(event(&mut stranger).await["event"]["credential"]["id"], json!(theirs));
}

#[tokio::test]
async fn a_cursor_of_another_tenant_and_one_that_is_none_are_refused() {
    let world = World::start().await;
    let theirs = create_bearer(&world.stranger, "Theirs", "s").await;
    let foreign = rename(&world.stranger, &theirs, "Renamed").await;
    create_bearer(&world.alice, "Mine", "s").await;
    let list = world.alice.data("{ credentials { edges { cursor } } }", Value::Null).await;
    let list = text(&list["credentials"]["edges"][0]["cursor"]);
    for after in [foreign.as_str(), list.as_str(), "", "garbage", "AAAA", &"x".repeat(5_000)] {
        for (query, name) in [(EVENTS, "credentialEvents"), (ALERTS, "credentialAlerts")] {
            let mut socket = world.alice.socket().await;
            socket.subscribe(query, json!({ "after": after })).await;
            let heard = socket.hear().await;
            assert_eq!(heard["type"], "error", "{name} after {after}: {heard:#}");
            refused(&heard["payload"][0]);
            let mut stream = EventStream::open(&world.alice, query, json!({ "after": after })).await;
            refused(&stream.next().await["errors"][0]);
        }
    }
}

fn refused(error: &Value) {
    let extensions = &error["extensions"];
    assert_eq!(extensions["code"], "BAD_USER_INPUT", "{error:#}");
    assert_eq!(extensions["fields"][0]["path"], "after", "{error:#}");
}

/// Everything that [`Quick`](../../graphql/src/quick.rs) can answer of a message from memory, with fragments
/// that are asked for so that it is, and with a field that has to wait, so that the library resolves all.
#[tokio::test]
async fn a_message_that_is_answered_in_one_go_is_the_same_as_one_that_is_resolved_by_field() {
    const EVENT: &str = "__typename cursor event { __typename id type recordedAt revision correlationId }";
    const ALERT: &str = "alert { __typename id cause bad: severity state message openedAt occurrences \
                         acknowledgedAt resolvedAt revision }";
    let world = World::start().await;
    let checked = Checked::create(&world.alice).await;
    checked.turns(&world.alice, 401).await;
    let mut opened = alerts_of(&world.alice, &checked.position, Value::Null).await;
    let id = text(&alert(&mut opened).await["alert"]["id"]);
    change(&world.alice, "acknowledgeAlert", json!({ "alertId": id })).await;
    checked.turns(&world.alice, 200).await;
    // Each message has the alert as it is now: nothing may change any more.
    for state in ["ACKNOWLEDGED", "RESOLVED"] {
        assert_eq!(alert(&mut opened).await["alert"]["state"], state);
    }
    for (name, kind, fields, many) in [
        ("credentialAlerts", "AlertChange", format!("{EVENT} {ALERT}"), 3),
        ("credentialEvents", "CredentialChange", EVENT.to_owned(), 2),
    ] {
        let mut answers = Vec::new();
        for (waits, spread) in [("", false), ("", true), ("slow: event { credential { id } }", false)] {
            let fragment = format!("on {kind} {{ {fields} {waits} }}");
            let (here, there) = match spread {
                true => ("F".to_owned(), format!("fragment F {fragment}")),
                false => (fragment, String::new()),
            };
            let query = format!(
                "subscription($after: String) {{ {name}(after: $after) {{ ... on AccessLost {{ id }} ...{here} }} }} {there}"
            );
            let mut socket = world.alice.socket().await;
            socket.subscribe(&query, json!({ "after": checked.position })).await;
            let mut heard = Vec::new();
            for _ in 0..many {
                let mut message = socket.next_data().await[name].take();
                let slow = message.as_object_mut().and_then(|fields| fields.remove("slow"));
                assert_eq!(slow.is_some(), !waits.is_empty());
                heard.push(message.to_string());
            }
            answers.push(heard);
        }
        assert!(answers[0][0].contains(kind), "{answers:?}");
        assert_eq!(answers[0], answers[2], "in one go");
        assert_eq!(answers[1], answers[2], "in one go, by a named fragment");
    }
}
