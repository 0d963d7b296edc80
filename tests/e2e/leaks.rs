//! Secrets are planted wherever a caller can put one, mistakes of every kind are made, everything
//! is logged, and then no secret is found in any file, log line, number, answer or message.

use std::{fs, path::Path, sync::Mutex};

use keytrail_eventstore_double::Recorded;
use keytrail_test_support::{Reply, StubServer};
use serde_json::{Value, json};

use crate::harness::{Canary, Client, Keytrail, Search, Settings, World};

const CREATE: &str = "mutation($input: CreateCredentialInput!) {
    createCredential(input: $input) { credential { id status fields { name value isSecret } } }
}";
const ROTATE: &str = "mutation($input: RotateCredentialInput!) {
    rotateCredential(input: $input) { credential { secretVersion fields { name value } } }
}";
const UPDATE: &str = "mutation($input: UpdateCredentialInput!) {
    updateCredential(input: $input) { credential { fields { name value } } }
}";
const VERIFY: &str = "mutation($input: VerifyCredentialInput!) {
    verifyCredential(input: $input) { report { verdict message identity scopes } }
}";
const READ: &str = "query($id: ID!) {
    credential(id: $id) { name allowedHosts fields { name value isSet } lastVerification { identity message }
        verifications { nodes { identity message scopes } } history { nodes { type data } } versions { number } }
    auditLog { nodes { type data } }
}";
const HOOK: &str = "mutation($input: CreateWebhookEndpointInput!) {
    createWebhookEndpoint(input: $input) { webhookEndpoint { id url } }
}";
const MOVE_HOOK: &str = "mutation($input: UpdateWebhookEndpointInput!) {
    updateWebhookEndpoint(input: $input) { webhookEndpoint { url } }
}";
const TEST_HOOK: &str =
    "mutation($input: SendTestWebhookInput!) { sendTestWebhook(input: $input) { visible } }";
const HOOKS: &str =
    "{ webhookEndpoints { nodes { url deliveries { nodes { attempts { failure answer } } } } } }";
const MISSPELT: &str =
    "mutation($fields: JSON!) { createCredential(input: { component: \"github\", felds: $fields }) { id } }";

/// Everything that came out of the server.
#[derive(Default)]
struct Heard(Mutex<Vec<(String, Vec<u8>)>>);

impl Heard {
    fn note(&self, whence: &str, bytes: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().push((whence.to_owned(), bytes.into()));
    }

    /// Sends a body and keeps head and body of the answer.
    async fn post(&self, client: &Client, body: String) -> Value {
        let answer = client.post(body).await;
        self.note("the head of an answer", format!("{} {:?}", answer.status(), answer.headers()));
        let bytes = answer.bytes().await.unwrap();
        self.note("an answer", bytes.to_vec());
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn ask(&self, client: &Client, query: &str, variables: Value) -> Value {
        self.post(client, json!({ "query": query, "variables": variables }).to_string()).await
    }

    /// The code of an error that must come.
    async fn code(&self, client: &Client, query: &str, variables: Value) -> String {
        let answer = self.ask(client, query, variables).await;
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }

    async fn get(&self, client: &Client, path: &str) {
        let answer = client.get(path).await;
        self.note(path.split('?').next().unwrap(), format!("{} {:?}", answer.status(), answer.headers()));
        self.note("the body of a GET", answer.bytes().await.unwrap().to_vec());
    }
}

/// The server under test, and what must not come out of it.
struct Scene {
    world: World,
    stub: StubServer,
    heard: Heard,
    canaries: Vec<Canary>,
}

impl Scene {
    async fn open() -> Self {
        let world = World::with(Settings::default().set("KEYTRAIL_LOG", "trace")).await;
        let stub = StubServer::start().await;
        stub.on("GET", "/", Reply::status(204));
        stub.on("GET", "/no", Reply::status(401));
        let mut scene = Self { world, stub, heard: Heard::default(), canaries: Vec::new() };
        for (what, client) in [("alice's token", &scene.world.alice), ("bob's token", &scene.world.bob)] {
            let token = client.token.clone().expect("token");
            let signature = token.rsplit('.').next().expect("signature").to_owned();
            scene.canaries.push(Canary::given(what, &signature));
        }
        let key = fs::read_to_string(scene.world.server.file("vault.key")).unwrap();
        scene.canaries.push(Canary::given("the vault's key", key.trim().trim_end_matches('=')));
        scene
    }

    /// A new secret with everything in it that must be escaped somewhere.
    fn plant(&mut self, what: &'static str) -> String {
        self.keep(Canary::fresh(what))
    }

    /// The same for fields that take visible ASCII characters.
    fn plant_ascii(&mut self, what: &'static str) -> String {
        self.keep(Canary::ascii(what))
    }

    fn keep(&mut self, canary: Canary) -> String {
        let text = canary.text.clone();
        self.canaries.push(canary);
        text
    }

    fn basic(&self, name: &str, password: &Value) -> Value {
        json!({ "input": {
            "component": "http-basic",
            "name": name,
            "fields": { "base_url": self.stub.url(""), "username": "u", "password": password },
        } })
    }

    async fn alice(&self, query: &str, variables: Value) -> Value {
        self.heard.ask(&self.world.alice, query, variables).await
    }

    async fn refused(&self, query: &str, variables: Value, code: &str) {
        assert_eq!(self.heard.code(&self.world.alice, query, variables).await, code, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_is_found_anywhere() {
    let mut scene = Scene::open().await;
    let id = use_as_meant(&mut scene).await;
    lease_and_fetch(&mut scene, &id).await;
    make_mistakes(&mut scene, &id).await;
    break_the_transport(&mut scene).await;
    talk_on_sockets(&mut scene, &id).await;
    deliver_to_secret_places(&mut scene).await;
    let people = add_person(&mut scene).await;
    for path in ["/metrics", "/readyz", "/healthz", "/.well-known/jwks.json", "/"] {
        scene.heard.get(&scene.world.alice, path).await;
    }
    assert!(scene.heard.0.lock().unwrap().len() > 60, "everything was kept");
    nothing_is_found(&scene, &people, "while it runs");
    scene.world.server.kill().await;
    nothing_is_found(&scene, &people, "after a kill");
    scene.world.server.up().await;
    scene.world.server.stop().await;
    nothing_is_found(&scene, &people, "after a clean stop");
}

/// Creates, reads, rotates, checks and tests, each with its own secret.
async fn use_as_meant(scene: &mut Scene) -> String {
    let created = json!(scene.plant("password of a create"));
    let made = scene.alice(CREATE, scene.basic("Kept", &created)).await;
    let id = made["data"]["createCredential"]["credential"]["id"].as_str().expect("created").to_owned();
    let rotated = scene.plant("password of a rotation");
    let input = json!({ "credentialId": id, "fields": { "password": rotated } });
    let done = scene.alice(ROTATE, json!({ "input": input })).await;
    assert_eq!(done["data"]["rotateCredential"]["credential"]["secretVersion"], 2, "{done:#}");
    scene.alice(VERIFY, json!({ "input": { "credentialId": id } })).await;
    let tested = json!(scene.plant("password of a test"));
    let mut fields = scene.basic("", &tested)["input"].take();
    fields.as_object_mut().unwrap().remove("name");
    let done = scene.alice(VERIFY, json!({ "input": fields })).await;
    assert_eq!(done["data"]["verifyCredential"]["report"]["verdict"], "VALID", "{done:#}");
    echo_as_identity(scene).await;
    scene.alice(READ, json!({ "id": id })).await;
    id
}

/// The token and the exchange are the two answers that may have a secret in them: neither is kept, both are
/// looked for.
async fn lease_and_fetch(scene: &mut Scene, id: &str) {
    let alice = &scene.world.alice;
    let wish = json!({ "credentialId": id, "purpose": "a look" });
    let leased = alice.mutate("leaseCredential", "lease { token unwrapUrl }", wish.clone()).await;
    let token = leased["lease"]["token"].as_str().expect("a token").to_owned();
    let exchange = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |token: &str| {
        let request = exchange.post(leased["lease"]["unwrapUrl"].as_str().unwrap());
        request.json(&json!({ "token": token })).send().await.unwrap()
    };
    let fetched: Value = ask(&token).await.json().await.unwrap();
    let rotated = scene.canaries.iter().find(|canary| canary.what == "password of a rotation").unwrap();
    assert_eq!(fetched["data"]["data"]["password"], rotated.text);
    scene.heard.note("a used token", ask(&token).await.bytes().await.unwrap().to_vec());
    let waiting = alice.mutate("leaseCredential", "lease { token }", wish).await;
    let waiting = waiting["lease"]["token"].as_str().expect("a token").to_owned();
    scene.keep(Canary::given("a token that was used", token.trim_start_matches("ktl_")));
    scene.keep(Canary::given("a token that waits", waiting.trim_start_matches("ktl_")));
}

/// A system that answers with the secret itself, as the name of the user, in headers and in a
/// redirect.
async fn echo_as_identity(scene: &mut Scene) {
    let token = scene.plant_ascii("token that the system echoes");
    let user = json!({ "login": token, "name": token, "id": 1 });
    let url = format!("/?{}", url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>());
    let echo = Reply::json(200, &user).header("x-oauth-scopes", &token).header("x-echo", &token);
    scene.stub.on_each("GET", "/user", [echo, Reply::text(500, token.clone()), Reply::redirect(&url)]);
    for name in ["Echo", "Failing", "Redirecting"] {
        let fields = json!({ "base_url": scene.stub.url(""), "token": token });
        let input = json!({ "component": "github", "name": name, "fields": fields });
        let done = scene.alice(CREATE, json!({ "input": input })).await;
        assert!(done["errors"].is_null(), "{done:#}");
    }
}

/// Input that is refused, with a secret in it.
async fn make_mistakes(scene: &mut Scene, id: &str) {
    let rejected = json!(scene.plant("password that the system rejects"));
    let mut refused = scene.basic("Rejected", &rejected);
    refused["input"]["fields"]["check_path"] = json!("/no");
    scene.refused(CREATE, refused, "REFUSED").await;

    let long = format!("{}{}", scene.plant("password that is too long"), "x".repeat(4096));
    let wrong_type = json!({ "nested": [scene.plant("password in an object")] });
    let taken = json!(scene.plant("password for a taken name"));
    for (name, password, code) in [
        ("Long", json!(long), "BAD_USER_INPUT"),
        ("Typed", wrong_type, "BAD_USER_INPUT"),
        ("Kept", taken, "CONFLICT"),
    ] {
        scene.refused(CREATE, scene.basic(name, &password), code).await;
    }
    let value = scene.plant("value of an unknown field");
    let name = scene.plant("name of an unknown field");
    let address = format!("http://u:{}@127.0.0.1/", scene.plant_ascii("password in an address"));
    let spaced = scene.plant("token with characters that it cannot have");
    for (component, fields) in [
        ("http-basic", json!({ "base_url": "https://h", "username": "u", "pasword": value })),
        ("http-basic", json!({ "base_url": "https://h", "username": "u", "password": "p", name: "x" })),
        ("http-basic", json!({ "base_url": address, "username": "u", "password": "p" })),
        ("github", json!({ "token": spaced })),
        ("github", json!(scene.plant("fields that are a text"))),
        ("no-such", json!({ "token": scene.plant("token of an unknown component") })),
    ] {
        let input = json!({ "component": component, "fields": fields });
        scene.refused(CREATE, json!({ "input": input }), "BAD_USER_INPUT").await;
    }
    let fields = json!({ "password": scene.plant("password of an update") });
    scene
        .refused(UPDATE, json!({ "input": { "credentialId": id, "fields": fields } }), "BAD_USER_INPUT")
        .await;
    let fields = json!({ "password": scene.plant("password at an old revision") });
    let stale = json!({ "credentialId": id, "fields": fields, "expectedRevision": 99 });
    scene.refused(ROTATE, json!({ "input": stale }), "CONFLICT").await;
    let mine = json!({ "credentialId": id, "fields": { "password": scene.plant("password of a stranger") } });
    for who in [&scene.world.stranger, &scene.world.carol, &scene.world.server.anonymous()] {
        scene.heard.code(who, ROTATE, json!({ "input": mine })).await;
    }
}

/// Bodies, queries, paths and tokens that are none.
async fn break_the_transport(scene: &mut Scene) {
    let secret = scene.plant_ascii("a secret in a broken request");
    let in_text = json!(secret).to_string();
    let literal = format!(
        "mutation {{ createCredential(input: {{ component: {in_text} fields: {{ token: {in_text} }} }}) {{ id }} }}"
    );
    let alice = &scene.world.alice;
    for body in [
        json!({ "query": literal }).to_string(),
        json!({ "query": literal.replace("id }", "nope }") }).to_string(),
        json!({ "query": format!("{{ {secret} ") }).to_string(),
        json!({ "query": "query($a: Int!) { nodes(ids: [$a]) { id } }", "variables": { "a": secret } })
            .to_string(),
        json!({ "query": "{ viewer { role } }", "operationName": secret }).to_string(),
        json!({ "query": "query($id: ID!) { credential(id: $id) { id } }", "variables": { "id": secret } })
            .to_string(),
        json!({ "query": "{ credentials(after: $a) { totalCount } }", "variables": { "a": secret } })
            .to_string(),
        json!({ "query": MISSPELT, "variables": { "fields": { "token": secret } } }).to_string(),
        json!({ "query": "{ viewer { role } }", "variables": secret }).to_string(),
        json!({ "query": "{ viewer { role } }", "extensions": secret }).to_string(),
        json!({ secret.clone(): secret }).to_string(),
        format!("{{\"query\": {in_text}"),
        format!("[{in_text}]"),
        secret.clone(),
        format!("{{\"query\":\"{}\"}}", secret.repeat(40_000)),
    ] {
        let answer = scene.heard.post(alice, body).await;
        assert!(!answer["errors"].is_null(), "{answer:#}");
    }
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for path in [format!("/{escaped}"), format!("/graphql?query={escaped}"), format!("/readyz?{escaped}")] {
        scene.heard.get(alice, &path).await;
    }
    for token in [secret, format!("{}x", alice.token.as_deref().expect("token"))] {
        let caller = Client::new(&alice.base, Some(token));
        assert_eq!(scene.heard.code(&caller, "{ viewer { role } }", Value::Null).await, "UNAUTHENTICATED");
    }
}

/// A subscription that works, and one that does not.
async fn talk_on_sockets(scene: &mut Scene, id: &str) {
    let mut socket = scene.world.alice.socket().await;
    let query = "subscription { credentialEvents { ... on CredentialChange { event { type data } } } }";
    socket.subscribe(query, Value::Null).await;
    let secret = scene.plant("password of a rotation that is heard of");
    let input = json!({ "credentialId": id, "fields": { "password": secret } });
    // The subscription may begin after the first change.
    let message = loop {
        scene.alice(ROTATE, json!({ "input": input })).await;
        if let Some(message) = socket.hear_soon().await {
            break message;
        }
    };
    assert_eq!(message["type"], "next", "{message:#}");
    scene.heard.note("a message", message.to_string());
    let bad = scene.plant("a secret in a subscription");
    let query = "subscription($id: ID!, $after: String) {
        credentialEvents(after: $after, filter: { credentialId: $id }) { __typename }
    }";
    let id = socket.subscribe(query, json!({ "id": bad, "after": bad })).await;
    loop {
        let message = socket.hear().await;
        scene.heard.note("a message", message.to_string());
        if message["id"] == id.as_str() {
            break;
        }
    }
    socket.say(json!({ "type": bad, "id": bad, "payload": bad })).await;
    let reason = socket.close_reason().await;
    scene.heard.note("a close", reason);
}

/// Webhooks whose URL is the secret: taken, refused, cut off and sent on; one moves.
async fn deliver_to_secret_places(scene: &mut Scene) {
    let hooks = StubServer::start().await;
    let place = |scene: &mut Scene, what, replies: Vec<Reply>| {
        let canary = Canary::given(what, &format!("b0t-{}", uuid::Uuid::new_v4().simple()));
        let path = format!("/services/{}", scene.keep(canary));
        hooks.on_each("POST", &path, replies);
        hooks.url(&path)
    };
    let around = Reply::redirect("/elsewhere");
    let first = place(scene, "a chat's URL", vec![Reply::status(204), Reply::text(500, "no"), around]);
    let second = place(scene, "another chat's URL", vec![Reply::hang_up(), Reply::status(204)]);
    let made = scene.alice(HOOK, json!({ "input": { "url": first } })).await;
    let id = &made["data"]["createWebhookEndpoint"]["webhookEndpoint"]["id"];
    for count in 1..=3 {
        scene.alice(TEST_HOOK, json!({ "input": { "webhookEndpointId": id } })).await;
        hooks.wait_for(count).await;
    }
    let moved = json!({ "input": { "webhookEndpointId": id, "url": second } });
    let done = scene.alice(MOVE_HOOK, moved).await;
    let shown = done["data"]["updateWebhookEndpoint"]["webhookEndpoint"]["url"].as_str().unwrap_or_default();
    assert!(shown.starts_with(&hooks.url("/…")), "{done:#}");
    scene.alice(TEST_HOOK, json!({ "input": { "webhookEndpointId": id } })).await;
    hooks.wait_for(4).await;
    let there = first.replace("127.0.0.1", "10.0.0.1");
    let with_user = first.replace("127.0.0.1", "user:pass@127.0.0.1");
    for url in [there, with_user, first.replace("http://", "gopher://"), first + &"x".repeat(2_048)] {
        scene.refused(HOOK, json!({ "input": { "url": url } }), "BAD_USER_INPUT").await;
    }
    scene.alice(HOOKS, Value::Null).await;
}

/// Personal data: what the team may see, and no file or log line.
async fn add_person(scene: &mut Scene) -> [Canary; 2] {
    let person = [
        Canary::given("a name", "Zoë \"Zo\" Quincy-Canary"),
        Canary::given("an address", "zoe.canary@example.com"),
    ];
    let add = "mutation($input: AddMemberInput!) { addMember(input: $input) { member { id name email } } }";
    let input =
        json!({ "subject": "zoe", "role": "MEMBER", "displayName": person[0].text, "email": person[1].text });
    let done = scene.world.alice.data(add, json!({ "input": input })).await;
    assert_eq!(done["addMember"]["member"]["name"], json!(person[0].text), "the name was planted");
    let audit = scene.alice("{ auditLog { nodes { type data } } }", Value::Null).await;
    assert!(audit.to_string().contains("MemberAdded"), "{audit}");
    person
}

fn nothing_is_found(scene: &Scene, people: &[Canary], when: &str) {
    let server = &scene.world.server;
    let mut files = files(server);
    files.extend(streams(server));
    let (log_file, journal_file) = match server.double {
        None => ("log.db", "journal.db"),
        Some(_) => ("kt.credential-", "ktj."),
    };
    for name in [log_file, journal_file, "views.db", "secrets.db"] {
        assert!(files.iter().any(|(file, _)| file.starts_with(name)), "{name} was not searched");
    }
    let plain = Search::of([&Canary::given("what is no secret", "Redirecting")]);
    for name in [log_file, "views.db"] {
        let mut same = files.iter().filter(|(file, _)| file.starts_with(name));
        assert!(same.any(|(_, bytes)| plain.find(bytes).is_some()), "{name}: what is there is not found");
    }
    let log = server.log();
    assert!(log.contains("TRACE"), "it logs everything");
    let all = Search::of(scene.canaries.iter().chain(people));
    for (name, bytes) in &files {
        assert_eq!(all.find(bytes), None, "{name} {when}");
    }
    assert_eq!(all.find(log.as_bytes()), None, "the log {when}");
    let secrets = Search::of(&scene.canaries);
    for (whence, bytes) in scene.heard.0.lock().unwrap().iter() {
        assert_eq!(secrets.find(bytes), None, "{whence}");
    }
}

/// All files of the data directory but the two that are keys.
pub(crate) fn files(server: &Keytrail) -> Vec<(String, Vec<u8>)> {
    let read = |path: &Path| fs::read(path).unwrap_or_default(); // a socket is none
    fs::read_dir(server.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path())))
        .filter(|(name, _)| name != "vault.key" && name != "issuer.key")
        .collect()
}

/// Everything that the event store was given, when log and journal are there.
pub(crate) fn streams(server: &Keytrail) -> Vec<(String, Vec<u8>)> {
    let events = server.double.map(|double| double.all()).unwrap_or_default();
    let whole = |event: Recorded| {
        let head = format!("{} {} {} ", event.stream, event.kind, event.content_type);
        (event.stream, [head.as_bytes(), &event.data[..], b" ", &event.metadata[..]].concat())
    };
    events.into_iter().map(whole).collect()
}
