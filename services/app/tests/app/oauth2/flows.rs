//! From the beginning of an authorization to its end.

use super::*;

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
    let elsewhere = world.authorized_by(&world.alice, client, "Elsewhere").await;
    world.kept.provider.gives_only_access();
    world.authorized_anew(&world.alice, client, anew(id)).await;
    let row = world.row_of(id).await;
    assert_eq!((row.current_version(), row.authorization.unwrap().authorization.refresh), (2, first));
    // Where the token goes elsewhere, it would be brought back there.
    let fields = json!({ "userinfo_uri": "https://api.example.com/other" }).as_object().cloned().unwrap();
    world.authorized_anew(&world.alice, client, AnewOAuth2 { fields, ..anew(elsewhere) }).await;
    let moved = world.row_of(elsewhere).await.authorization.unwrap();
    assert_eq!(moved.authorization.refresh, None);
    let running = world.refreshing();
    world.kept.clock.forward(ALMOST);
    world.wait_for_refreshes(id, 1).await;
    running.end().await;
    assert_eq!(world.kept.provider.reused(), 0);
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
