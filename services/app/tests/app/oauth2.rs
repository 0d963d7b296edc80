//! Tokens that are kept alive, whatever happens meanwhile, and end where they should.

mod flows;
mod grants;

use keytrail_app::{
    AnewOAuth2, AppError, BegunOAuth2, Call, Callback, CompletionPage, CredentialRotation, NewCredential,
    NewOAuth2, NewOAuthClient, OAuth2Wish, ScheduleOptions, Work,
};
use keytrail_domain::{
    CredentialId, OAuthClientId, Role, SecretValue, StreamId,
    credential::{OAuthGrant, Status},
    oauth_client::{ClientAuthentication, ClientSettings, Provider},
};
use keytrail_ports::{EventStore, views::CredentialRow};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::{
    faults::Fault,
    schedule::Watch,
    token_provider::{LIFE, REVOKE, SLOW, TOKENS},
    world::{World, bearer, member_of, plain},
};

/// The next token is due then.
const ALMOST: i64 = LIFE - 299;

impl World {
    async fn token_client(&self, by: &Call, token_url: &str) -> OAuthClientId {
        let new = NewOAuthClient {
            client_id: "app-1".into(),
            settings: ClientSettings {
                name: token_url.into(),
                components: ["oauth2-generic".to_owned()].into(),
                provider: Provider {
                    authorization_url: Some("https://id.example/authorize".into()),
                    token_url: token_url.into(),
                    revocation_url: Some(REVOKE.into()),
                    issuer: None,
                },
                scopes: Vec::new(),
                authentication: ClientAuthentication::Basic,
            },
            components: vec!["oauth2-generic".into()],
            secret: Some(SecretValue::new("s3cr3t".into())),
        };
        self.app.create_oauth_client(by, plain("createOAuthClient"), new).await.unwrap().value
    }

    async fn begun(
        &self,
        by: &Call,
        client: OAuthClientId,
        new: NewCredential,
    ) -> Result<(Uuid, String), AppError> {
        self.shown().await;
        let wish = NewOAuth2 {
            client,
            grant: OAuthGrant::AuthorizationCode,
            scopes: None,
            wish: OAuth2Wish::New(Box::new(new)),
        };
        match self.app.begin_oauth2(by, plain("beginOAuth2"), wish).await? {
            BegunOAuth2::Waiting { flow, url, .. } => Ok((flow, url)),
            BegunOAuth2::There(_) => panic!("nobody was asked"),
        }
    }

    /// What a person sees who allows it.
    async fn allowed(&self, url: &str) -> Option<CompletionPage> {
        let url = Url::parse(url).unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
        let code = Some(SecretValue::new("code".into()));
        self.app.oauth2_callback(Callback { state, code, iss: None, error: None }).await.ok()
    }

    async fn authorized_by(&self, by: &Call, client: OAuthClientId, name: &str) -> CredentialId {
        let (flow, url) = self.begun(by, client, mailbox(name)).await.unwrap();
        let page = self.allowed(&url).await.unwrap();
        let done = self.app.complete_oauth2(by, plain("completeOAuth2"), (flow, &page.code), None).await;
        self.shown().await;
        done.unwrap().value
    }

    async fn authorized(&self) -> CredentialId {
        let client = self.token_client(&self.alice, TOKENS).await;
        self.authorized_by(&self.alice, client, "Mailbox").await
    }

    fn refreshing(&self) -> Running {
        let (app, stop) = (self.app.clone(), CancellationToken::new());
        let until = stop.clone();
        Running { stop, task: tokio::spawn(async move { app.run_refresh(until).await }) }
    }

    /// Lets the reactors end what has ended, until this many tokens are revoked.
    async fn ended(&self, revoked: usize) -> Vec<String> {
        let (app, stop) = (self.app.clone(), CancellationToken::new());
        let until = stop.clone();
        let running = Running { stop, task: tokio::spawn(async move { app.run_usage(until).await }) };
        while self.kept.provider.revoked().len() < revoked {
            tokio::task::yield_now().await;
        }
        running.end().await;
        self.kept.provider.revoked()
    }

    async fn row_of(&self, id: CredentialId) -> CredentialRow {
        self.shown().await;
        let tenant = self.alice.principal.tenant;
        let row = self.ports.views.credentials_by_id(tenant, &[id]).await.unwrap().pop().unwrap();
        row.as_ref().clone()
    }

    async fn refreshes(&self, id: CredentialId) -> usize {
        self.stream(id).await.iter().filter(|event| event.event_type == "CredentialTokenRefreshed").count()
    }

    async fn wait_for_refreshes(&self, id: CredentialId, many: usize) {
        while self.refreshes(id).await < many {
            tokio::task::yield_now().await;
        }
        self.shown().await;
    }

    async fn rotated(&self, id: CredentialId, field: &str, overlap_seconds: u32) -> Result<(), AppError> {
        let rotation = CredentialRotation {
            id,
            fields: json!({ field: "by-hand" }).as_object().cloned().unwrap(),
            allowed_hosts: None,
            expires_at: None,
            verify: false,
            accept_inconclusive: false,
            overlap_seconds,
            expected_revision: None,
        };
        let done = self.app.rotate_credential(&self.alice, plain("rotateCredential"), rotation).await;
        self.shown().await;
        done.map(drop)
    }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn mailbox(name: &str) -> NewCredential {
    let fields = json!({ "client_id": "app-1", "userinfo_uri": "https://api.example.com/me" });
    let fields = fields.as_object().cloned().unwrap();
    NewCredential { component: "oauth2-generic".into(), fields, verify: true, ..bearer(name, None) }
}

#[tokio::test]
async fn two_nodes_use_each_refresh_token_once() {
    let [first, second] = World::start().await.two_nodes().await;
    let id = first.authorized().await;
    let provider = &first.kept.provider;
    let running = first.refreshing();
    while !first.app.does(Work::Refresh) {
        tokio::task::yield_now().await;
    }
    let other = second.refreshing();
    for round in 1..=2 {
        first.kept.clock.forward(ALMOST);
        first.wait_for_refreshes(id, round).await;
    }
    running.end().await;
    second.kept.clock.forward(ALMOST);
    second.wait_for_refreshes(id, 3).await;
    other.end().await;
    assert_eq!((provider.asked(), provider.reused()), (4, 0));
}

#[tokio::test]
async fn what_a_provider_gave_is_noted_later_also_of_what_was_stopped_meanwhile() {
    let world = World::start().await;
    let id = world.authorized().await;
    let provider = &world.kept.provider;
    world.kept.log.script([Fault::Unavailable]);
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    while world.kept.log.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let suspend = plain("suspendCredential");
    world.app.suspend_credential(&world.alice, suspend, id, "a look".into(), None).await.unwrap();
    world.wait_for_refreshes(id, 1).await;
    assert_eq!((provider.asked(), provider.reused()), (2, 0), "nobody is asked again");
    let resume = plain("resumeCredential");
    world.app.resume_credential(&world.alice, resume, id, "fine".into(), None).await.unwrap();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 2).await;
    running.end().await;
    assert_eq!(provider.reused(), 0);
}

#[tokio::test]
async fn what_was_deleted_while_a_provider_was_asked_is_whole_when_it_comes_back() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, SLOW).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let provider = &world.kept.provider;
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    provider.wait_for(2).await;
    world.app.delete_credential(&world.alice, plain("deleteCredential"), id, false, None).await.unwrap();
    provider.answers(9);
    world.wait_for_refreshes(id, 1).await;
    world.app.restore_credential(&world.alice, plain("restoreCredential"), id, None).await.unwrap();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 2).await;
    running.end().await;
    assert_eq!(provider.reused(), 0);
}

#[tokio::test]
async fn a_stop_waits_for_what_a_provider_was_asked_and_notes_it() {
    let [first, second] = World::start().await.two_nodes().await;
    let client = first.token_client(&first.alice, SLOW).await;
    let id = first.authorized_by(&first.alice, client, "Mailbox").await;
    let provider = &first.kept.provider;
    let running = first.refreshing();
    first.kept.clock.forward(ALMOST);
    provider.wait_for(2).await;
    first.kept.log.script([Fault::Unavailable]);
    running.stop.cancel();
    let other = second.refreshing();
    provider.answers(9);
    running.task.await.unwrap();
    assert_eq!(first.refreshes(id).await, 1, "also when that fails once");
    second.kept.clock.forward(ALMOST);
    second.wait_for_refreshes(id, 2).await;
    other.end().await;
    assert_eq!(provider.reused(), 0);
}

#[tokio::test]
async fn what_comes_again_is_told_again_and_an_end_that_people_gave_stays() {
    let mut watch = Watch::over(World::start().await, ScheduleOptions::default()).await;
    let id = watch.world.authorized().await;
    let expired = async |watch: &Watch| {
        watch.events(id).await.iter().filter(|event| *event == "CredentialExpired").count()
    };
    watch.world.kept.provider.is_away(true);
    watch.world.kept.clock.forward(LIFE + 60);
    watch.turns().await;
    assert_eq!(expired(&watch).await, 1);
    // The token is over still.
    watch.world.rotated(id, "client_secret", 0).await.unwrap();
    watch.turns().await;
    assert_eq!((expired(&watch).await, watch.row(id).await.status(watch.now())), (2, Status::Expired));
    let update = keytrail_app::CredentialUpdate {
        id,
        name: None,
        external_id: None,
        labels: None,
        expires_at: Some(Some(watch.now().plus_seconds(1))),
        allowed_hosts: None,
        fields: None,
        verify: false,
        expected_revision: None,
    };
    let change = plain("updateCredential");
    watch.world.app.update_credential(&watch.world.alice, change, update).await.unwrap();
    watch.world.kept.clock.forward(9);
    watch.turns().await;
    watch.world.kept.provider.is_away(false);
    let running = watch.world.refreshing();
    watch.world.wait_for_refreshes(id, 1).await;
    running.end().await;
    watch.turns().await;
    assert_eq!(watch.row(id).await.status(watch.now()), Status::Expired, "by its maker's word");
    // When an end that comes later has its alert, all before it was looked at.
    let end = watch.now().plus_seconds(1);
    watch.ending("Mark", end).await;
    watch.world.kept.clock.forward(2);
    watch.turns().await;
    let count = |alerts: &[String], what: &str| alerts.iter().filter(|alert| *alert == what).count();
    let mut alerts = watch.alerts(1).await;
    while count(&alerts, "AlertOpened expired") < 3 {
        tokio::task::yield_now().await;
        alerts = watch.alerts(1).await;
    }
    assert_eq!(count(&alerts, "AlertResolved expired"), 1, "by the rotation alone: {alerts:?}");
}

#[tokio::test]
async fn a_slow_provider_holds_back_nothing_but_itself() {
    let world = World::start().await;
    let slow = world.token_client(&world.alice, SLOW).await;
    for number in 0..5 {
        world.authorized_by(&world.alice, slow, &format!("Slow {number}")).await;
    }
    let new = keytrail_app::NewTenant {
        slug: "globex".into(),
        name: "Globex".into(),
        owner_subject: "mallory".into(),
        owner_issuer: None,
        owner_profile: None,
    };
    world.app.create_tenant(new).await.unwrap();
    let mallory = world.sign_in_to("globex", "mallory").await.unwrap();
    let slow = world.token_client(&mallory, SLOW).await;
    world.authorized_by(&mallory, slow, "Slow").await;
    let quick = world.token_client(&mallory, TOKENS).await;
    let provider = &world.kept.provider;
    let before = provider.asked();
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    provider.wait_for(before + 5).await;
    let quick = world.authorized_by(&mallory, quick, "Quick").await;
    world.kept.clock.forward(ALMOST);
    let stream = StreamId::credential(mallory.principal.tenant, quick);
    while world.kept.log.read_stream(&stream, 0, 9).await.unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.asked(), before + 7, "four of one tenant at once, and none of them again");
    provider.answers(9);
    provider.wait_for(before + 8).await;
    running.end().await;
}

#[tokio::test]
async fn an_access_token_that_is_over_is_told_until_there_is_another_one() {
    let mut watch = Watch::over(World::start().await, ScheduleOptions::default()).await;
    let id = watch.world.authorized().await;
    watch.world.kept.provider.is_away(true);
    watch.world.kept.clock.forward(LIFE + 59);
    watch.turns().await;
    let now = watch.now();
    assert_eq!(watch.row(id).await.status(now), Status::Valid, "another one gets a minute to come");
    watch.world.kept.clock.forward(1);
    watch.turns().await;
    assert_eq!(watch.row(id).await.status(watch.now()), Status::Expired);
    assert_eq!(watch.alerts(1).await, ["AlertOpened expired"]);
    watch.turns().await;
    assert_eq!(watch.events(id).await.iter().filter(|event| *event == "CredentialExpired").count(), 1);
    watch.world.kept.provider.is_away(false);
    let running = watch.world.refreshing();
    watch.world.wait_for_refreshes(id, 1).await;
    running.end().await;
    assert_eq!(watch.row(id).await.status(watch.now()), Status::Valid);
    assert_eq!(watch.alerts(2).await, ["AlertOpened expired", "AlertResolved expired"]);
}

#[tokio::test]
async fn of_a_token_without_another_one_the_end_is_told_at_once() {
    let world = World::start().await;
    world.kept.provider.gives_only_access();
    let id = world.authorized().await;
    let mut watch = Watch::over(world, ScheduleOptions::default()).await;
    watch.world.kept.clock.forward(LIFE);
    watch.turns().await;
    assert_eq!(watch.row(id).await.status(watch.now()), Status::Expired);
}
