//! Changes of members.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::{Done, NewMember, Profile};
use keytrail_domain::MemberId;

use super::Member;
use crate::{
    context::{app, caller},
    credential::an_owner,
    enums::Role,
    error::{OrFail, bad_id},
    input::{mutation, revision},
    payload::payload,
};

/// A new member.
#[derive(InputObject, Clone)]
pub struct AddMemberInput {
    /// Who he is at his issuer (the `sub` claim of his tokens).
    pub subject: String,
    /// His issuer (the `iss` claim); the server's own when not given.
    pub issuer: Option<String>,
    /// His role.
    pub role: Role,
    /// What people call him.
    pub display_name: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// The same key and input answer the same member again, for a day.
    pub idempotency_key: Option<String>,
}

/// A role for a member.
#[derive(InputObject, Clone)]
pub struct SetMemberRoleInput {
    /// The member.
    pub member_id: ID,
    /// His role from now on.
    pub role: Role,
    /// Only when the tenant, to which its members belong, is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A member who goes.
#[derive(InputObject, Clone)]
pub struct RemoveMemberInput {
    /// The member.
    pub member_id: ID,
    /// The member or team that gets the credentials, connections and flows that he owned; when not given, the caller if he is an owner of
    /// the tenant, else the owner who has been there longest.
    pub hand_over_to_id: Option<ID>,
    /// Only when the tenant, to which its members belong, is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The new member.
    AddMemberPayload {
        /// The member.
        member: Member
    }
}
payload! {
    /// The member with his role.
    SetMemberRolePayload {
        /// The member.
        member: Member
    }
}
payload! {
    /// The member who went.
    RemoveMemberPayload {
        /// The member, with `removedAt`.
        member: Member
    }
}

/// Changes of members.
#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Add a person to the tenant. Nobody gives a role above his own.
    async fn add_member(&self, ctx: &Context<'_>, input: AddMemberInput) -> Result<AddMemberPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("addMember", input.idempotency_key.clone(), &input);
        let new = NewMember {
            issuer: input.issuer,
            subject: input.subject,
            role: input.role.into(),
            profile: Some(Profile { display_name: input.display_name, email: input.email }),
        };
        let done = app(ctx)?.add_member(&call, mutation, new).await.or_fail(ctx)?;
        let member = Member::load(ctx, done.value).await?;
        Ok(AddMemberPayload::new(&done, member))
    }

    /// Change a member's role. The last OWNER stays.
    async fn set_member_role(
        &self,
        ctx: &Context<'_>,
        input: SetMemberRoleInput,
    ) -> Result<SetMemberRolePayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("setMemberRole", input.idempotency_key.clone(), &input);
        let (id, expected) = (member_id(&input.member_id)?, revision(input.expected_revision)?);
        let done: Done<MemberId> =
            app(ctx)?.set_member_role(&call, mutation, id, input.role.into(), expected).await.or_fail(ctx)?;
        Ok(SetMemberRolePayload::new(&done, Member::load(ctx, id).await?))
    }

    /// Take a member out of the tenant: his access ends at once. The credentials, connections and flows that he owned go to
    /// another one soon after; what runs goes on. Each credential has an alert, for he may know its secret still.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("removeMember", input.idempotency_key.clone(), &input);
        let (id, expected) = (member_id(&input.member_id)?, revision(input.expected_revision)?);
        let heir = input.hand_over_to_id.as_ref().map(|id| an_owner("input.handOverToId", id)).transpose()?;
        let done = app(ctx)?.remove_member(&call, mutation, (id, expected), heir).await.or_fail(ctx)?;
        Ok(RemoveMemberPayload::new(&done, Member::load(ctx, id).await?))
    }
}

fn member_id(id: &ID) -> Result<MemberId> {
    MemberId::parse(id).map_err(|error| bad_id("input.memberId", &error))
}
