//! Creating a credential: authorise, check the fields, hold the name, ask the real system, store
//! the secret, append the fact.

use std::sync::Arc;

use keytrail_domain::{
    Aggregate, CredentialId, Owner, SecretId, SecretRef, StreamId, TenantId,
    component::Component,
    credential::{Change, Create, Credential, CredentialCommand},
};
use keytrail_ports::{Action, CheckedFields, Completeness, Object, Tokens};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation, NewCredential,
    execute::Execution,
    fingerprint::Noted,
    idempotency::{About, Admission},
    oauth::By,
};

impl App {
    /// Makes a credential. With `verify`, a definite "no" of the real system saves nothing.
    ///
    /// # Errors
    /// Bad input with paths, `CONFLICT` for a taken name, `REFUSED` `VERIFICATION_FAILED`,
    /// `UNAVAILABLE` when vault or log are away: nothing is saved then.
    pub async fn create_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        input: NewCredential,
    ) -> Result<Done<CredentialId>, AppError> {
        self.create_authorized(call, mutation, input, None).await
    }

    /// The same, and an OAuth client gets its tokens from then on.
    pub(crate) async fn create_authorized(
        &self,
        call: &Call,
        mutation: Mutation,
        input: NewCredential,
        by: Option<(By<'_>, &Tokens)>,
    ) -> Result<Done<CredentialId>, AppError> {
        let owner = self.owner_of(call, input.owner).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.present_owner(call, owner).await?;
        let component = self.component_named(call.principal.tenant, &input.component).await?;
        let checked = self
            .ports()
            .components
            .check_fields(&component, input.fields.clone(), Completeness::Complete)
            .map_err(AppError::BadInput)?;
        let tenant = call.principal.tenant;
        let (name, _name) = match &input.name {
            Some(name) => (name.clone(), self.hold_name(tenant, owner, name, None).await?),
            None => self.make_name(tenant, owner, &component.name).await?,
        };
        let _external_id = self.hold_external_id(tenant, input.external_id.as_deref(), None).await?;
        let id = CredentialId::from_uuid(ticket.id(self));
        let secret = SecretRef::of_credential(tenant, id, SecretId::from_uuid(self.fresh_id()));
        let payload = checked.secrets.clone();
        let draft = Draft { call, id, owner, name, component, checked, secret };
        let (create, noted) =
            tokio::join!(self.creation(draft, input), self.note_secret(call, id, (secret, &payload)));
        let Noted { note, warnings, .. } = noted?;
        let authorization = by.map(|(by, tokens)| self.authorization_of(id, by, tokens));
        let create = Create { beside: note, authorization, ..create };
        let component_slug = create.component.slug.clone();
        // The check took its time: the right and the team must still be there.
        self.owner_of(call, Some(owner)).await?;
        self.present_owner(call, owner).await?;
        let command = CredentialCommand::Create(Box::new(create));
        let stream = StreamId::credential(tenant, id);
        let execution = Execution::of(call, stream, &ticket).fresh();
        let making = self.execute::<Credential>(execution, |_| Ok(command.clone()));
        let done = match by {
            Some((by, _)) => {
                // What the rules refuse reserves nothing.
                Credential::default().decide(&command)?;
                self.while_reserved(call, by.client, (id, &component_slug), making).await?
            }
            None => making.await?,
        };
        Ok(done.map(|()| id).warning(warnings))
    }

    /// Says now what would be refused when its tokens are there. Names can be taken until then.
    ///
    /// # Errors
    /// Those of [`App::create_credential`].
    pub(crate) async fn would_be_created(
        &self,
        call: &Call,
        owner: Owner,
        component: Arc<Component>,
        new: &NewCredential,
    ) -> Result<(), AppError> {
        self.present_owner(call, owner).await?;
        let tenant = call.principal.tenant;
        if let Some(name) = &new.name {
            self.hold_name(tenant, owner, name, None).await?;
        }
        self.hold_external_id(tenant, new.external_id.as_deref(), None).await?;
        let fields =
            self.ports().components.check_fields(&component, new.fields.clone(), Completeness::Partial);
        let checked = fields.map_err(AppError::BadInput)?;
        let id = CredentialId::from_uuid(self.fresh_id());
        let secret = SecretRef::of_credential(tenant, id, SecretId::from_uuid(self.fresh_id()));
        let name = new.name.clone().unwrap_or_else(|| component.name.clone());
        let draft = Draft { call, id, owner, name, component, checked, secret };
        let create = self.creation(draft, NewCredential { verify: false, ..new.clone() }).await;
        Credential::default().decide(&CredentialCommand::Create(Box::new(create)))?;
        Ok(())
    }

    async fn owner_of(&self, call: &Call, wanted: Option<Owner>) -> Result<Owner, AppError> {
        let owner = self.owner_or_caller(call, wanted)?;
        self.authorize(call, Action::Create, Object::NewCredential(owner)).await?;
        Ok(owner)
    }

    /// Who is to own a new thing: the caller himself when nobody is named.
    pub(crate) fn owner_or_caller(&self, call: &Call, wanted: Option<Owner>) -> Result<Owner, AppError> {
        let nobody =
            || AppError::bad_input("ownerTeamId", "a service account owns nothing: name the owning team");
        wanted.map_or_else(|| call.principal.actor.member().map(Owner::Member).ok_or_else(nobody), Ok)
    }

    /// `NOT_FOUND` for a team that is gone. Asked after the key: what was done before is answered again.
    pub(crate) async fn present_owner(&self, call: &Call, owner: Owner) -> Result<(), AppError> {
        match owner {
            Owner::Team(team) => self.present_team(call, team).await,
            Owner::Member(_) => Ok(()),
        }
    }

    async fn creation(&self, draft: Draft<'_>, input: NewCredential) -> Create {
        let Draft { call, id, owner, name, component, checked, secret } = draft;
        let allowed_hosts = self.hosts(&component, &checked.plain, input.allowed_hosts);
        let check = if input.verify {
            Change::Checked(self.check(&component, &checked.plain, &checked.secrets, &allowed_hosts).await)
        } else {
            Change::Unchecked
        };
        let tenant = call.principal.tenant;
        Create {
            tenant,
            id,
            name,
            external_id: input.external_id,
            component: component.reference(),
            kind: component.kind,
            owner,
            labels: input.labels,
            fields: checked.plain,
            secrets: checked.secrets,
            secret,
            beside: None,
            authorization: None,
            allowed_hosts,
            expires_at: input.expires_at,
            check,
        }
    }
}

struct Draft<'a> {
    call: &'a Call,
    id: CredentialId,
    owner: Owner,
    name: String,
    component: Arc<Component>,
    checked: CheckedFields,
    secret: SecretRef,
}

pub(crate) fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::credential(tenant, CredentialId::from_uuid(id))
}

/// The credential that a repeated mutation made the first time.
pub(crate) fn replayed(done: Done<StreamId>) -> Result<Done<CredentialId>, AppError> {
    let id = done.value.credential_id().ok_or_else(|| AppError::internal("the key is of another kind"))?;
    Ok(done.map(|_| id))
}
