//! The provider's answer, as the person's browser brings it.

use keytrail_domain::{SecretPayload, SecretValue, credential::ACCESS_TOKEN};
use keytrail_ports::{TokenError, TokenGrant, Tokens, views::OAuthClientRow};

use super::{
    REFRESH_TOKEN,
    pending::{Allowed, Begun, Failed, Flow, SECONDS, Step, has_hash, hashed, new_code},
};
use crate::{App, AppError};

/// Where providers send browsers, below this server's own address.
pub const CALLBACK_PATH: &str = "/oauth2/callback";

/// What came with the browser.
#[derive(Clone, Default)]
pub struct Callback {
    /// Ours, given back.
    pub state: Option<String>,
    /// What tokens are given for.
    pub code: Option<SecretValue>,
    /// Who the provider says that it is (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// What the person is shown. It cannot be printed: it has the code.
#[derive(Clone)]
pub struct CompletionPage {
    /// The tenant that gets the tokens.
    pub tenant: String,
    /// Who began it there: his name, if he has one, and who he is at his issuer.
    pub person: String,
    /// The name of the OAuth client there.
    pub client: String,
    /// The name of the credential that gets the tokens, or its component while it has none.
    pub credential: String,
    /// What the tokens are for.
    pub scopes: Vec<String>,
    /// What completes it.
    pub code: String,
}

/// Why nothing was got. The texts are for the person whose browser it is.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// Nobody began this, or it is over.
    #[error("this authorization is not known here, or it is over: begin it again")]
    Unknown,
    /// It came before.
    #[error("this answer was taken before: whoever began it has to complete it, or to begin it again")]
    Again,
    /// Somebody else's answer.
    #[error("the answer does not come from the provider that was asked: nothing was taken")]
    WrongIssuer,
    /// It does not say whose it is.
    #[error(
        "the provider does not say who it is, as the OAuth client's `issuer` asks: nothing was taken; who manages the \
         OAuth client takes `issuer` away if this provider never says it"
    )]
    NoIssuer,
    /// What was begun cannot be completed any more.
    #[error("the OAuth client, or who began this, is there no more: begin it again")]
    Gone,
    /// The person, or the provider, said no.
    #[error("the provider did not allow it ({0}): begin it again")]
    Denied(&'static str),
    /// The provider gave no tokens.
    #[error("the provider gave no tokens ({0}): begin it again")]
    NoTokens(TokenError),
    /// Ours.
    #[error("this cannot be done just now: begin it again")]
    App(#[from] AppError),
}

impl App {
    /// Gets the tokens for what a person allowed; they wait until who began it has completed it.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub async fn oauth2_callback(&self, callback: Callback) -> Result<CompletionPage, CallbackError> {
        let state = callback.state.as_deref().unwrap_or_default();
        let flow = Flow::of_state(state).ok_or(CallbackError::Unknown)?;
        let found = self.read_step::<Begun>(flow, Step::Begun).await?;
        let (begun, secrets) = found.ok_or(CallbackError::Unknown)?;
        if !has_hash(state, &begun.state_hash) || self.now() > begun.at.plus_seconds(SECONDS) {
            return Err(CallbackError::Unknown);
        }
        let client = self.client_for(flow.tenant, begun.client, &begun.wish.component).await.map_err(gone)?;
        if client.settings.provider != begun.provider {
            return Err(CallbackError::Unknown);
        }
        // Before anything is taken: whoever was removed gets nothing.
        let page = self.page(flow, &begun, client.settings.name.clone(), String::new()).await;
        let shown = page.map_err(gone)?;
        match (&client.settings.provider.issuer, &callback.iss) {
            (Some(_), None) => return Err(CallbackError::NoIssuer),
            (Some(wanted), Some(said)) if wanted != said => return Err(CallbackError::WrongIssuer),
            _ => {}
        }
        if !self.write_step((flow, Step::Answered), &(), []).await? {
            return Err(CallbackError::Again);
        }
        let got = self.tokens_for(&begun, &client, (callback, &secrets)).await;
        let tokens = match got {
            Ok(tokens) => tokens,
            Err(error) => {
                // Who began it hears of it, too.
                let why = match &error {
                    CallbackError::Denied(word) => (*word).to_owned(),
                    CallbackError::NoTokens(error) => error.to_string(),
                    _ => "Keytrail could not ask it".to_owned(),
                };
                if let Err(error) = self.write_step((flow, Step::Failed), &Failed { why }, []).await {
                    tracing::warn!(flow = %flow.id, error = &error as &dyn std::error::Error, "not noted");
                }
                tracing::info!(flow = %flow.id, error = &error as &dyn std::error::Error, "an authorization came to nothing");
                return Err(error);
            }
        };
        let code = new_code()?;
        let allowed = Allowed {
            code_hash: hashed(&code),
            at: self.now(),
            expires_in: tokens.expires_in,
            scopes: tokens.scopes,
        };
        let refresh = tokens.refresh.map(|token| (REFRESH_TOKEN, token));
        let secrets = std::iter::once((ACCESS_TOKEN, tokens.access)).chain(refresh);
        self.write_step((flow, Step::Allowed), &allowed, secrets).await?;
        Ok(CompletionPage { code, ..shown })
    }

    async fn tokens_for(
        &self,
        begun: &Begun,
        client: &OAuthClientRow,
        (callback, secrets): (Callback, &SecretPayload),
    ) -> Result<Tokens, CallbackError> {
        let said = callback.error.as_deref();
        let denied = || CallbackError::Denied(said.map_or("it gave no code", known_word));
        let code = callback.code.clone().filter(|_| said.is_none()).ok_or_else(denied)?;
        let verifier = secrets.get("verifier").cloned();
        let verifier = verifier.ok_or_else(|| AppError::internal("an authorization has no verifier"))?;
        let grant = TokenGrant::Code { code, verifier, redirect_uri: begun.redirect_uri.clone() };
        let asking = self.token_client(client).await?;
        let given = self.ports().tokens.tokens(&client.settings.provider.token_url, &asking, grant).await;
        given.map_err(CallbackError::NoTokens)
    }

    async fn page(
        &self,
        flow: Flow,
        begun: &Begun,
        client: String,
        code: String,
    ) -> Result<CompletionPage, AppError> {
        let views = &self.ports().views;
        let tenant = views.tenant(flow.tenant).await?.ok_or(AppError::NotFound)?;
        let member = views.members_by_id(flow.tenant, &[begun.member]).await?.pop();
        let member = member.filter(|member| member.removed_at.is_none()).ok_or(AppError::NotFound)?;
        let person = match self.profile_of(&member).await?.display_name {
            Some(name) => format!("{name} ({})", member.subject),
            None => member.subject,
        };
        let wish = &begun.wish;
        let credential = match wish.anew {
            Some(id) => views.credentials_by_id(flow.tenant, &[id]).await?.pop().map(|row| row.name.clone()),
            None => wish.name.clone(),
        };
        let credential = credential.unwrap_or_else(|| wish.component.clone());
        Ok(CompletionPage {
            tenant: tenant.slug,
            person,
            client,
            credential,
            scopes: begun.scopes.clone(),
            code,
        })
    }
}

/// What trying again does not change.
fn gone(error: AppError) -> CallbackError {
    match error {
        AppError::NotFound | AppError::BadInput(_) => CallbackError::Gone,
        error => CallbackError::App(error),
    }
}

/// The words of RFC 6749, 4.1.2.1: nothing else that came is shown.
fn known_word(said: &str) -> &'static str {
    const KNOWN: [&str; 7] = [
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    KNOWN.into_iter().find(|known| *known == said).unwrap_or("for a reason that has no word of RFC 6749")
}
