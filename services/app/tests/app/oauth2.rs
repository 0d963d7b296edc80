//! Tokens that are kept alive, whatever happens meanwhile, and end where they should.

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
    NewCredential { component: "oauth2-generic".into(), fields, ..bearer(name, None) }
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
    while world.kept.log.read_stream(&stream, 0, 9).await.unwrap().len() < 3 {
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
    assert_eq!(watch.row(id).await.status(now), Status::Unverified, "another one gets a minute to come");
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
    assert_eq!(watch.row(id).await.status(watch.now()), Status::Unverified);
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

#[tokio::test]
async fn who_rotates_another_secret_leaves_the_tokens_to_the_client() {
    let world = World::start().await;
    let id = world.authorized().await;
    world.rotated(id, "client_secret", 0).await.unwrap();
    // What ends later is all that ends.
    let client = world.token_client(&world.alice, "https://other.example/token").await;
    let other = world.authorized_by(&world.alice, client, "Other").await;
    world.rotated(other, "access_token", 0).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-2"]);
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 1).await;
    running.end().await;
    let row = world.row_of(id).await;
    let kept = row.authorization.as_ref().and_then(|known| known.authorization.refresh).unwrap();
    let known = world.ports.views.known_secrets(row.tenant).await.unwrap();
    assert!(known.contains(&kept), "the sweep keeps it");
    assert_eq!((row.current_version(), world.kept.provider.reused()), (2, 0));
}

#[tokio::test]
async fn a_token_of_ones_own_ends_the_grant_and_frees_the_client() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let refused = world.rotated(id, "access_token", 3_600).await;
    assert!(matches!(refused, Err(AppError::Refused { reason: "TOKEN_OF_CLIENT", .. })), "{refused:?}");
    let at = world.row_of(id).await.authorization.unwrap().authorization.refresh.unwrap();
    world.rotated(id, "access_token", 0).await.unwrap();
    assert_eq!(world.row_of(id).await.authorization, None);
    assert_eq!(world.ended(1).await, ["refresh-1"]);
    while !world.app.oauth_client(&world.alice, client).await.unwrap().unwrap().users.is_empty() {
        world.ended(1).await;
    }
    use keytrail_ports::SecretStore;
    assert!(world.kept.vault.get(at).await.is_err(), "its token is destroyed");
}

#[tokio::test]
async fn what_is_purged_ends_at_the_provider() {
    let world = World::start().await;
    let id = world.authorized().await;
    world.app.delete_credential(&world.alice, plain("deleteCredential"), id, false, None).await.unwrap();
    world.app.purge_credential(&world.alice, plain("purgeCredential"), id, None).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-1"]);
}

#[tokio::test]
async fn who_is_removed_in_between_gets_nothing() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let bob = world.member("bob", Role::Member).await;
    let (_, early) = world.begun(&bob, client, mailbox("Early")).await.unwrap();
    let (flow, late) = world.begun(&bob, client, mailbox("Late")).await.unwrap();
    let page = world.allowed(&late).await.unwrap();
    let asked = world.kept.provider.asked();
    let remove = plain("removeMember");
    world.app.remove_member(&world.alice, remove, (member_of(&bob), None), None).await.unwrap();
    world.shown().await;
    assert!(world.allowed(&early).await.is_none());
    assert_eq!(world.kept.provider.asked(), asked, "no code is given away");
    let complete = plain("completeOAuth2");
    let refused = world.app.complete_oauth2(&bob, complete, (flow, &page.code), None).await;
    assert!(matches!(refused, Err(AppError::NotFound | AppError::Unauthenticated)), "{refused:?}");
}

#[tokio::test]
async fn what_would_be_refused_in_the_end_is_refused_at_the_beginning() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    world.create(&world.alice, "Taken").await.unwrap();
    let taken = world.begun(&world.alice, client, mailbox("Taken")).await;
    assert!(matches!(taken, Err(AppError::Conflict { .. })), "{taken:?}");
    let mut others = mailbox("Others");
    others.fields.insert("client_id".into(), "app-2".into());
    let mut bare = mailbox("Bare");
    bare.fields.insert("token_url".into(), "unknown".into());
    let hosts = NewCredential { allowed_hosts: Some(vec!["no host".into()]), ..mailbox("Hosts") };
    for (what, new) in [
        ("a long name", mailbox(&"n".repeat(256))),
        ("another client", others),
        ("an unknown field", bare),
        ("a host", hosts),
    ] {
        let refused = world.begun(&world.alice, client, new).await;
        assert!(matches!(refused, Err(AppError::BadInput(_))), "{what}: {refused:?}");
    }
    assert!(world.begun(&world.alice, client, mailbox("Fine")).await.is_ok());
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_replaced_and_the_answer_comes_again_whatever_the_code() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let mut new = mailbox("Taken");
    new.fields.remove("client_id");
    let (flow, url) = world.begun(&world.alice, client, new).await.unwrap();
    let page = world.allowed(&url).await.unwrap();
    assert_eq!((page.credential.as_str(), page.person.as_str()), ("Taken", "alice"));
    world.create(&world.alice, "Taken").await.unwrap();
    world.shown().await;
    let complete = async |code: &str, name: Option<&str>| {
        let mutation = plain("completeOAuth2");
        world.app.complete_oauth2(&world.alice, mutation, (flow, code), name.map(str::to_owned)).await
    };
    let taken = complete(&page.code, None).await;
    assert!(matches!(taken, Err(AppError::Conflict { .. })), "{taken:?}");
    let made = complete(&page.code, Some("Mine")).await.unwrap();
    let row = world.row_of(made.value).await;
    assert_eq!((row.name.as_str(), &row.fields["client_id"]), ("Mine", &json!("app-1")));
    let again = complete("AAAAAAAAAA", None).await.unwrap();
    assert_eq!((again.value, again.replayed), (made.value, true));
}

#[tokio::test]
async fn what_is_suspended_is_not_begun_to_be_authorized_anew() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let suspend = plain("suspendCredential");
    world.app.suspend_credential(&world.alice, suspend, id, "a look".into(), None).await.unwrap();
    world.shown().await;
    let asked = world.kept.provider.asked();
    for grant in [OAuthGrant::AuthorizationCode, OAuthGrant::ClientCredentials] {
        let wish = NewOAuth2 { client, grant, scopes: None, wish: OAuth2Wish::Anew(anew(id)) };
        let refused = world.app.begin_oauth2(&world.alice, plain("beginOAuth2"), wish).await.err();
        assert!(
            matches!(refused, Some(AppError::Refused { reason: "CREDENTIAL_SUSPENDED", .. })),
            "{refused:?}"
        );
    }
    assert_eq!(world.kept.provider.asked(), asked);
}

fn anew(id: CredentialId) -> AnewOAuth2 {
    AnewOAuth2 { id, fields: serde_json::Map::new(), allowed_hosts: None }
}

impl World {
    async fn authorized_anew(&self, by: &Call, client: OAuthClientId, anew: AnewOAuth2) {
        self.shown().await;
        let grant = OAuthGrant::AuthorizationCode;
        let wish = NewOAuth2 { client, grant, scopes: None, wish: OAuth2Wish::Anew(anew) };
        let begun = self.app.begin_oauth2(by, plain("beginOAuth2"), wish).await.unwrap();
        let BegunOAuth2::Waiting { flow, url, .. } = begun else { panic!("nobody was asked") };
        let page = self.allowed(&url).await.unwrap();
        let done = self.app.complete_oauth2(by, plain("completeOAuth2"), (flow, &page.code), None).await;
        done.unwrap();
        self.shown().await;
    }
}

#[tokio::test]
async fn who_authorizes_anew_by_the_same_client_ends_nothing_there_and_by_another_one_the_old_grant() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let fields = json!({ "userinfo_uri": "https://other.example/me" }).as_object().cloned().unwrap();
    let hosts = Some(vec!["other.example".to_owned(), "api.example.com".to_owned()]);
    world
        .authorized_anew(&world.alice, client, AnewOAuth2 { id, fields, allowed_hosts: hosts.clone() })
        .await;
    let row = world.row_of(id).await;
    assert_eq!(row.fields["userinfo_uri"], json!("https://other.example/me"));
    assert_eq!(Some(row.allowed_hosts), hosts);
    let other = world.token_client(&world.alice, "https://other.example/token").await;
    world.authorized_anew(&world.alice, other, anew(id)).await;
    assert_eq!(world.ended(1).await, ["refresh-2"], "not the first");
}

#[tokio::test]
async fn a_provider_that_gives_no_refresh_token_again_leaves_the_one_before() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "Mailbox").await;
    let first = world.row_of(id).await.authorization.unwrap().authorization.refresh;
    world.kept.provider.gives_only_access();
    world.authorized_anew(&world.alice, client, anew(id)).await;
    let row = world.row_of(id).await;
    assert_eq!((row.current_version(), row.authorization.unwrap().authorization.refresh), (2, first));
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 1).await;
    running.end().await;
    assert_eq!(world.kept.provider.reused(), 0);
}

#[tokio::test]
async fn a_grant_by_which_others_may_live_is_not_ended() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let id = world.authorized_by(&world.alice, client, "One").await;
    let two = world.authorized_by(&world.alice, client, "Two").await;
    world.rotated(id, "access_token", 0).await.unwrap();
    world.rotated(two, "access_token", 0).await.unwrap();
    assert_eq!(world.ended(1).await, ["refresh-2"], "the last one ends it");
}

#[tokio::test]
async fn who_began_hears_what_the_provider_said() {
    let world = World::start().await;
    let client = world.token_client(&world.alice, TOKENS).await;
    let complete = async |flow: Uuid| {
        let mutation = plain("completeOAuth2");
        let refused = world.app.complete_oauth2(&world.alice, mutation, (flow, "AAAAAAAAAA"), None).await;
        let Err(AppError::Refused { reason, message, .. }) = refused else { panic!("{refused:?}") };
        (reason, message)
    };
    let (flow, url) = world.begun(&world.alice, client, mailbox("One")).await.unwrap();
    assert_eq!(complete(flow).await.0, "AUTHORIZATION_PENDING");
    let url = Url::parse(&url).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
    let said = Callback { state, code: None, iss: None, error: Some("invalid_scope".into()) };
    let page = world.app.oauth2_callback(said).await.err().unwrap().to_string();
    let (reason, message) = complete(flow).await;
    assert!(page.contains("(invalid_scope)") && message.contains("(invalid_scope)"), "{page} {message}");
    assert_eq!(reason, "AUTHORIZATION_FAILED");
    let (flow, url) = world.begun(&world.alice, client, mailbox("Two")).await.unwrap();
    world.kept.provider.is_away(true);
    assert!(world.allowed(&url).await.is_none());
    assert_eq!(complete(flow).await.0, "AUTHORIZATION_FAILED");
}
