//! Tokens of a real server, and what its answers mean.

use std::sync::Arc;

use keytrail_domain::{SecretValue, oauth_client::ClientAuthentication};
use keytrail_ports::{TokenClient, TokenError, TokenGrant, TokenServer, Tokens};
use keytrail_test_support::OidcProvider;
use keytrail_verify::{
    GuardedTokenServer,
    guard::{Lookup, SystemLookup},
};

fn asking(allowed: &[&str]) -> GuardedTokenServer {
    let lookup: Arc<dyn Lookup> = SystemLookup::shared();
    let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
    GuardedTokenServer::new(allowed, &lookup).unwrap()
}

fn client(server: &OidcProvider) -> TokenClient {
    TokenClient {
        client_id: server.given("client_id").into(),
        client_secret: Some(SecretValue::new(server.given("client_secret").into())),
        authentication: ClientAuthentication::Basic,
    }
}

fn refresh(token: &str) -> TokenGrant {
    TokenGrant::Refresh(SecretValue::new(token.into()))
}

fn itself() -> TokenGrant {
    TokenGrant::Client { scopes: vec!["read".into()] }
}

async fn asked(server: &OidcProvider, client: &TokenClient, grant: TokenGrant) -> Result<Tokens, TokenError> {
    asking(&["127.0.0.0/8"]).tokens(&server.url("/token"), client, grant).await
}

#[tokio::test]
async fn a_client_gets_tokens_by_each_way_of_saying_who_it_is() {
    let server = OidcProvider::start().await;
    let given = asked(&server, &client(&server), itself()).await.unwrap();
    assert_eq!((given.expires_in, given.scopes), (Some(3_600), Some(vec!["read".to_owned()])));
    assert!(given.refresh.is_none());
    let posting = TokenClient {
        client_id: "posting".into(),
        client_secret: Some(SecretValue::new("posted-secret".into())),
        authentication: ClientAuthentication::Post,
    };
    let given = asked(&server, &posting, TokenGrant::Client { scopes: Vec::new() }).await;
    assert!(given.is_ok(), "{:?}", given.err());
    let wrong = TokenClient { client_secret: Some(SecretValue::new("wrong".into())), ..client(&server) };
    let refused = asked(&server, &wrong, itself()).await.err().unwrap();
    assert!(matches!(refused, TokenError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_refresh_token_counts_once_and_one_that_was_revoked_not_at_all() {
    let server = OidcProvider::start().await;
    let first = server.given("refresh_token").to_owned();
    let given = asked(&server, &client(&server), refresh(&first)).await.unwrap();
    let next = given.refresh.unwrap();
    assert_ne!(next.expose(), first);
    let url = server.url("/token/revocation");
    let outside = asking(&["127.0.0.0/8"]);
    outside.revoke(&url, &client(&server), &next).await.unwrap();
    outside.revoke(&url, &client(&server), &next).await.unwrap();
    for gone in [next.expose(), "made-up"] {
        let refused = asked(&server, &client(&server), refresh(gone)).await.err().unwrap();
        assert_eq!(refused, TokenError::Revoked);
    }
}

#[tokio::test]
async fn what_proves_nothing_is_no_refusal_and_nothing_goes_where_the_operator_does_not_allow() {
    let server = OidcProvider::start().await;
    let refused = asking(&[]).tokens(&server.url("/token"), &client(&server), itself()).await.err().unwrap();
    assert!(matches!(&refused, TokenError::NotAllowed(why) if why.contains("allow")), "{refused:?}");
    let elsewhere =
        asking(&["127.0.0.0/8"]).tokens(&server.url("/nothing"), &client(&server), itself()).await;
    let elsewhere = elsewhere.err().unwrap();
    assert!(matches!(elsewhere, TokenError::Unavailable(_)), "{elsewhere:?}");
    let url = server.url("/token");
    let asking_client = client(&server);
    drop(server);
    let away = asking(&["127.0.0.0/8"]).tokens(&url, &asking_client, itself()).await.err().unwrap();
    assert!(matches!(away, TokenError::Unavailable(_)), "{away:?}");
}
