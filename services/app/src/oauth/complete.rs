//! The end: who began it takes what was allowed.

use keytrail_domain::{
    Aggregate, CredentialId, SecretRef, StreamId,
    credential::{ACCESS_TOKEN, Authorization, Change, CredentialCommand, OAuthGrant, Rotate, State},
    oauth_client::{OAuthClient, OAuthClientCommand},
};
use keytrail_ports::{Action, Tokens, views::OAuthClientRow};
use serde_json::Value;
use uuid::Uuid;

use super::{
    By, REFRESH_TOKEN,
    pending::{Allowed, Begun, Failed, Flow, KeptWish, SECONDS, Step, has_hash, plain_code},
};
use crate::{
    App, AppError, Call, CredentialRotation, Done, Mutation,
    commands::{replayed, stream_of, unchanged},
    execute::Execution,
    idempotency::{About, Admission, Ticket},
};

impl App {
    /// Takes what was allowed: a new credential, or a new version of one.
    ///
    /// # Errors
    /// `NOT_FOUND` for what somebody else began or what is over; `AUTHORIZATION_PENDING`, `WRONG_CODE`; those of
    /// `createCredential` and `rotateCredential`.
    pub async fn complete_oauth2(
        &self,
        call: &Call,
        mutation: Mutation,
        (flow, code): (Uuid, &str),
        name: Option<String>,
    ) -> Result<Done<CredentialId>, AppError> {
        let member = call.principal.actor.member().ok_or(AppError::NotFound)?;
        self.ports().authorizer.role(&call.principal).await?;
        // One flow is one mutation, whatever key and code came with it: whoever lost the answer gets it again.
        let key = Some(format!("flow/{flow}"));
        let mutation = Mutation { idempotency_key: key, input: Value::Null, ..mutation };
        if let Admission::Done(done) = self.admit(call, &mutation, About::New(stream_of)).await? {
            return replayed(done);
        }
        let flow = Flow { tenant: call.principal.tenant, id: flow };
        let _one_at_a_time = self.0.claims.take(format!("oauth2\0{}", flow.id)).await?;
        let begun = self.read_step::<Begun>(flow, Step::Begun).await?;
        let (mut begun, _) = begun.filter(|(begun, _)| begun.member == member).ok_or(AppError::NotFound)?;
        let allowed = self.read_step::<Allowed>(flow, Step::Allowed).await?;
        let Some((allowed, tokens)) = allowed else { return Err(self.not_allowed(flow, &begun).await?) };
        if self.now() > allowed.at.plus_seconds(SECONDS) {
            return Err(AppError::NotFound);
        }
        self.0.codes.take(format!("{}\0{member}", call.principal.tenant), self.now())?;
        if !has_hash(&plain_code(code), &allowed.code_hash) {
            return Err(refused("WRONG_CODE", "that is not the code that the page shows"));
        }
        let client = self.client_for(flow.tenant, begun.client, &begun.wish.component).await?;
        if client.settings.provider != begun.provider {
            return Err(AppError::conflict("the OAuth client has another provider by now: begin again"));
        }
        let missing = || AppError::internal("an authorization has no token");
        let passed = u64::try_from(self.now().as_seconds() - allowed.at.as_seconds()).unwrap_or_default();
        let tokens = Tokens {
            access: tokens.get(ACCESS_TOKEN).cloned().ok_or_else(missing)?,
            refresh: tokens.get(REFRESH_TOKEN).cloned(),
            expires_in: allowed.expires_in.map(|seconds| seconds.saturating_sub(passed)),
            scopes: allowed.scopes,
        };
        if name.is_some() && begun.wish.anew.is_some() {
            return Err(AppError::bad_input("name", "is for a new credential: this one has a name"));
        }
        begun.wish.name = name.or(begun.wish.name);
        let by = By { client: &client, grant: OAuthGrant::AuthorizationCode, scopes: &begun.scopes };
        // What is refused can be put right and completed again, in time.
        let done = self.authorize_credential(call, mutation, by, begun.wish, tokens).await?;
        self.forget_flow(flow).await;
        Ok(done)
    }

    /// Why there is nothing to complete.
    async fn not_allowed(&self, flow: Flow, begun: &Begun) -> Result<AppError, AppError> {
        if let Some((Failed { why }, _)) = self.read_step::<Failed>(flow, Step::Failed).await? {
            let message = format!("the provider gave no tokens ({why}): begin it again");
            return Ok(refused("AUTHORIZATION_FAILED", &message));
        }
        if self.read_step::<()>(flow, Step::Answered).await?.is_some() {
            let message = "the provider's answer is being taken, or nothing came of it: try again in a moment, then begin \
                           it again";
            return Ok(refused("AUTHORIZATION_PENDING", message));
        }
        if self.now() > begun.at.plus_seconds(SECONDS) {
            return Ok(AppError::NotFound);
        }
        Ok(refused("AUTHORIZATION_PENDING", "nobody has allowed it yet: open the address in a browser first"))
    }

    /// Makes or rotates the credential with what a provider gave.
    pub(super) async fn authorize_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        by: By<'_>,
        wish: KeptWish,
        tokens: Tokens,
    ) -> Result<Done<CredentialId>, AppError> {
        let access = Value::String(tokens.access.expose().to_owned());
        match wish.anew {
            Some(id) => {
                let mut fields = wish.fields;
                fields.insert(ACCESS_TOKEN.to_owned(), access);
                self.authorize_anew(call, mutation, by, (id, fields, wish.allowed_hosts), &tokens).await
            }
            None => {
                let mut new = wish.into_new();
                new.fields.insert(ACCESS_TOKEN.to_owned(), access);
                Box::pin(self.create_authorized(call, mutation, new, Some((by, &tokens)))).await
            }
        }
    }

    async fn authorize_anew(
        &self,
        call: &Call,
        mutation: Mutation,
        by: By<'_>,
        (id, fields, allowed_hosts): (CredentialId, serde_json::Map<String, Value>, Option<Vec<String>>),
        tokens: &Tokens,
    ) -> Result<Done<CredentialId>, AppError> {
        let target = match self.target(call, &mutation, Action::Rotate, (id, None)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let credential = self.load_credential(&target).await?;
        let state = crate::commands::present(&credential)?;
        let input = CredentialRotation {
            id,
            fields,
            allowed_hosts,
            expires_at: None,
            verify: true,
            accept_inconclusive: true,
            overlap_seconds: 0,
            expected_revision: None,
        };
        let (mut rotate, _) = self.rotation(call, state, input).await?;
        let mut new = self.authorization_of(id, by, tokens);
        new.authorization.refresh = new.authorization.refresh.or(goes_on(state, &rotate, &new.authorization));
        rotate.authorization = Some(new);
        let command = CredentialCommand::Rotate(Box::new(rotate));
        // What the rules refuse reserves nothing.
        credential.decide(&command)?;
        let rotating = self.change(target, |now| {
            unchanged(state, now, None)?;
            Ok(command.clone())
        });
        self.while_reserved(call, by.client, (id, &state.component.slug), rotating).await
    }

    /// The client is not deleted, nor sent elsewhere, while the credential has its tokens by it: it is reserved first, and
    /// free again when nothing came of it. When that is not known it stays reserved.
    pub(crate) async fn while_reserved<T>(
        &self,
        call: &Call,
        client: &OAuthClientRow,
        (credential, component): (CredentialId, &str),
        making: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, AppError> {
        let was_reserved = client.users.contains(&credential);
        self.reserve_client(call, client, credential, component).await?;
        let made = making.await;
        if let Err(error) = &made
            && !was_reserved
            && !matches!(error, AppError::OutcomeUnknown(_))
        {
            self.change_users(call, client, OAuthClientCommand::Release { credential }).await?;
        }
        made
    }

    async fn reserve_client(
        &self,
        call: &Call,
        client: &OAuthClientRow,
        credential: CredentialId,
        component: &str,
    ) -> Result<(), AppError> {
        let (component, provider) = (component.to_owned(), client.settings.provider.clone());
        self.change_users(call, client, OAuthClientCommand::Reserve { credential, component, provider }).await
    }

    async fn change_users(
        &self,
        call: &Call,
        client: &OAuthClientRow,
        command: OAuthClientCommand,
    ) -> Result<(), AppError> {
        let ticket = Ticket::none();
        let execution = Execution::of(call, StreamId::oauth_client(client.tenant, client.id), &ticket);
        self.execute::<OAuthClient>(execution, |_| Ok(command.clone())).await.map(drop)
    }
}

/// Some providers give a refresh token the first time alone: the one before goes on, where nothing changes by that but the
/// access token. For another person, other hosts or other scopes, or after a compromise, it would bring back what was left.
fn goes_on(before: &State, rotate: &Rotate, new: &Authorization) -> Option<SecretRef> {
    let known = before.authorization.as_ref().filter(|_| !before.refresh_refused)?;
    let same_rights = (known.client, known.grant, &known.scopes) == (new.client, new.grant, &new.scopes)
        && !before.is_frozen();
    let same_places = rotate.fields == before.fields
        && rotate.component.is_none()
        && rotate.allowed_hosts.as_ref().is_none_or(|hosts| *hosts == before.allowed_hosts);
    let whose = before.last_report.as_ref().and_then(|report| report.identity.as_ref());
    let by_now = match &rotate.check {
        Change::Checked(report) => report.identity.as_ref(),
        Change::NoCheckNeeded | Change::Unchecked => None,
    };
    known.refresh.filter(|_| same_rights && same_places && whose.is_some() && whose == by_now)
}

fn refused(reason: &'static str, message: &str) -> AppError {
    AppError::Refused { reason, message: message.to_owned(), details: Value::Null }
}
