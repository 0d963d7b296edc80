//! Members and their roles.

use keytrail_domain::{
    EventId, MemberId, Role, SecretId, SecretPayload, SecretRef, StreamId, TenantId,
    tenant::{AddMember, SealedProfile, Tenant, TenantCommand},
};
use keytrail_ports::{Action, Object};

use crate::{
    App, AppError, Call, Done, Mutation, NewMember, Profile,
    execute::Execution,
    idempotency::{Admission, Ticket},
    profile,
};

type Answer = Result<Done<MemberId>, AppError>;

impl App {
    /// Adds a person. A person who was a member before becomes a new one: old grants never revive.
    ///
    /// # Errors
    /// `CONFLICT` for a present member, `ROLE_ABOVE_OWN`.
    pub async fn add_member(&self, call: &Call, mutation: Mutation, input: NewMember) -> Answer {
        self.authorize(call, Action::Create, Object::Member(None)).await?;
        let ticket = match self.admit(call, &mutation).await? {
            Admission::Done(done) => return self.replayed_member(call, &mutation, done).await,
            Admission::Do(ticket) => ticket,
        };
        let new = self.new_member(call, &ticket, input)?;
        let member = new.member;
        self.change_members(call, &ticket, TenantCommand::AddMember(new), member).await
    }

    fn new_member(&self, call: &Call, ticket: &Ticket, input: NewMember) -> Result<AddMember, AppError> {
        let member = MemberId::from_uuid(ticket.id(self));
        Ok(AddMember {
            by: call.principal.actor.member(),
            member,
            issuer: input.issuer.unwrap_or_else(|| self.0.options.default_issuer.clone()),
            subject: input.subject,
            role: input.role,
            profile: self.sealed_profile(call.principal.tenant, member, input.profile)?,
        })
    }

    pub(super) fn sealed_profile(
        &self,
        tenant: TenantId,
        member: MemberId,
        profile: Option<Profile>,
    ) -> Result<Option<(SealedProfile, SecretPayload)>, AppError> {
        let Some(profile) = profile.filter(|profile| *profile != Profile::default()) else { return Ok(None) };
        let secret = SecretId::from_uuid(self.fresh_id());
        let place = SecretRef { tenant, owner: member.as_uuid(), secret };
        profile::seal(&profile, member, place).map(Some)
    }

    /// Changes a member's role.
    ///
    /// # Errors
    /// `ROLE_ABOVE_OWN`, `LAST_OWNER`.
    pub async fn set_member_role(
        &self,
        call: &Call,
        mutation: Mutation,
        member: MemberId,
        role: Role,
    ) -> Answer {
        self.authorize(call, Action::ChangeRole, Object::Member(Some(member))).await?;
        let by = call.principal.actor.member();
        match self.admit(call, &mutation).await? {
            Admission::Done(done) => Ok(done.map(|_| member)),
            Admission::Do(ticket) => {
                let command = TenantCommand::SetRole { by, member, role };
                self.change_members(call, &ticket, command, member).await
            }
        }
    }

    /// Takes a member out; his access ends at once.
    ///
    /// # Errors
    /// `ROLE_ABOVE_OWN`, `LAST_OWNER`.
    pub async fn remove_member(&self, call: &Call, mutation: Mutation, member: MemberId) -> Answer {
        self.authorize(call, Action::Delete, Object::Member(Some(member))).await?;
        let by = call.principal.actor.member();
        match self.admit(call, &mutation).await? {
            Admission::Done(done) => Ok(done.map(|_| member)),
            Admission::Do(ticket) => {
                let command = TenantCommand::RemoveMember { by, member };
                self.change_members(call, &ticket, command, member).await
            }
        }
    }

    async fn change_members(
        &self,
        call: &Call,
        ticket: &Ticket,
        command: TenantCommand,
        member: MemberId,
    ) -> Answer {
        let stream = StreamId::tenant(call.principal.tenant);
        let execution = Execution::of(call, stream, ticket);
        let done = self.execute::<Tenant>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| member))
    }

    /// `NOT_FOUND` unless the member is present.
    pub(super) async fn present_member(&self, call: &Call, member: MemberId) -> Result<(), AppError> {
        let rows = self.ports().views.members_by_id(call.principal.tenant, &[member]).await?;
        if rows.iter().any(|row| row.removed_at.is_none()) { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// The tenant's stream does not name the member; the first event with the key does.
    async fn replayed_member(&self, call: &Call, mutation: &Mutation, done: Done<StreamId>) -> Answer {
        let key = mutation.idempotency_key.as_deref().unwrap_or_default();
        let principal = crate::idempotency::principal_key(&call.principal.actor);
        let tenant = call.principal.tenant;
        let row = self.ports().views.idempotency(tenant, &principal, mutation.name, key).await?;
        let event: Option<EventId> = row.map(|row| row.event);
        let event = match event {
            Some(id) => self.ports().views.event(tenant, id).await?,
            None => None,
        };
        let member = event.and_then(|event| MemberId::parse(event.data["member"].as_str()?).ok());
        let member = member.ok_or_else(|| AppError::internal("the key is of another kind"))?;
        Ok(done.map(|_| member))
    }
}
