//! OAuth2 against a real provider: what a person allows goes to who began it and to nobody else, and is kept alive.

use keytrail_test_support::{OidcProvider, eventually};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Settings, World, history, text},
    leases::{curl, lease},
};

/// Access tokens live so long, in seconds: the next one comes in the last quarter of it.
const SHORT: u32 = 8;
const HOUR: u32 = 3_600;
const BEGUN: &str = "flowId authorizationUrl expiresAt credential { id }";
const AUTHORIZED: &str =
    "credential { id status secretVersion authorization { grant scopes refreshes refused } }";

/// A tenant with a provider, and a client of it there.
struct Setting {
    world: World,
    provider: OidcProvider,
    client: String,
}

impl Setting {
    async fn begin(seconds: u32) -> Self {
        let world = World::with(Settings::default().set("KEYTRAIL_LOG", "trace")).await;
        let provider = OidcProvider::for_client(&callback_of(&world), seconds).await;
        let client = json!({
            "name": "Mail",
            "components": ["oauth2-generic"],
            "clientId": provider.given("client_id"),
            "clientSecret": provider.given("client_secret"),
            "authorizationUrl": provider.url("/auth"),
            "tokenUrl": provider.url("/token"),
            "revocationUrl": provider.url("/token/revocation"),
            "issuer": provider.given("url"),
            "scopes": ["openid", "read"],
        });
        let made = world.alice.mutate("createOAuthClient", "oauthClient { id }", client).await;
        let client = text(&made["oauthClient"]["id"]);
        Self { world, provider, client }
    }

    /// What bob asks for.
    fn wish(&self, name: &str) -> Value {
        let fields = json!({ "client_id": "keytrail", "userinfo_uri": self.provider.url("/me") });
        json!({
            "oauthClientId": self.client, "component": "oauth2-generic", "name": name, "fields": fields,
        })
    }

    async fn begun(&self, wish: Value) -> (Value, String) {
        let begun = self.world.bob.mutate("beginOAuth2", BEGUN, wish).await;
        (begun["flowId"].clone(), text(&begun["authorizationUrl"]))
    }

    /// Where the provider sends the browser of a person who allows it.
    async fn allowed(&self, url: &str) -> String {
        let stop = callback_of(&self.world);
        Browser::default().follow(url, &stop).await
    }

    async fn authorized(&self, wish: Value) -> Value {
        let (flow, url) = self.begun(wish).await;
        let (status, page) = get(&self.allowed(&url).await).await;
        assert_eq!(status, 200, "{page}");
        let complete = json!({ "flowId": flow, "code": code_on(&page) });
        self.world.bob.mutate("completeOAuth2", AUTHORIZED, complete).await["credential"].clone()
    }
}

fn callback_of(world: &World) -> String {
    format!("{}/oauth2/callback", world.server.base)
}

/// Follows redirects with its cookies.
#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// The first address that begins so, without asking it.
    async fn follow(mut self, url: &str, stop: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.build().expect("a client");
        let mut url = reqwest::Url::parse(url).expect("an address");
        for _ in 0..10 {
            if url.as_str().starts_with(stop) {
                return url.into();
            }
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer =
                client.get(url.clone()).header(COOKIE, cookies.join("; ")).send().await.expect("an answer");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned();
                let (name, value) = pair.split_once('=').expect("a pair");
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
            let to = answer.headers().get(LOCATION).map(|to| to.to_str().expect("text").to_owned());
            let Some(to) = to else {
                panic!("{url} leads nowhere: {}", answer.text().await.unwrap_or_default())
            };
            url = url.join(&to).expect("an address");
        }
        panic!("too many redirects, the last to {url}")
    }
}

async fn get(url: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(url).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

fn code_on(page: &str) -> String {
    let (_, rest) = page.split_once("class=\"code\">").unwrap_or_else(|| panic!("no code: {page}"));
    rest.split('<').next().expect("a code").to_owned()
}

async fn leased(client: &Client, id: &str) -> Value {
    let (status, body) = curl(&lease(client, id).await).await;
    assert_eq!(status, "200", "{body}");
    body["data"]["data"].clone()
}

#[tokio::test]
async fn what_a_person_allows_goes_to_who_began_it_is_refreshed_and_ends_when_the_provider_says_so() {
    let setting = Setting::begin(SHORT).await;
    let (bob, alice) = (&setting.world.bob, &setting.world.alice);
    let (flow, url) = setting.begun(setting.wish("Mailbox")).await;
    let pending = json!({ "flowId": flow, "code": "AAAAA-AAAAA" });
    assert_eq!(bob.refused("completeOAuth2", pending.clone()).await["reason"], "AUTHORIZATION_PENDING");
    let callback = setting.allowed(&url).await;
    let (status, page) = get(&callback).await;
    assert!(status == 200 && page.contains("<b>bob</b> of <b>acme</b>") && page.contains("Mail"), "{page}");
    let complete = json!({ "flowId": flow, "code": code_on(&page) });
    assert_eq!(alice.refused("completeOAuth2", complete.clone()).await["code"], "NOT_FOUND", "it is bob's");
    assert_eq!(bob.refused("completeOAuth2", pending).await["reason"], "WRONG_CODE");
    let made = bob.mutate("completeOAuth2", AUTHORIZED, complete.clone()).await["credential"].clone();
    let id = text(&made["id"]);
    let authorization = json!({
        "grant": "AUTHORIZATION_CODE", "scopes": ["openid", "read"], "refreshes": true, "refused": false,
    });
    let wanted = json!({ "id": id, "status": "VALID", "secretVersion": 1, "authorization": authorization });
    assert_eq!(made, wanted);
    let again = bob.mutate("completeOAuth2", "replayed credential { id }", complete).await;
    assert_eq!(again, json!({ "replayed": true, "credential": { "id": id } }), "once");
    assert_eq!(get(&callback).await.0, 400, "nor is the provider's answer taken twice");
    let in_use = json!({ "oauthClientId": setting.client });
    assert_eq!(alice.refused("deleteOAuthClient", in_use).await["reason"], "OAUTH_CLIENT_IN_USE");

    let first = leased(bob, &id).await;
    assert_eq!(first.as_object().expect("fields").keys().collect::<Vec<_>>(), ["access_token"]);
    let refreshed = async || {
        let seen = history(bob, &id).await;
        seen.contains(&"CredentialTokenRefreshed by refresh".to_owned()).then_some(())
    };
    eventually("its next token is there", refreshed).await;
    let next = leased(bob, &id).await;
    assert_ne!(next["access_token"], first["access_token"]);
    let checked = bob.mutate("verifyCredential", "report { verdict }", json!({ "credentialId": id })).await;
    assert_eq!(checked["report"]["verdict"], "VALID", "the new one is good");
    assert_eq!(
        bob.credential(&id, "secretVersion revision").await,
        json!({ "secretVersion": 1, "revision": 1 })
    );

    let said = setting.world.server.log();
    let audit = alice.data("{ auditLog(last: 1000) { nodes { data } } }", Value::Null).await.to_string();
    let code = code_on(&page);
    let mut secrets =
        vec![text(&first["access_token"]), text(&next["access_token"]), code.replace('-', ""), code];
    secrets.push(setting.provider.given("client_secret").to_owned());
    let sent = reqwest::Url::parse(&callback).expect("an address");
    secrets.extend(sent.query_pairs().filter(|(name, _)| name != "iss").map(|(_, value)| value.into_owned()));
    for secret in secrets {
        assert!(!said.contains(&secret) && !audit.contains(&secret), "{secret}");
    }

    assert_eq!(get(&setting.provider.url("/test/revoke-all")).await.0, 200);
    let selection = "status lastVerification { verdict } authorization { refused refreshes }";
    let gone = json!({
        "status": "INVALID", "lastVerification": { "verdict": "REVOKED" },
        "authorization": { "refused": true, "refreshes": false },
    });
    eventually("it is revoked", async || (bob.credential(&id, selection).await == gone).then_some(())).await;
    let alerted = async |state: &str| {
        let seen = bob.credential(&id, "alerts { nodes { cause state } }").await["alerts"]["nodes"].clone();
        (seen == json!([{ "cause": "INVALID", "state": state }])).then_some(())
    };
    eventually("an alert says so", async || alerted("OPEN").await).await;
    let late = json!({ "credentialId": id, "purpose": "work" });
    eventually("what is left of it is over", async || {
        let answer =
            bob.ask(&crate::harness::mutation("leaseCredential", "position"), json!({ "input": late })).await;
        (answer["errors"][0]["extensions"]["reason"] == "ACCESS_TOKEN_EXPIRED").then_some(())
    })
    .await;

    let anew = setting.authorized(json!({ "oauthClientId": setting.client, "credentialId": id })).await;
    assert_eq!((&anew["status"], &anew["secretVersion"]), (&json!("VALID"), &json!(2)));
    eventually("the alert is over", async || alerted("RESOLVED").await).await;
}

#[tokio::test]
async fn an_answer_that_is_not_the_providers_to_who_asked_takes_nothing() {
    let setting = Setting::begin(HOUR).await;
    let (flow, url) = setting.begun(setting.wish("Mailbox")).await;
    let callback = setting.allowed(&url).await;
    let with = |name: &str, value: &str| {
        let mut url = reqwest::Url::parse(&callback).expect("an address");
        let pairs: Vec<_> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
        String::from(url)
    };
    let state = text(&json!(
        reqwest::Url::parse(&callback)
            .expect("an address")
            .query_pairs()
            .find(|(name, _)| name == "state")
            .expect("a state")
            .1
    ));
    let middle = if &state[60..61] == "A" { "B" } else { "A" };
    let other = format!("{}{middle}{}", &state[..60], &state[61..]);
    for (what, url, said) in [
        ("no state", with("state", ""), "not known here"),
        ("another state", with("state", &other), "not known here"),
        ("another provider", with("iss", "https://evil.example"), "does not come from the provider"),
    ] {
        let (status, page) = get(&url).await;
        assert!(status == 400 && page.contains(said), "{what}: {status} {page}");
    }
    let (status, page) = get(&with("code", "made-up")).await;
    assert!(status == 502 && page.contains("gave no tokens"), "{status} {page}");
    let (status, page) = get(&callback).await;
    assert!(status == 400 && page.contains("taken before"), "{status} {page}");
    let complete = json!({ "flowId": flow, "code": "AAAAA-AAAAA" });
    let refused = setting.world.bob.refused("completeOAuth2", complete).await;
    assert_eq!(refused["reason"], "AUTHORIZATION_FAILED", "nothing was taken, and bob hears why");
    let (_, url) = setting.begun(setting.wish("Mailbox")).await;
    let denied = setting.allowed(&url).await;
    let mut denied = reqwest::Url::parse(&denied).expect("an address");
    let pairs: Vec<_> = denied.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
    denied.query_pairs_mut().clear().extend_pairs(pairs).append_pair("error", "access_denied");
    let (status, page) = get(denied.as_str()).await;
    assert!(status == 400 && page.contains("did not allow"), "{status} {page}");
    let page = get(&format!("{}/oauth2/callback", setting.world.server.base)).await;
    assert_eq!(page.0, 400);
}

#[tokio::test]
async fn a_client_gets_tokens_for_itself_also_after_its_provider_was_down() {
    let setting = Setting::begin(SHORT).await;
    let (bob, alice) = (&setting.world.bob, &setting.world.alice);
    let mut wish = setting.wish("Robot");
    wish["grant"] = json!("CLIENT_CREDENTIALS");
    wish["scopes"] = json!(["read"]);
    let checked = wish["fields"].take();
    wish["idempotencyKey"] = json!("once");
    assert_eq!(
        bob.refused("beginOAuth2", wish.clone()).await["code"],
        "NOT_FOUND",
        "it is for who manages clients"
    );
    let with = |name: &str, value: Value| {
        let mut wish = wish.clone();
        wish[name] = value;
        wish
    };
    let more = alice.refused("beginOAuth2", with("scopes", json!(["read", "admin"]))).await;
    assert_eq!(more["fields"][0]["path"], "input.scopes.1");
    // What the system rejects leaves nothing behind.
    let refused = alice.refused("beginOAuth2", with("fields", checked)).await;
    assert_eq!(refused["reason"], "VERIFICATION_FAILED", "{refused:#}");
    let users = "query($id: ID!) { oauthClient(id: $id) { credentials { id } hiddenCount } }";
    let users = alice.data(users, json!({ "id": setting.client })).await;
    assert_eq!(users["oauthClient"], json!({ "credentials": [], "hiddenCount": 0 }));
    let selection = "flowId authorizationUrl replayed credential { id authorization { grant refreshes } }";
    let made = alice.mutate("beginOAuth2", selection, wish.clone()).await;
    assert!(made["flowId"].is_null() && made["authorizationUrl"].is_null(), "{made:#}");
    let authorization = json!({ "grant": "CLIENT_CREDENTIALS", "refreshes": true });
    assert_eq!(made["credential"]["authorization"], authorization);
    let id = text(&made["credential"]["id"]);
    let first = leased(alice, &id).await;
    let Setting { world, provider, .. } = setting;
    let ended = provider.given("url").to_owned();
    drop(provider);
    let again = world.alice.mutate("beginOAuth2", "replayed credential { id }", wish).await;
    assert_eq!(again, json!({ "replayed": true, "credential": { "id": id } }), "nobody is asked for it");
    let input = json!({ "credentialId": id, "purpose": "work" });
    eventually("its token is over, and no other one is there", async || {
        let answer = world
            .alice
            .ask(&crate::harness::mutation("leaseCredential", "position"), json!({ "input": input }))
            .await;
        (answer["errors"][0]["extensions"]["reason"] == "ACCESS_TOKEN_EXPIRED").then_some(())
    })
    .await;
    let seen = world.alice.credential(&id, "status authorization { refused }").await;
    assert_eq!(
        seen,
        json!({ "status": "UNVERIFIED", "authorization": { "refused": false } }),
        "that proves nothing"
    );
    let _back = OidcProvider::in_place_of(&ended, &callback_of(&world), HOUR).await;
    let there = async || {
        let until = world.alice.credential(&id, "authorization { accessTokenExpiresAt }").await;
        let refreshed = history(&world.alice, &id).await.iter().any(|event| event.contains("TokenRefreshed"));
        (refreshed && until["authorization"]["accessTokenExpiresAt"].is_string()).then_some(())
    };
    eventually("the next one is there", there).await;
    assert_ne!(leased(&world.alice, &id).await["access_token"], first["access_token"]);
}
