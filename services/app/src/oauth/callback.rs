//! The provider's answer, as the person's browser brings it.

use keytrail_domain::{SecretValue, credential::ACCESS_TOKEN};
use keytrail_ports::{TokenError, TokenGrant};

use super::{
    REFRESH_TOKEN,
    pending::{Allowed, Begun, Flow, SECONDS, Step, has_hash, hashed, new_code},
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
    /// The person, or the provider, said no.
    #[error("the provider did not allow it")]
    Denied,
    /// The provider gave no tokens.
    #[error("the provider gave no tokens: begin it again")]
    NoTokens(#[from] TokenError),
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
        let client = self.client_for(flow.tenant, begun.client, &begun.wish.component).await?;
        if client.settings.provider != begun.provider {
            return Err(CallbackError::Unknown);
        }
        // Before anything is taken: whoever was removed gets nothing.
        let shown = self.page(flow, &begun, client.settings.name.clone(), String::new()).await?;
        if client.settings.provider.issuer.is_some() && client.settings.provider.issuer != callback.iss {
            return Err(CallbackError::WrongIssuer);
        }
        if !self.write_step((flow, Step::Answered), &(), []).await? {
            return Err(CallbackError::Again);
        }
        let code = callback.code.filter(|_| callback.error.is_none()).ok_or(CallbackError::Denied)?;
        let verifier = secrets.get("verifier").cloned();
        let verifier = verifier.ok_or_else(|| AppError::internal("an authorization has no verifier"))?;
        let grant = TokenGrant::Code { code, verifier, redirect_uri: begun.redirect_uri.clone() };
        let asking = self.token_client(&client).await?;
        let tokens = self.ports().tokens.tokens(&client.settings.provider.token_url, &asking, grant).await?;
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
