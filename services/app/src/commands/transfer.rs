//! Giving a credential to another owner, who has to want it; and handing over what a removed member owned.

use keytrail_domain::{
    CredentialId, Grantee, Owner, Principal, Scopes, StreamId, TenantId,
    credential::{Credential, CredentialCommand, NAME_LEN, Offer, State},
};
use keytrail_ports::{Action, Denied, Object, Resource};

use super::{checking::present, create_credential::replayed, credential::Answer};
use crate::{
    App, AppError, Call, Done, Mutation,
    claims::Claim,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    standing::break_glass,
};

/// Numbers that are tried behind a name that the new owner has already.
pub(crate) const NAMES: u32 = 1_000;

/// A wish to give a credential away.
#[derive(Clone, Debug)]
pub struct NewOffer {
    /// Which.
    pub id: CredentialId,
    /// To whom.
    pub to: Owner,
    /// What the receiving side is told.
    pub note: Option<String>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

impl App {
    /// Offers a credential to a member or a team.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown receiver; `TRANSFER_PENDING`; `BREAK_GLASS` for who manages it by his tenant role
    /// alone and would get it himself.
    pub async fn offer_transfer(&self, call: &Call, mutation: Mutation, input: NewOffer) -> Answer {
        let which = (input.id, input.expected_revision);
        let target = match self.target(call, &mutation, Action::Transfer, which).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        self.known_grantee(call, input.to.into()).await?;
        let standing = target.standing.clone();
        self.change(target, |now| {
            let by_role = now.known().is_some_and(|state| standing.manages_by_role_alone(state));
            if by_role && standing.is(Grantee::from(input.to)) {
                return Err(break_glass());
            }
            let by_role_of = call.principal.actor.member().filter(|_| by_role);
            let offer = Offer { to: input.to, by_role_of };
            Ok(CredentialCommand::OfferTransfer { offer, note: input.note.clone() })
        })
        .await
    }

    /// Takes an offer back.
    ///
    /// # Errors
    /// As every change.
    pub async fn cancel_transfer(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        expected: Option<u64>,
    ) -> Answer {
        self.simply(call, mutation, Action::Transfer, (id, expected), CredentialCommand::CancelTransfer).await
    }

    /// Takes what is offered to the caller, or to a team that he may make credentials for; under another name if
    /// one is given.
    ///
    /// # Errors
    /// `NOT_FOUND` for who is not the receiver; `NO_TRANSFER_OFFER`; `CONFLICT` when the receiver has a credential
    /// of that name; `BREAK_GLASS` when it would come to who offered it by his tenant role alone.
    pub async fn accept_transfer(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (CredentialId, Option<u64>),
        name: Option<String>,
    ) -> Answer {
        let (ticket, state, offer) = match self.offered(call, &mutation, id).await? {
            Err(done) => return Ok(done),
            Ok(offered) => offered,
        };
        self.comes_to_nobody_by_role(call, &offer).await?;
        self.still_offered(&state).await?;
        let wanted = name.as_deref().unwrap_or(&state.name);
        let _name = self.hold_name(state.tenant, offer.to, wanted, Some(id)).await?;
        let command = CredentialCommand::AcceptTransfer { to: offer.to, name: name.clone() };
        self.answer_offer(call, &ticket, (&state, expected), command).await
    }

    /// Does not take it.
    ///
    /// # Errors
    /// `NOT_FOUND` for who is not the receiver; `NO_TRANSFER_OFFER`.
    pub async fn decline_transfer(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (CredentialId, Option<u64>),
    ) -> Answer {
        match self.offered(call, &mutation, id).await? {
            Err(done) => Ok(done),
            Ok((ticket, state, offer)) => {
                let command = CredentialCommand::DeclineTransfer { to: offer.to };
                self.answer_offer(call, &ticket, (&state, expected), command).await
            }
        }
    }

    async fn answer_offer(
        &self,
        call: &Call,
        ticket: &Ticket,
        (seen, expected): (&State, Option<u64>),
        command: CredentialCommand,
    ) -> Answer {
        let stream = StreamId::credential(call.principal.tenant, seen.id);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<Credential>(execution, |now| match now.known() {
            // What was judged must still be what is there.
            Some(now) if now.offer != seen.offer || now.name != seen.name => Err(AppError::conflict(
                "the credential was changed at the same time: look at the offer again",
            )),
            _ => Ok(command.clone()),
        });
        Ok(done.await?.map(|()| seen.id))
    }

    /// The credential and its offer, when the caller is on the receiving side: he may not be allowed to see the
    /// credential itself yet.
    async fn offered(
        &self,
        call: &Call,
        mutation: &Mutation,
        id: CredentialId,
    ) -> Result<Result<(Ticket, State, Offer), Done<CredentialId>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let stream = StreamId::credential(call.principal.tenant, id);
        let ticket = match self.admit(call, mutation, About::Stream(stream.clone())).await? {
            // The same caller with the same key: it was he who answered the offer.
            Admission::Done(done) => return Ok(Err(replayed(done)?)),
            Admission::Do(ticket) => ticket,
        };
        let credential: Credential = self.load(&stream).await?;
        let offer = credential.known().and_then(|state| state.offer);
        match offer {
            Some(offer) if self.receives(call, offer.to).await? => {
                Ok(Ok((ticket, present(&credential)?.clone(), offer)))
            }
            // Who may see it is told that there is nothing for him; nobody else that it exists.
            _ => {
                self.authorize(call, Action::View, Object::Credential(id)).await?;
                Err(no_offer())
            }
        }
    }

    /// Whoever may make a credential for an owner may accept one for him.
    pub(crate) async fn receives(&self, call: &Call, owner: Owner) -> Result<bool, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object: Object::NewCredential(owner) };
        match self.ports().authorizer.authorize(&call.principal, Action::Create, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Who offers by his tenant role alone gets nothing by it, also not by a team that he has joined since.
    async fn comes_to_nobody_by_role(&self, call: &Call, offer: &Offer) -> Result<(), AppError> {
        let Some(member) = offer.by_role_of else { return Ok(()) };
        // Nor does he answer for the other side: then nobody would have agreed.
        let answers = call.principal.actor.member() == Some(member);
        let is_in = answers
            || match offer.to {
                Owner::Member(to) => to == member,
                Owner::Team(team) => {
                    let members = self.ports().views.team_members(call.principal.tenant, team, None).await?;
                    members.iter().any(|known| known.member == member)
                }
            };
        if is_in { Err(break_glass()) } else { Ok(()) }
    }

    /// An offer counts as long as who made it may give the credential away.
    async fn still_offered(&self, state: &State) -> Result<(), AppError> {
        let row = self.ports().views.credentials_by_id(state.tenant, &[state.id]).await?.pop();
        let Some(by) = row.and_then(|row| row.offer.as_ref().map(|offer| offer.by.clone())) else {
            return Err(AppError::conflict("this node does not show the offer yet: try again"));
        };
        let who = Principal { tenant: state.tenant, actor: by, expires_at: None, scopes: Scopes::ALL };
        let resource = Resource { tenant: state.tenant, object: Object::Credential(state.id) };
        match self.ports().authorizer.authorize(&who, Action::Transfer, resource).await {
            Ok(()) => Ok(()),
            Err(Denied::Unavailable) => Err(Denied::Unavailable.into()),
            Err(_) => Err(no_offer()),
        }
    }

    /// A name that the new owner has not yet: the old one, or that with a number behind it. None: the old one.
    pub(crate) async fn name_for(
        &self,
        (tenant, to): (TenantId, Owner),
        state: &State,
    ) -> Result<(Option<String>, Claim), AppError> {
        for number in 1..=NAMES {
            let name = (number > 1).then(|| numbered(&state.name, number));
            let wanted = name.as_deref().unwrap_or(&state.name);
            match self.hold_name(tenant, to, wanted, Some(state.id)).await {
                Ok(claim) => return Ok((name, claim)),
                Err(AppError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::conflict("the new owner has too many credentials of this name"))
    }
}

fn no_offer() -> AppError {
    AppError::Refused {
        reason: "NO_TRANSFER_OFFER",
        message: "the credential is not offered to you, or not any more".into(),
        details: serde_json::Value::Null,
    }
}

/// Never longer than a name may be, which is the same for all that has one.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    let ending = format!(" ({number})");
    let whole = name.len().min(NAME_LEN - ending.len());
    let cut = (0..=whole).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{ending}", name[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_number_is_a_name_still() {
        assert_eq!(numbered("Deploy", 2), "Deploy (2)");
        for name in ["x".repeat(255), "ü".repeat(127), "é ".repeat(85)] {
            let made = numbered(&name, 1_000);
            assert!(made.len() <= NAME_LEN && made.ends_with(" (1000)"), "{made}");
        }
    }
}
