//! What changes a credential that exists.

use std::collections::BTreeMap;

use keytrail_domain::{
    CredentialId, Grantee, StreamId,
    component::Component,
    credential::{Change, Credential, CredentialCommand, Share, State, Update},
};
use keytrail_ports::{Action, CheckedFields, Completeness, Object};
use serde_json::{Map, Value};

use super::{
    checking::{present, unchanged},
    create_credential::replayed,
};
use crate::{
    App, AppError, Call, CredentialRotation, CredentialUpdate, Done, Mutation, NewGrant,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    standing::Standing,
};

pub(crate) type Answer = Result<Done<CredentialId>, AppError>;

/// One change of one credential, on its way.
pub(crate) struct Target<'a> {
    call: &'a Call,
    id: CredentialId,
    ticket: Ticket,
    expected: Option<u64>,
    action: Action,
    pub(super) standing: Standing,
}

impl Target<'_> {
    fn execution(&self) -> Execution<'_> {
        let stream = StreamId::credential(self.call.principal.tenant, self.id);
        Execution::of(self.call, stream, &self.ticket).at(self.expected)
    }
}

impl App {
    /// Changes what needs no new secret.
    ///
    /// # Errors
    /// `SECRET_REQUIRED` for fields that decide where the secret goes; `VERIFICATION_FAILED`.
    pub async fn update_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        input: CredentialUpdate,
    ) -> Answer {
        let (id, expected) = (input.id, input.expected_revision);
        let target = match self.target(call, &mutation, Action::Update, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let credential = self.load_credential(&target).await?;
        let state = present(&credential)?;
        let _name = match &input.name {
            Some(name) => Some(self.hold_name(state.tenant, state.owner, name, Some(id)).await?),
            None => None,
        };
        let external_id = input.external_id.as_ref().and_then(|id| id.as_deref());
        let _external_id = self.hold_external_id(state.tenant, external_id, Some(id)).await?;
        let update = self.update(state, input).await?;
        self.change(target, |now| {
            unchanged(state, now, expected)?;
            Ok(CredentialCommand::Update(Box::new(update.clone())))
        })
        .await
    }

    async fn update(&self, state: &State, input: CredentialUpdate) -> Result<Update, AppError> {
        let component = self.component_made_with(state).await?;
        let fields = match input.fields {
            Some(fields) => Some(self.plain_fields(&component, state, fields)?),
            None => None,
        };
        let mut update = Update {
            name: input.name,
            labels: input.labels,
            external_id: input.external_id,
            expires_at: input.expires_at,
            allowed_hosts: input.allowed_hosts,
            fields,
            destinations: component.destination_fields(),
            check: Change::Unchecked,
        };
        // The domain's rules first: a stored secret must not leave for a change that is refused.
        keytrail_domain::Aggregate::decide(
            &Credential::Live(Box::new(state.clone())),
            &CredentialCommand::Update(Box::new(update.clone())),
        )?;
        let changed = update.fields.as_ref().filter(|fields| **fields != state.fields);
        if let (true, Some(fields)) = (input.verify, changed) {
            state.may_be_checked()?;
            update.check = Change::Checked(self.check_stored(state, Some(fields)).await?);
        }
        Ok(update)
    }

    fn plain_fields(
        &self,
        component: &Component,
        state: &State,
        fields: Map<String, Value>,
    ) -> Result<BTreeMap<String, Value>, AppError> {
        let (gone, given): (Map<_, _>, Map<_, _>) =
            fields.into_iter().partition(|(_, value)| value.is_null());
        let checked = self.partial(component, given)?;
        if let Some(name) = checked.secrets.names().next() {
            let rule = "is a secret field: use rotateCredential";
            return Err(AppError::bad_input(&format!("fields.{name}"), rule));
        }
        let mut all = merged(&state.fields, checked.plain);
        for name in gone.keys() {
            if !component.may_be_absent(name) {
                return Err(AppError::bad_input(&format!("fields.{name}"), "is no optional plain field"));
            }
            all.remove(name);
        }
        Ok(all)
    }

    pub(super) fn partial(
        &self,
        component: &Component,
        fields: Map<String, Value>,
    ) -> Result<CheckedFields, AppError> {
        self.ports()
            .components
            .check_fields(component, fields, Completeness::Partial)
            .map_err(AppError::BadInput)
    }

    /// Takes a new secret version: the stored fields with the given ones over them, verified first.
    ///
    /// # Errors
    /// `VERIFICATION_FAILED`, `VERIFICATION_INCONCLUSIVE`, `SECRET_REQUIRED`: nothing is saved then.
    pub async fn rotate_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        input: CredentialRotation,
    ) -> Answer {
        let (id, expected) = (input.id, input.expected_revision);
        let target = match self.target(call, &mutation, Action::Rotate, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let credential = self.load_credential(&target).await?;
        let state = present(&credential)?;
        let (rotate, warnings) = self.rotation(call, state, input).await?;
        let done = self.change(target, |now| {
            unchanged(state, now, expected)?;
            Ok(CredentialCommand::Rotate(Box::new(rotate.clone())))
        });
        Ok(done.await?.warning(warnings))
    }

    /// Gives a member, a team, a service account or an environment a level.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown grantee; bad input for an end in the past.
    pub async fn share_credential(&self, call: &Call, mutation: Mutation, input: NewGrant) -> Answer {
        let share = Share {
            grantee: input.grantee,
            level: input.level,
            expires_at: input.expires_at,
            reason: input.reason,
            break_glass: false,
            now: self.now(),
        };
        let target = self.target(call, &mutation, Action::Share, (input.id, input.expected_revision)).await?;
        match target {
            Err(done) => Ok(done),
            Ok(target) => {
                self.known_grantee(call, share.grantee).await?;
                let standing = target.standing.clone();
                let is_his = self.comes_to_caller(call, &standing, share.grantee).await?;
                self.change(target, |now| {
                    let break_glass = standing.breaks_glass(&share, now, is_his)?;
                    Ok(CredentialCommand::Share(Share { break_glass, ..share.clone() }))
                })
                .await
            }
        }
    }

    pub(crate) async fn known_grantee(&self, call: &Call, grantee: Grantee) -> Result<(), AppError> {
        match grantee {
            Grantee::Team(team) => self.present_team(call, team).await,
            Grantee::Member(member) => self.present_member(call, member).await,
            Grantee::Environment(environment) => self.may_fill(call, environment).await,
            Grantee::ServiceAccount(account) => self.present_account(call, account).await,
        }
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// As every change.
    pub async fn revoke_share(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        grantee: Grantee,
        expected: Option<u64>,
    ) -> Answer {
        let command = CredentialCommand::RevokeShare { grantee };
        self.simply(call, mutation, Action::Share, (id, expected), command).await
    }

    /// Stops a credential by hand; also while something uses it.
    ///
    /// # Errors
    /// As every change.
    pub async fn suspend_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        reason: String,
        expected: Option<u64>,
    ) -> Answer {
        let command = CredentialCommand::Suspend { reason };
        self.simply(call, mutation, Action::Suspend, (id, expected), command).await
    }

    /// Lets a suspended credential go on.
    ///
    /// # Errors
    /// As every change.
    pub async fn resume_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        reason: String,
        expected: Option<u64>,
    ) -> Answer {
        let command = CredentialCommand::Resume { reason };
        self.simply(call, mutation, Action::Suspend, (id, expected), command).await
    }

    /// Deletes a credential; it can be restored for as long as the tenant says.
    ///
    /// # Errors
    /// `CREDENTIAL_IN_USE` with everything that uses it.
    pub async fn delete_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        detach: bool,
        expected: Option<u64>,
    ) -> Answer {
        let tenant = self.ports().views.tenant(call.principal.tenant).await?;
        let restore_days = tenant.ok_or(AppError::Unauthenticated)?.restore_days;
        let command = CredentialCommand::Delete { now: self.now(), restore_days, detach };
        match self.simply(call, mutation, Action::Delete, (id, expected), command).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.as_seen_by(call, error).await),
        }
    }

    /// Brings a deleted credential back with its grants, labels and attachments.
    ///
    /// # Errors
    /// `RESTORE_TOO_LATE`; `CONFLICT` when its name was given to another one meanwhile.
    pub async fn restore_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        expected: Option<u64>,
    ) -> Answer {
        let target = match self.target(call, &mutation, Action::Restore, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let credential = self.load_credential(&target).await?;
        let state = credential.known().ok_or(AppError::NotFound)?;
        let _name = self.hold_name(state.tenant, state.owner, &state.name, Some(id)).await?;
        let _external_id =
            self.hold_external_id(state.tenant, state.external_id.as_deref(), Some(id)).await?;
        let now = self.now();
        self.change(target, |_| Ok(CredentialCommand::Restore { now })).await
    }

    pub(super) async fn simply(
        &self,
        call: &Call,
        mutation: Mutation,
        action: Action,
        which: (CredentialId, Option<u64>),
        command: CredentialCommand,
    ) -> Answer {
        match self.target(call, &mutation, action, which).await? {
            Err(done) => Ok(done),
            Ok(target) => self.change(target, |_| Ok(command.clone())).await,
        }
    }

    /// Authorises, and answers a repeated mutation at once.
    pub(crate) async fn target<'a>(
        &self,
        call: &'a Call,
        mutation: &Mutation,
        action: Action,
        (id, expected): (CredentialId, Option<u64>),
    ) -> Result<Result<Target<'a>, Done<CredentialId>>, AppError> {
        self.authorize(call, action, Object::Credential(id)).await?;
        let stream = StreamId::credential(call.principal.tenant, id);
        Ok(match self.admit(call, mutation, About::Stream(stream)).await? {
            Admission::Done(done) => Err(replayed(done)?),
            Admission::Do(ticket) => {
                Ok(Target { call, id, ticket, expected, action, standing: self.standing(call).await? })
            }
        })
    }

    pub(crate) async fn load_credential(&self, target: &Target<'_>) -> Result<Credential, AppError> {
        let stream = StreamId::credential(target.call.principal.tenant, target.id);
        let credential = self.load(&stream).await?;
        target.standing.still_may(target.action, &credential)?;
        Ok(credential)
    }

    pub(crate) async fn change(
        &self,
        target: Target<'_>,
        make: impl Fn(&Credential) -> Result<CredentialCommand, AppError> + Send + Sync,
    ) -> Answer {
        let make = |credential: &Credential| {
            target.standing.still_may(target.action, credential)?;
            make(credential)
        };
        let done = self.execute::<Credential>(target.execution(), make).await?;
        Ok(done.map(|()| target.id))
    }
}

/// Given fields over known ones.
pub(super) fn merged(
    known: &BTreeMap<String, Value>,
    given: BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    let mut all = known.clone();
    all.extend(given);
    all
}
