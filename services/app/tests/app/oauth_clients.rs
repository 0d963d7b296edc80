//! OAuth clients: their secret in the vault, and what uses them.

use keytrail_app::{AppError, NewOAuthClient, OAuthClientUpdate};
use keytrail_domain::{
    CredentialId, EventId, EventMeta, NewEvent, OAuthClientId, Role, SecretRef, SecretValue, StreamId,
    Timestamp,
    oauth_client::{ClientAuthentication, ClientSettings, OAuthClientEvent, Provider, secret_in},
};
use keytrail_ports::{EventStore, Expected, views::OAuthClientRow};
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, plain};

fn mail() -> NewOAuthClient {
    NewOAuthClient {
        client_id: "app-1".into(),
        settings: ClientSettings {
            name: "Mail".into(),
            components: ["oauth2-generic".to_owned()].into(),
            provider: Provider { token_url: "https://id.example/token".into(), ..Provider::default() },
            scopes: Vec::new(),
            authentication: ClientAuthentication::Basic,
        },
        components: vec!["oauth2-generic".into()],
        secret: Some(SecretValue::new("s3cr3t".into())),
    }
}

fn unchanged(id: OAuthClientId) -> OAuthClientUpdate {
    OAuthClientUpdate {
        id,
        name: None,
        components: None,
        authorization_url: None,
        token_url: None,
        revocation_url: None,
        issuer: None,
        scopes: None,
        authentication: None,
        secret: None,
        expected_revision: None,
    }
}

impl World {
    async fn oauth_client(&self) -> OAuthClientId {
        let create = plain("createOAuthClient");
        self.app.create_oauth_client(&self.alice, create, mail()).await.unwrap().value
    }

    async fn update_oauth_client(&self, update: OAuthClientUpdate) -> OAuthClientRow {
        let id = update.id;
        self.app.update_oauth_client(&self.alice, plain("updateOAuthClient"), update).await.unwrap();
        self.shown().await;
        self.oauth_client_row(id).await
    }

    async fn oauth_client_row(&self, id: OAuthClientId) -> OAuthClientRow {
        self.app.oauth_client(&self.alice, id).await.unwrap().unwrap()
    }

    /// The secrets of a client that the sweep keeps.
    async fn kept_of(&self, id: OAuthClientId) -> Vec<SecretRef> {
        let all = self.ports.views.known_secrets(self.alice.principal.tenant).await.unwrap();
        all.into_iter().filter(|at| at.owner == id.as_uuid()).collect()
    }

    async fn secret_at(&self, at: SecretRef) -> String {
        let payload = self.ports.secrets.get(at).await.unwrap();
        secret_in(&payload).unwrap().expose().to_owned()
    }

    /// As if a credential had its tokens by this client.
    async fn use_oauth_client(&self, id: OAuthClientId, credential: CredentialId) {
        let tenant = self.alice.principal.tenant;
        let stream = StreamId::oauth_client(tenant, id);
        let last = self.kept.log.read_stream(&stream, 0, 100).await.unwrap().pop().unwrap();
        let meta = EventMeta {
            schema_version: 1,
            tenant,
            actor: self.alice.principal.actor.clone(),
            recorded_at: Timestamp::EPOCH,
            correlation: Uuid::nil(),
            causation: None,
            idempotency: None,
            previous_hash: Some(last.hash().unwrap()),
        };
        let event = OAuthClientEvent::Reserved { credential };
        let event = NewEvent::encode(EventId::from_uuid(credential.as_uuid()), &event, &meta).unwrap();
        self.kept.log.append(&stream, Expected::Revision(last.revision), vec![event]).await.unwrap();
        self.shown().await;
    }
}

#[tokio::test]
async fn an_oauth_clients_secret_is_kept_until_there_is_another_one_or_none() {
    let world = World::start().await;
    let id = world.oauth_client().await;
    world.shown().await;
    let first = world.oauth_client_row(id).await.secret.unwrap();
    assert_eq!((world.kept_of(id).await, world.secret_at(first).await.as_str()), (vec![first], "s3cr3t"));
    let renamed = OAuthClientUpdate { name: Some("Post".into()), ..unchanged(id) };
    assert_eq!(world.update_oauth_client(renamed).await.secret, Some(first));
    let replaced = OAuthClientUpdate {
        secret: Some(SecretValue::new("next".into())),
        token_url: Some("https://b.example/token".into()),
        ..unchanged(id)
    };
    let second = world.update_oauth_client(replaced.clone()).await.secret.unwrap();
    assert_eq!((world.kept_of(id).await, world.secret_at(second).await.as_str()), (vec![second], "next"));
    let open = OAuthClientUpdate { authentication: Some(ClientAuthentication::None), ..unchanged(id) };
    assert_eq!(world.update_oauth_client(open).await.secret, None);
    assert_eq!(world.kept_of(id).await, []);
    let closed = OAuthClientUpdate { authentication: Some(ClientAuthentication::Post), ..replaced };
    assert_eq!(world.update_oauth_client(closed).await.revision, 7);
    assert_eq!(world.kept_of(id).await.len(), 1);
    let delete = plain("deleteOAuthClient");
    world.app.delete_oauth_client(&world.alice, delete, (id, None)).await.unwrap();
    world.shown().await;
    assert_eq!(world.kept_of(id).await, []);
    let log = world.everything().await;
    let text: String = log.iter().map(|event| String::from_utf8_lossy(&event.data).into_owned()).collect();
    assert!(text.contains("https://b.example/token") && !text.contains("s3cr3t"), "{text}");
}

#[tokio::test]
async fn an_oauth_client_in_use_says_by_what_as_far_as_the_caller_may_know() {
    let world = World::start().await;
    let id = world.oauth_client().await;
    let (bob, erin) = (world.member("bob", Role::Member).await, world.member("erin", Role::Admin).await);
    let hers = world.create(&bob, "Hers").await.unwrap().value;
    world.use_oauth_client(id, hers).await;
    let gone = CredentialId::from_uuid(Uuid::from_u128(9));
    world.use_oauth_client(id, gone).await;
    let row = world.oauth_client_row(id).await;
    assert_eq!((row.users.len(), row.revision, row.updated_at), (2, 1, row.created_at));
    let refused = world.app.delete_oauth_client(&erin, plain("deleteOAuthClient"), (id, Some(1))).await;
    let Err(AppError::Refused { reason: "OAUTH_CLIENT_IN_USE", details, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(details, json!({ "credentials": [hers], "hiddenCount": 1 }));
}
