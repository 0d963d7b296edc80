//! Everything that uses one credential uses another one from now on: connections and flows, also those that run.
//!
//! Each of them is moved as a whole: the new credential is reserved and marked first, then the connection or flow
//! says so, then the old one is let go. When one cannot be moved, those that were go back. Whoever dies in between
//! leaves some moved and some not, each of them whole: asking again moves the rest, and the half of the one that
//! it died at is cleared by the repair.

use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, StreamId,
    connection::{Connection, ConnectionCommand},
    credential::{Credential, CredentialCommand, UsageKind},
    flow::{Flow, FlowCommand},
};
use keytrail_ports::{Action, Object};
use serde_json::json;

use super::{BeforeUse, Consumer, Wanted};
use crate::{
    App, AppError, Call, Done, Mutation,
    commands::present,
    execute::{Execution, check_revision},
    idempotency::{About, Admission, Ticket},
};

/// A wish to use another credential.
#[derive(Clone, Debug)]
pub struct Repointing {
    /// The credential that is used.
    pub from: CredentialId,
    /// The credential that is to be used.
    pub to: CredentialId,
    /// These connections and flows alone, by their ids; none: all.
    pub only: Option<Vec<String>>,
    /// Whether the new credential is checked first, when something runs with it.
    pub before: BeforeUse,
    /// Only when the old credential is at this revision.
    pub expected_revision: Option<u64>,
}

impl App {
    /// Moves what uses one credential to another one, all or nothing. None: it was done before with this key.
    ///
    /// # Errors
    /// `USERS_NOT_YOURS` when the caller may not change all of them; `USES_BOTH` for what uses both already;
    /// `COMPONENT_MISMATCH`; `VERIFICATION_FAILED`.
    pub async fn repoint_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        wish: Repointing,
    ) -> Result<Done<Option<Vec<String>>>, AppError> {
        let tenant = call.principal.tenant;
        for id in [wish.from, wish.to] {
            self.authorize(call, Action::Attach, Object::Credential(id)).await?;
        }
        let stream = StreamId::credential(tenant, wish.from);
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| None)),
            Admission::Do(ticket) => ticket,
        };
        if wish.from == wish.to {
            return Err(AppError::bad_input("toCredentialId", "must be another credential"));
        }
        let users = self.users_to_move(call, &wish).await?;
        self.none_uses_both(call, &wish, &users).await?;
        if wish.before == BeforeUse::Check && self.any_runs(call, &wish, &users).await? {
            self.check_before_use(call, &[wish.to]).await?;
        }
        let moved = self.move_all(call, &users, (wish.from, wish.to)).await?;
        match self.note_repointed(call, &ticket, &wish, &moved).await {
            Ok(done) => Ok(done.map(|()| Some(moved.iter().map(|user| user.id()).collect()))),
            Err(error) => {
                if error.nothing_was_written() {
                    self.move_back(call, &moved, (wish.from, wish.to)).await;
                }
                Err(error)
            }
        }
    }

    /// What uses the old credential, by its own stream. The caller must be one who may change each of them.
    async fn users_to_move(&self, call: &Call, wish: &Repointing) -> Result<Vec<Consumer>, AppError> {
        let tenant = call.principal.tenant;
        let standing = self.standing(call).await?;
        let from: Credential = self.load(&StreamId::credential(tenant, wish.from)).await?;
        standing.still_may(Action::Attach, &from)?;
        let from = present(&from)?;
        // Before anything is moved, not only when it is written down.
        check_revision(wish.expected_revision, from.revision)?;
        let to: Credential = self.load(&StreamId::credential(tenant, wish.to)).await?;
        standing.still_may(Action::Attach, &to)?;
        let to = present(&to)?;
        if from.component.slug != to.component.slug {
            return Err(AppError::Refused {
                reason: "COMPONENT_MISMATCH",
                message: "the credentials are for different components: choose one of the same".into(),
                details: json!({ "needed": from.component.slug, "credential": to.component.slug }),
            });
        }
        let wanted = |id: &String| wish.only.as_ref().is_none_or(|only| only.contains(id));
        if let Some(unknown) = wish.only.iter().flatten().find(|id| !from.usages.contains_key(*id)) {
            let message = format!("{unknown} does not use the credential");
            return Err(AppError::bad_input("only", message));
        }
        let mut users = Vec::new();
        for (id, usage) in from.usages.iter().filter(|(id, _)| wanted(id)) {
            users.push(consumer(usage.kind, id)?);
        }
        self.must_be_his(call, &users).await?;
        Ok(users)
    }

    async fn must_be_his(&self, call: &Call, users: &[Consumer]) -> Result<(), AppError> {
        let (mut shown, mut hidden) = (Vec::new(), 0_u32);
        for user in users {
            match self.may_change(call, *user).await {
                Ok(()) => {}
                Err(AppError::Forbidden) => shown.push(json!({ "id": user.id(), "kind": user.kind() })),
                Err(AppError::NotFound) => hidden += 1,
                Err(error) => return Err(error),
            }
        }
        if shown.is_empty() && hidden == 0 {
            return Ok(());
        }
        Err(AppError::Refused {
            reason: "USERS_NOT_YOURS",
            message:
                "you may not change all that uses the credential: ask their owners, or move some with `only`"
                    .into(),
            details: json!({ "usages": shown, "hiddenCount": hidden }),
        })
    }

    async fn may_change(&self, call: &Call, user: Consumer) -> Result<(), AppError> {
        let (tenant, views) = (call.principal.tenant, &self.ports().views);
        let object = match user {
            Consumer::Connection(id) => {
                let row = views.connections_by_id(tenant, &[id]).await?.pop();
                Object::Connection(row.ok_or(AppError::NotFound)?.owner)
            }
            Consumer::Flow(id) => {
                let row = views.flows_by_id(tenant, &[id]).await?.pop();
                Object::Flow(row.ok_or(AppError::NotFound)?.owner)
            }
        };
        self.authorize(call, Action::Update, object).await
    }

    /// What has both would have one of them afterwards, and nobody could take that back.
    async fn none_uses_both(
        &self,
        call: &Call,
        wish: &Repointing,
        users: &[Consumer],
    ) -> Result<(), AppError> {
        let mut both = Vec::new();
        for user in users {
            if self.said_by(call, *user).await?.contains_key(&wish.to) {
                both.push(json!({ "id": user.id(), "kind": user.kind() }));
            }
        }
        if both.is_empty() {
            return Ok(());
        }
        Err(AppError::Refused {
            reason: "USES_BOTH",
            message: "some that use the credential use the other one too: detach one of them there first, or leave \
                      them out with `only`"
                .into(),
            details: json!({ "usages": both }),
        })
    }

    async fn any_runs(&self, call: &Call, wish: &Repointing, users: &[Consumer]) -> Result<bool, AppError> {
        for user in users {
            if self.said_by(call, *user).await?.get(&wish.from).is_some_and(|said| said.active) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn move_all(
        &self,
        call: &Call,
        users: &[Consumer],
        ends: (CredentialId, CredentialId),
    ) -> Result<Vec<Consumer>, AppError> {
        let mut moved = Vec::new();
        for user in users {
            match self.move_one(call, *user, ends).await {
                Ok(true) => moved.push(*user),
                Ok(false) => {}
                Err(error) => {
                    self.move_back(call, &moved, ends).await;
                    return Err(error);
                }
            }
        }
        Ok(moved)
    }

    /// True when it used the old one, and uses the new one now.
    async fn move_one(
        &self,
        call: &Call,
        user: Consumer,
        (from, to): (CredentialId, CredentialId),
    ) -> Result<bool, AppError> {
        let _alone = self.alone_with(user).await?;
        let said = self.said_by(call, user).await?;
        let Some(said) = said.get(&from) else {
            // A reservation that nothing came of is the repair's.
            return Ok(false);
        };
        self.reserve(call, user, &[Wanted { credential: to, component: said.component.clone() }]).await?;
        if said.active {
            let activated = self.activate(call, user, &[to]).await;
            self.undone(call, user, &[to], activated).await?;
        }
        let replaced = self.say_replaced(call, user, (from, to)).await;
        self.undone(call, user, &[to], replaced).await?;
        self.put_right(call, user, &[from]).await;
        Ok(true)
    }

    async fn say_replaced(
        &self,
        call: &Call,
        user: Consumer,
        (from, to): (CredentialId, CredentialId),
    ) -> Result<(), AppError> {
        let tenant = call.principal.tenant;
        let execution = |stream| Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        match user {
            Consumer::Connection(id) => {
                let stream = execution(StreamId::connection(tenant, id));
                let replace = |_: &Connection| Ok(ConnectionCommand::Replace { from, to });
                self.execute::<Connection>(stream, replace).await.map(drop)
            }
            Consumer::Flow(id) => {
                let stream = execution(StreamId::flow(tenant, id));
                self.execute::<Flow>(stream, |_| Ok(FlowCommand::Replace { from, to })).await.map(drop)
            }
        }
    }

    async fn move_back(&self, call: &Call, moved: &[Consumer], (from, to): (CredentialId, CredentialId)) {
        for user in moved.iter().rev() {
            if let Err(error) = self.move_one(call, *user, (to, from)).await {
                let (user, error) = (user.id(), &error as &dyn std::error::Error);
                tracing::error!(%user, %from, %to, error, "a repointing that failed could not be taken back here");
            }
        }
    }

    /// The last step: the old credential's history says where everything went.
    async fn note_repointed(
        &self,
        call: &Call,
        ticket: &Ticket,
        wish: &Repointing,
        moved: &[Consumer],
    ) -> Result<Done<()>, AppError> {
        let stream = StreamId::credential(call.principal.tenant, wish.from);
        let execution = Execution::of(call, stream, ticket).at(wish.expected_revision);
        let command = CredentialCommand::NoteRepointed {
            to: wish.to,
            usages: moved.iter().map(|user| user.id()).collect(),
        };
        self.execute::<Credential>(execution, |_| Ok(command.clone())).await
    }
}

fn consumer(kind: UsageKind, id: &str) -> Result<Consumer, AppError> {
    let corrupt = |_| AppError::internal("a usage has no id of a connection or flow");
    Ok(match kind {
        UsageKind::Connection => Consumer::Connection(ConnectionId::parse(id).map_err(corrupt)?),
        UsageKind::Flow => Consumer::Flow(FlowId::parse(id).map_err(corrupt)?),
    })
}
