//! Members and their roles.

use keytrail_domain::{
    Idempotency, MemberId, Owner, Role, SecretId, SecretPayload, SecretRef, StreamId, TenantId,
    tenant::{AddMember, SealedProfile, Tenant, TenantCommand, TenantEvent},
};
use keytrail_ports::{Action, Object};

use crate::{
    App, AppError, Call, Done, Mutation, NewMember, Profile,
    earlier::Wanted,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
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
        let ticket = match self.admit(call, &mutation, members_of(call)).await? {
            Admission::Done(done) => return self.replayed_member(call, &mutation, done.map(|_| ())).await,
            Admission::Do(ticket) => ticket,
        };
        let new = self.new_member(call, &ticket, input)?;
        let member = new.member;
        let done = self.change_members(call, &ticket, TenantCommand::AddMember(new), (member, None)).await?;
        if done.replayed {
            return self.replayed_member(call, &mutation, done.map(|_| ())).await;
        }
        Ok(done)
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

    /// Changes a member's role; `expected` is the tenant's revision.
    ///
    /// # Errors
    /// `ROLE_ABOVE_OWN`, `LAST_OWNER`.
    pub async fn set_member_role(
        &self,
        call: &Call,
        mutation: Mutation,
        member: MemberId,
        role: Role,
        expected: Option<u64>,
    ) -> Answer {
        self.authorize(call, Action::ChangeRole, Object::Member(Some(member))).await?;
        let by = call.principal.actor.member();
        match self.admit(call, &mutation, members_of(call)).await? {
            Admission::Done(done) => Ok(done.map(|_| member)),
            Admission::Do(ticket) => {
                let command = TenantCommand::SetRole { by, member, role };
                self.change_members(call, &ticket, command, (member, expected)).await
            }
        }
    }

    /// Takes a member out; his access ends at once, and what he owned goes to another one. `expected` is the
    /// tenant's revision.
    ///
    /// # Errors
    /// `ROLE_ABOVE_OWN`, `LAST_OWNER`; `NOT_FOUND` for an unknown heir; `BREAK_GLASS` for an admin who names himself or a team:
    /// an owner of the tenant may, and the alerts say so.
    pub async fn remove_member(
        &self,
        call: &Call,
        mutation: Mutation,
        (member, expected): (MemberId, Option<u64>),
        hand_over_to: Option<Owner>,
    ) -> Answer {
        self.authorize(call, Action::Delete, Object::Member(Some(member))).await?;
        let by = call.principal.actor.member();
        match self.admit(call, &mutation, members_of(call)).await? {
            Admission::Done(done) => Ok(done.map(|_| member)),
            Admission::Do(ticket) => {
                if let Some(heir) = hand_over_to {
                    let known = self.known_grantee(call, heir.into()).await;
                    known.map_err(|error| match error {
                        AppError::NotFound => AppError::bad_input("handOverToId", "no such member or team"),
                        error => error,
                    })?;
                    let standing = self.standing(call).await?;
                    // A team he could join before it gets anything.
                    let could_be_his = standing.is(heir.into()) || matches!(heir, Owner::Team(_));
                    if could_be_his && !standing.owns_the_tenant() {
                        return Err(not_the_heir());
                    }
                }
                let command = TenantCommand::RemoveMember { by, member, hand_over_to };
                self.change_members(call, &ticket, command, (member, expected)).await
            }
        }
    }

    async fn change_members(
        &self,
        call: &Call,
        ticket: &Ticket,
        command: TenantCommand,
        (member, expected): (MemberId, Option<u64>),
    ) -> Answer {
        let stream = StreamId::tenant(call.principal.tenant);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<Tenant>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| member))
    }

    /// `NOT_FOUND` unless the member is present.
    pub(super) async fn present_member(&self, call: &Call, member: MemberId) -> Result<(), AppError> {
        let rows = self.ports().views.members_by_id(call.principal.tenant, &[member]).await?;
        if rows.iter().any(|row| row.removed_at.is_none()) { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// The tenant's stream does not name the member; the event that the first try led to does.
    async fn replayed_member(&self, call: &Call, mutation: &Mutation, done: Done<()>) -> Answer {
        let key = mutation.idempotency_key.clone().unwrap_or_default();
        let given = Idempotency { mutation: mutation.name.to_owned(), key, input: String::new() };
        let (stream, wanted) =
            (StreamId::tenant(call.principal.tenant), Wanted::new(call, &given, self.now()));
        let added = match self.earlier_in(&stream, &wanted).await? {
            Some(earlier) => Some(earlier.first.decode::<TenantEvent>()?),
            None => None,
        };
        match added {
            Some(TenantEvent::MemberAdded { member, .. }) => Ok(done.map(|()| member)),
            _ => Err(AppError::internal("the key is of another kind")),
        }
    }
}

/// He could take what he has no right to by removing who has it.
fn not_the_heir() -> AppError {
    AppError::Refused {
        reason: "BREAK_GLASS",
        message:
            "a role alone makes neither you nor a team that you could join the heir: name another member, or \
                  let an owner of the tenant do it"
                .into(),
        details: serde_json::Value::Null,
    }
}

fn members_of(call: &Call) -> About {
    About::Stream(StreamId::tenant(call.principal.tenant))
}
