//! The beginning: where a person is sent to allow it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keytrail_domain::{
    CredentialId, OAuthClientId, SecretValue, StreamId, Timestamp,
    component::Component,
    credential::{ACCESS_TOKEN, Credential, OAuthGrant},
};
use keytrail_ports::{Action, Completeness, Object, TokenGrant, views::OAuthClientRow};
use url::Url;
use uuid::Uuid;

use super::{
    By, NewOAuth2, OAuth2Wish, no_tokens,
    pending::{Begun, Flow, KeptWish, SECONDS, Step, hashed, random},
};
use crate::{
    App, AppError, Call, Done, Mutation, NewCredential,
    commands::{present, replayed, stream_of},
    idempotency::{About, Admission},
};

/// The field of a credential that holds the id of its client.
const CLIENT_ID: &str = "client_id";

/// What was begun. It cannot be printed: the address has the state.
pub enum BegunOAuth2 {
    /// A person has to allow it at this address, and then to complete it.
    Waiting {
        /// Which.
        flow: Uuid,
        /// The provider's address, with a `state` that counts once.
        url: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Nobody has to be asked: it is there.
    There(Done<CredentialId>),
}

impl App {
    /// Begins to authorize a new credential, or one that is there.
    ///
    /// # Errors
    /// Bad input; `FORBIDDEN` for who may not make or rotate it; `AUTHORIZATION_REFUSED`.
    pub async fn begin_oauth2(
        &self,
        call: &Call,
        mutation: Mutation,
        input: NewOAuth2,
    ) -> Result<BegunOAuth2, AppError> {
        let Some(member) = call.principal.actor.member() else {
            return Err(AppError::bad_input("oauthClientId", "only a member authorizes credentials"));
        };
        self.may_begin(call, &input.wish).await?;
        if let Admission::Done(done) = self.admit(call, &mutation, About::New(stream_of)).await? {
            return Ok(BegunOAuth2::There(replayed(done)?));
        }
        let (client, wish) = self.wish_of(call, input.client, &input.wish).await?;
        let scopes = scopes_of(&client, input.scopes)?;
        if input.grant == OAuthGrant::ClientCredentials {
            // What the client itself may do is more than a member may.
            self.authorize(call, Action::Update, Object::OAuthClient).await?;
            let asking = self.token_client(&client).await?;
            let grant = TokenGrant::Client { scopes: scopes.clone() };
            let tokens =
                self.ports().tokens.tokens(&client.settings.provider.token_url, &asking, grant).await;
            let tokens = tokens.map_err(|error| no_tokens(&error))?;
            let by = By { client: &client, grant: input.grant, scopes: &scopes };
            let done = self.authorize_credential(call, mutation, by, wish, tokens);
            return Ok(BegunOAuth2::There(done.await?));
        }
        let flow = Flow { tenant: call.principal.tenant, id: self.fresh_id() };
        let (state, verifier) = (flow.state(&random()?), new_verifier()?);
        let begun = Begun {
            state_hash: hashed(state.expose()),
            member,
            client: client.id,
            at: self.now(),
            provider: client.settings.provider.clone(),
            redirect_uri: self.redirect_uri(),
            scopes,
            wish,
        };
        let url = address(&client, &begun, &state, &verifier)?;
        self.write_step((flow, Step::Begun), &begun, [("verifier", verifier)]).await?;
        Ok(BegunOAuth2::Waiting { flow: flow.id, url, expires_at: begun.at.plus_seconds(SECONDS) })
    }

    async fn may_begin(&self, call: &Call, wish: &OAuth2Wish) -> Result<(), AppError> {
        match wish {
            OAuth2Wish::New(new) => {
                let owner = self.owner_or_caller(call, new.owner)?;
                self.authorize(call, Action::Create, Object::NewCredential(owner)).await
            }
            OAuth2Wish::Anew(anew) => self.authorize(call, Action::Rotate, Object::Credential(anew.id)).await,
        }
    }

    /// What shall be, and who gets the tokens for it.
    async fn wish_of(
        &self,
        call: &Call,
        client: OAuthClientId,
        wish: &OAuth2Wish,
    ) -> Result<(OAuthClientRow, KeptWish), AppError> {
        let tenant = call.principal.tenant;
        match wish {
            OAuth2Wish::New(new) => {
                let owner = self.owner_or_caller(call, new.owner)?;
                let component = self.component_named(tenant, &new.component).await?;
                must_take_tokens(&component)?;
                let client = self.client_for(tenant, client, &new.component).await?;
                let new = of_client((**new).clone(), &component, &client)?;
                self.fields_but_token(&component, &new)?;
                self.would_be_created(call, owner, component, &new).await?;
                Ok((client, KeptWish::of(&new)))
            }
            OAuth2Wish::Anew(anew) => {
                let row = self.ports().views.credentials_by_id(tenant, &[anew.id]).await?.pop();
                let row = row.ok_or(AppError::NotFound)?;
                let component = self.component_named(tenant, &row.component.slug).await?;
                must_take_tokens(&component)?;
                self.no_secrets(&component, &anew.fields)?;
                let client = self.client_for(tenant, client, &row.component.slug).await?;
                let credential: Credential = self.load(&StreamId::credential(tenant, anew.id)).await?;
                present(&credential)?.new_secret_may_be_checked()?;
                Ok((client, KeptWish::anew(anew, row.component.slug.clone())))
            }
        }
    }
}

impl App {
    fn no_secrets(
        &self,
        component: &Component,
        fields: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), AppError> {
        let components = &self.ports().components;
        let partial = components.check_fields(component, fields.clone(), Completeness::Partial);
        match partial.map_err(AppError::BadInput)?.secrets.names().next() {
            None => Ok(()),
            Some(name) => {
                Err(AppError::bad_input(&format!("fields.{name}"), "is secret: the provider gives it"))
            }
        }
    }

    /// All that the component wants is there but the access token: any stands for it, and its own rules are not asked.
    fn fields_but_token(&self, component: &Component, new: &NewCredential) -> Result<(), AppError> {
        self.no_secrets(component, &new.fields)?;
        let components = &self.ports().components;
        let mut fields = new.fields.clone();
        fields.insert(ACCESS_TOKEN.to_owned(), "t".into());
        let whole = components.check_fields(component, fields, Completeness::Complete);
        let mut wrong = whole.err().unwrap_or_default();
        wrong.retain(|error| error.path != format!("fields.{ACCESS_TOKEN}"));
        if wrong.is_empty() { Ok(()) } else { Err(AppError::BadInput(wrong)) }
    }
}

/// Where the fields have a client id, it is that of the client.
fn of_client(
    mut new: NewCredential,
    component: &Component,
    client: &OAuthClientRow,
) -> Result<NewCredential, AppError> {
    if component.properties().any(|(name, _)| name == CLIENT_ID) {
        let id = new.fields.entry(CLIENT_ID).or_insert_with(|| client.client_id.clone().into());
        if id.as_str() != Some(&client.client_id) {
            let rule = "is another client than the OAuth client: leave it out";
            return Err(AppError::bad_input(&format!("fields.{CLIENT_ID}"), rule));
        }
    }
    Ok(new)
}

/// Those of the client, or some of them.
fn scopes_of(client: &OAuthClientRow, asked: Option<Vec<String>>) -> Result<Vec<String>, AppError> {
    let known = &client.settings.scopes;
    let asked = asked.unwrap_or_else(|| known.clone());
    match asked.iter().position(|scope| !known.contains(scope)) {
        None => Ok(asked),
        Some(place) => {
            let rule = "is none of the OAuth client's scopes";
            Err(AppError::bad_input(&format!("scopes.{place}"), rule))
        }
    }
}

fn must_take_tokens(component: &Component) -> Result<(), AppError> {
    let is_secret = |schema: &serde_json::Value| schema["x-secret"] == serde_json::Value::Bool(true);
    match component.properties().any(|(name, schema)| name == ACCESS_TOKEN && is_secret(schema)) {
        true => Ok(()),
        false => Err(AppError::bad_input(
            "component",
            "its fields have no secret `access_token`: take oauth2-generic, or register one of your own",
        )),
    }
}

fn new_verifier() -> Result<SecretValue, AppError> {
    Ok(SecretValue::new(BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// RFC 6749, 4.1.1, with the challenge of RFC 7636.
fn address(
    client: &OAuthClientRow,
    begun: &Begun,
    state: &SecretValue,
    verifier: &SecretValue,
) -> Result<String, AppError> {
    let url = client.settings.provider.authorization_url.as_deref().and_then(|url| Url::parse(url).ok());
    let mut url = url.ok_or_else(|| {
        AppError::bad_input("oauthClientId", "the OAuth client has no authorizationUrl: nobody can be asked")
    })?;
    let challenge = hashed(verifier.expose());
    let mut query = url.query_pairs_mut();
    query.append_pair("response_type", "code").append_pair("client_id", &client.client_id);
    query.append_pair("redirect_uri", &begun.redirect_uri).append_pair("state", state.expose());
    query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
    if !begun.scopes.is_empty() {
        query.append_pair("scope", &begun.scopes.join(" "));
    }
    drop(query);
    Ok(url.into())
}
