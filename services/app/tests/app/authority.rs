//! What a list shows and what the authoriser allows are the same, whatever happened before.

use std::collections::BTreeSet;

use keytrail_app::{AppError, Call, NewGrant, NewMember, PageArgs};
use keytrail_domain::{CredentialId, Grantee, Level, MemberId, Owner, Role, TeamId};
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{CredentialFilter, CredentialOrder},
};
use proptest::{prelude::*, test_runner::Config};

use crate::world::{World, bearer, member_of, place, plain};

const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
const TEAMS: usize = 3;
const ROLES: [Role; 4] = [Role::Auditor, Role::Member, Role::Admin, Role::Owner];

/// Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    Create { by: usize, team: Option<usize> },
    Share { by: usize, credential: usize, to: To, level: usize, seconds: Option<i64> },
    Revoke { by: usize, credential: usize, to: To },
    Join { by: usize, team: usize, member: usize, lead: bool },
    Leave { by: usize, team: usize, member: usize },
    Role { by: usize, member: usize, role: usize },
    Remove { by: usize, member: usize },
    Add { by: usize, member: usize, role: usize },
    Delete { by: usize, credential: usize },
    Restore { by: usize, credential: usize },
    EndTeam { by: usize, team: usize },
    Wait(i64),
}

#[derive(Clone, Copy, Debug)]
enum To {
    Member(usize),
    Team(usize),
}

fn step() -> impl Strategy<Value = Step> {
    // Most by those who may: alice and bob begin as owner and admin.
    let by = || prop_oneof![3 => 0..2_usize, 2 => 0..PEOPLE.len()];
    let (member, team, credential) = (|| 0..PEOPLE.len(), || 0..TEAMS, || 0..64_usize);
    let to = move || prop_oneof![member().prop_map(To::Member), team().prop_map(To::Team)];
    let seconds = prop_oneof![Just(None), (1..200_i64).prop_map(Some)];
    prop_oneof![
        4 => (by(), proptest::option::of(team())).prop_map(|(by, team)| Step::Create { by, team }),
        6 => (by(), credential(), to(), 0..4_usize, seconds).prop_map(|(by, credential, to, level, seconds)| {
            Step::Share { by, credential, to, level, seconds }
        }),
        3 => (by(), credential(), to()).prop_map(|(by, credential, to)| Step::Revoke { by, credential, to }),
        4 => (by(), team(), member(), any::<bool>())
            .prop_map(|(by, team, member, lead)| Step::Join { by, team, member, lead }),
        2 => (by(), team(), member()).prop_map(|(by, team, member)| Step::Leave { by, team, member }),
        2 => (by(), member(), 0..4_usize).prop_map(|(by, member, role)| Step::Role { by, member, role }),
        1 => (by(), 2..PEOPLE.len()).prop_map(|(by, member)| Step::Remove { by, member }),
        2 => (by(), member(), 0..3_usize).prop_map(|(by, member, role)| Step::Add { by, member, role }),
        1 => (by(), credential()).prop_map(|(by, credential)| Step::Delete { by, credential }),
        1 => (by(), credential()).prop_map(|(by, credential)| Step::Restore { by, credential }),
        1 => (by(), team()).prop_map(|(by, team)| Step::EndTeam { by, team }),
        3 => (1..150_i64).prop_map(Step::Wait),
    ]
}

/// A world in which things happen.
struct Story {
    world: World,
    /// As they signed in last; a removed one keeps what he had.
    people: Vec<Call>,
    teams: Vec<TeamId>,
    credentials: Vec<CredentialId>,
}

impl Story {
    async fn begin() -> Self {
        let world = World::start().await;
        let mut people = vec![world.alice.clone()];
        for (name, role) in
            PEOPLE[1..].iter().zip([Role::Admin, Role::Member, Role::Member, Role::Member, Role::Auditor])
        {
            people.push(world.member(name, role).await);
        }
        let mut teams = Vec::new();
        for name in ["Red", "Green", "Blue"] {
            teams.push(world.team(name).await);
        }
        Self { world, people, teams, credentials: Vec::new() }
    }

    fn member(&self, which: usize) -> MemberId {
        member_of(&self.people[which])
    }

    fn grantee(&self, to: To) -> Grantee {
        match to {
            To::Member(which) => Grantee::Member(self.member(which)),
            To::Team(which) => Grantee::Team(self.teams[which]),
        }
    }

    fn credential(&self, which: usize) -> Option<CredentialId> {
        (!self.credentials.is_empty()).then(|| self.credentials[which % self.credentials.len()])
    }

    /// True when it was done; refusals are part of the story, mistakes of ours are not.
    async fn take(&mut self, step: &Step) -> bool {
        match self.attempt(step).await {
            Ok(()) => true,
            Err(
                error @ (AppError::Internal(_) | AppError::Unavailable { .. } | AppError::OutcomeUnknown(_)),
            ) => {
                panic!("{step:?}: {error:?}")
            }
            Err(_) => false,
        }
    }

    async fn attempt(&mut self, step: &Step) -> Result<(), AppError> {
        let app = self.world.app.clone();
        match step {
            Step::Create { by, team } => {
                let owner = team.map(|team| Owner::Team(self.teams[team]));
                let input = bearer(&format!("c{}", self.credentials.len()), owner);
                let made = app.create_credential(&self.people[*by], plain("createCredential"), input).await?;
                self.credentials.push(made.value);
            }
            Step::Join { by, team, member, lead } => {
                let (team, member, add) = (self.teams[*team], self.member(*member), plain("addTeamMember"));
                app.add_team_member(&self.people[*by], add, place(team, member), *lead).await?;
            }
            Step::Leave { by, team, member } => {
                let (team, member) = (self.teams[*team], self.member(*member));
                app.remove_team_member(&self.people[*by], plain("removeTeamMember"), place(team, member))
                    .await?;
            }
            Step::Role { by, member, role } => {
                let (member, role) = (self.member(*member), ROLES[*role]);
                app.set_member_role(&self.people[*by], plain("setMemberRole"), member, role, None).await?;
            }
            Step::Remove { by, member } => {
                let member = self.member(*member);
                app.remove_member(&self.people[*by], plain("removeMember"), (member, None), None).await?;
            }
            Step::Add { by, member, role } => {
                let (subject, role) = (PEOPLE[*member].to_owned(), ROLES[*role]);
                let input = NewMember { issuer: None, subject, role, profile: None };
                app.add_member(&self.people[*by], plain("addMember"), input).await?;
                self.people[*member] = self.world.sign_in(PEOPLE[*member]).await?;
            }
            Step::EndTeam { by, team } => {
                app.delete_team(&self.people[*by], plain("deleteTeam"), self.teams[*team], None).await?;
            }
            Step::Wait(seconds) => self.world.kept.clock.forward(*seconds),
            Step::Share { credential, .. }
            | Step::Revoke { credential, .. }
            | Step::Delete { credential, .. }
            | Step::Restore { credential, .. } => {
                if let Some(id) = self.credential(*credential) {
                    self.change(step, id).await?;
                }
            }
        }
        Ok(())
    }

    async fn change(&self, step: &Step, id: CredentialId) -> Result<(), AppError> {
        let app = &self.world.app;
        match step {
            Step::Share { by, to, level, seconds, .. } => {
                let grant = NewGrant {
                    id,
                    grantee: self.grantee(*to),
                    level: Level::ALL[*level],
                    expires_at: seconds.map(|seconds| app.now().plus_seconds(seconds)),
                    reason: None,
                    expected_revision: None,
                };
                app.share_credential(&self.people[*by], plain("shareCredential"), grant).await?;
            }
            Step::Revoke { by, to, .. } => {
                let grantee = self.grantee(*to);
                app.revoke_share(&self.people[*by], plain("revokeShare"), id, grantee, None).await?;
            }
            Step::Delete { by, .. } => {
                app.delete_credential(&self.people[*by], plain("deleteCredential"), id, false, None).await?;
            }
            Step::Restore { by, .. } => {
                app.restore_credential(&self.people[*by], plain("restoreCredential"), id, None).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What each person sees, after a check that list, look-up and authoriser agree on it. None for
    /// who is no member.
    async fn seen(&self) -> Vec<Option<BTreeSet<CredentialId>>> {
        let mut all = Vec::new();
        for person in &self.people {
            all.push(self.seen_by(person).await);
        }
        all
    }

    async fn seen_by(&self, person: &Call) -> Option<BTreeSet<CredentialId>> {
        let mut listed = BTreeSet::new();
        for deleted in [false, true] {
            let filter = CredentialFilter { deleted, ..CredentialFilter::default() };
            let page = PageArgs { first: Some(1_000), ..PageArgs::default() };
            let order = CredentialOrder::default();
            let count = self.world.app.count_credentials(person, filter.clone()).await;
            match self.world.app.credentials(person, filter, order, page).await {
                Ok(page) => {
                    assert_eq!(count.unwrap(), page.edges.len() as u64);
                    listed.extend(page.edges.iter().map(|(_, row)| row.id));
                }
                Err(AppError::Unauthenticated) => return self.is_out(person).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        for id in &self.credentials {
            let found = self.world.app.credential(person, *id).await.unwrap().is_some();
            let allowed = self.may_view(person, *id).await;
            assert_eq!((found, allowed.is_ok()), (listed.contains(id), found), "{id} for {person:?}");
            assert!(found || allowed == Err(Denied::Hidden), "{allowed:?}");
        }
        Some(listed)
    }

    async fn is_out(&self, person: &Call) -> Option<BTreeSet<CredentialId>> {
        for id in &self.credentials {
            assert_eq!(self.may_view(person, *id).await, Err(Denied::NotAMember));
        }
        None
    }

    async fn may_view(&self, person: &Call, id: CredentialId) -> Result<(), Denied> {
        let resource = Resource { tenant: person.principal.tenant, object: Object::Credential(id) };
        self.world.ports.authorizer.authorize(&person.principal, Action::View, resource).await
    }
}

/// Plays a story, looking after every few steps, after a jump over every end, and with views that
/// were made anew; answers how much was done and how much was seen.
async fn play(steps: &[Step]) -> (usize, usize) {
    let mut story = Story::begin().await;
    let mut done = 0;
    for steps in steps.chunks(8) {
        for step in steps {
            done += usize::from(story.take(step).await);
        }
        story.seen().await;
    }
    let before = story.seen().await;
    story.world.kept.clock.forward(1_000);
    let after = story.seen().await;
    for (before, after) in before.iter().zip(&after) {
        let (Some(before), Some(after)) = (before, after) else { continue };
        assert!(after.is_subset(before), "time gives nobody anything");
    }
    let again = story.world.again().await;
    let story = Story { world: again, ..story };
    assert_eq!(story.seen().await, after, "views made anew say the same");
    (done, before.iter().flatten().map(BTreeSet::len).sum())
}

#[test]
fn list_and_authoriser_agree_whatever_happened() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut sums = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(Config {
        cases: 10,
        failure_persistence: None,
        ..Config::default()
    });
    let sums_of = std::cell::RefCell::new(&mut sums);
    runner
        .run(&proptest::collection::vec(step(), 20..48), |steps| {
            let (done, seen) = runtime.block_on(play(&steps));
            let mut sums = sums_of.borrow_mut();
            (sums.0, sums.1) = (sums.0 + done, sums.1 + seen);
            Ok(())
        })
        .unwrap();
    assert!(sums.0 > 80 && sums.1 > 40, "the stories must not be empty: {sums:?}");
}
