//! When facts are loaded, what happens meanwhile, and when they are dropped.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use crate::support::*;
use async_trait::async_trait;
use keytrail_domain::{Grantee, Level, Owner, Position, Role, TenantId};
use keytrail_ports::{
    Action, AuthorityChange, AuthoritySnapshot, AuthoritySource, Authorizer, Denied, Object, views::ViewError,
};
use tokio::sync::{Mutex, mpsc};

type Answer = Result<AuthoritySnapshot, ViewError>;

/// Answers a load when the test says so.
struct Gate {
    answers: Mutex<mpsc::Receiver<Answer>>,
    loads: AtomicUsize,
}

#[async_trait]
impl AuthoritySource for Gate {
    async fn authority(&self, _tenant: TenantId) -> Answer {
        self.loads.fetch_add(1, SeqCst);
        self.answers.lock().await.recv().await.expect("an answer")
    }
}

async fn gated() -> (Arc<keytrail_policy::CasbinAuthorizer>, Arc<Gate>, mpsc::Sender<Answer>) {
    let (sender, receiver) = mpsc::channel(9);
    let gate = Arc::new(Gate { answers: Mutex::new(receiver), loads: 0.into() });
    let authorizer = authorizer(gate.clone(), Arc::new(HandClock::default()), 1_000).await;
    (Arc::new(authorizer), gate, sender)
}

fn snapshot(position: u64, changes: Vec<AuthorityChange>) -> Answer {
    Ok(AuthoritySnapshot { position: Some(Position::nth(position)), changes })
}

fn unavailable() -> Answer {
    Err(ViewError::Corrupt("broken by the test".into()))
}

const ME: Grantee = Grantee::Member(keytrail_domain::MemberId::from_uuid(uuid::Uuid::from_u128(1)));

/// Polls once, so that the load begins, and leaves the rest for later.
async fn begin<F: Future>(question: std::pin::Pin<&mut F>) {
    let mut question = Some(question);
    std::future::poll_fn(|context| {
        if let Some(question) = question.take() {
            assert!(question.poll(context).is_pending(), "answered before it was loaded");
        }
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn changes_that_arrive_while_loading_count_when_the_snapshot_lacks_them() {
    let (authorizer, _gate, answers) = gated().await;
    let who = person(home(), 1);
    let mut question = pin!(authorizer.permissions(&who, of(1)));
    begin(question.as_mut()).await;
    authorizer.apply(home(), Position::nth(4), &[granted(1, ME, Level::Manage)]);
    authorizer.apply(home(), Position::nth(5), &[granted(1, ME, Level::View)]);
    authorizer.apply(home(), Position::nth(6), &[granted(2, ME, Level::View)]);
    // The snapshot holds 5 already: there the first two must change nothing.
    let owner = Owner::Member(member(9));
    let facts = vec![role(1, Role::Member), owned(1, owner), owned(2, owner), granted(1, ME, Level::Use)];
    answers.send(snapshot(5, facts)).await.expect("asked");
    assert_eq!(
        question.await.map(|it| it.contains(&Action::Lease) && !it.contains(&Action::Share)),
        Ok(true)
    );
    assert_eq!(authorizer.authorize(&who, Action::View, of(2)).await, Ok(()));
}

#[tokio::test]
async fn a_tenant_is_loaded_once_however_many_ask() {
    let (authorizer, gate, answers) = gated().await;
    let who = person(home(), 1);
    let questions: Vec<_> = (0..9)
        .map(|_| {
            let (authorizer, who) = (Arc::clone(&authorizer), who.clone());
            tokio::spawn(async move { authorizer.role(&who).await })
        })
        .collect();
    answers.send(snapshot(1, vec![role(1, Role::Admin)])).await.expect("asked");
    for question in questions {
        assert_eq!(question.await.expect("no panic"), Ok(Some(Role::Admin)));
    }
    assert_eq!(gate.loads.load(SeqCst), 1);
}

#[tokio::test]
async fn a_failed_load_fails_all_who_waited_and_the_next_question_loads_again() {
    let (authorizer, gate, answers) = gated().await;
    let who = person(home(), 1);
    let (mut first, mut second) = (pin!(authorizer.role(&who)), pin!(authorizer.role(&who)));
    begin(first.as_mut()).await;
    begin(second.as_mut()).await;
    answers.send(unavailable()).await.expect("asked");
    answers.send(snapshot(1, vec![role(1, Role::Admin)])).await.expect("open");
    assert_eq!(first.await, Err(Denied::Unavailable));
    assert_eq!(second.await, Err(Denied::Unavailable));
    assert_eq!(gate.loads.load(SeqCst), 1);
    assert_eq!(authorizer.role(&who).await, Ok(Some(Role::Admin)));
}

#[tokio::test]
async fn who_waits_goes_on_when_the_one_who_began_the_load_goes_away() {
    let (authorizer, gate, answers) = gated().await;
    let who = person(home(), 1);
    let mut second = pin!(authorizer.role(&who));
    {
        let mut first = pin!(authorizer.role(&who));
        begin(first.as_mut()).await;
        begin(second.as_mut()).await;
        authorizer.apply(home(), Position::nth(2), &[role(1, Role::Owner)]);
    }
    answers.send(snapshot(1, vec![role(1, Role::Admin)])).await.expect("asked");
    assert_eq!(second.await, Ok(Some(Role::Owner)));
    assert_eq!(gate.loads.load(SeqCst), 2);
}

#[tokio::test]
async fn a_load_that_too_many_changes_overtake_begins_again() {
    let (authorizer, gate, answers) = gated().await;
    let who = person(home(), 1);
    let mut question = pin!(authorizer.role(&who));
    begin(question.as_mut()).await;
    authorizer.apply(home(), Position::nth(2), &vec![role(1, Role::Admin); 10_001]);
    answers.send(snapshot(1, vec![role(1, Role::Member)])).await.expect("asked");
    answers.send(snapshot(2, vec![role(1, Role::Admin)])).await.expect("asked");
    assert_eq!(question.await, Ok(Some(Role::Admin)));
    assert_eq!(gate.loads.load(SeqCst), 2);
}

#[tokio::test]
async fn a_question_that_a_reset_overtakes_is_answered_from_the_new_views() {
    let (authorizer, gate, answers) = gated().await;
    let who = person(home(), 1);
    let mut question = pin!(authorizer.role(&who));
    begin(question.as_mut()).await;
    authorizer.reset();
    answers.send(snapshot(1, vec![role(1, Role::Owner)])).await.expect("asked");
    answers.send(snapshot(1, vec![role(1, Role::Member)])).await.expect("asked");
    assert_eq!(question.await, Ok(Some(Role::Member)));
    assert_eq!(gate.loads.load(SeqCst), 2);
}

#[tokio::test]
async fn a_change_at_or_before_what_is_folded_changes_nothing() {
    let set = Set::with(vec![]).await;
    set.source.put(home(), 7, vec![role(1, Role::Member)]);
    let who = person(home(), 1);
    assert_eq!(set.authorizer.role(&who).await, Ok(Some(Role::Member)));
    for (position, then) in [(6, Role::Member), (7, Role::Member), (8, Role::Owner)] {
        set.authorizer.apply(home(), Position::nth(position), &[role(1, Role::Owner)]);
        assert_eq!(set.authorizer.role(&who).await, Ok(Some(then)), "{position}");
    }
}

#[tokio::test]
async fn a_reset_loads_again() {
    let set = Set::with(vec![role(1, Role::Member)]).await;
    let who = person(home(), 1);
    assert_eq!(set.authorizer.role(&who).await, Ok(Some(Role::Member)));
    set.source.put(home(), 1, vec![role(1, Role::Auditor)]);
    assert_eq!(set.authorizer.role(&who).await, Ok(Some(Role::Member)));
    set.authorizer.reset();
    assert_eq!(set.authorizer.role(&who).await, Ok(Some(Role::Auditor)));
}

#[tokio::test]
async fn the_tenant_that_was_not_asked_about_for_the_longest_makes_room() {
    let set = Set::up(300).await;
    let [a, b, c] = ["a", "b", "c"].map(TenantId::of_slug);
    let full: Vec<_> = (1..=100).map(|number| role(number, Role::Member)).collect();
    [a, b, c].iter().for_each(|tenant| set.source.put(*tenant, 1, full.clone()));
    let ask = async |tenant| {
        let before = set.source.loads();
        assert_eq!(set.authorizer.role(&person(tenant, 1)).await, Ok(Some(Role::Member)));
        set.source.loads() > before
    };
    assert!(ask(a).await && ask(b).await, "loaded when first needed");
    assert!(!ask(a).await && !ask(b).await && !ask(a).await, "kept while they fit");
    assert!(ask(c).await);
    assert!(!ask(a).await, "asked about more lately than b");
    assert!(ask(b).await, "was dropped");
}

#[tokio::test]
async fn a_tenant_that_grows_makes_others_leave_and_misses_nothing_itself() {
    let set = Set::up(300).await;
    let (a, b) = (TenantId::of_slug("a"), TenantId::of_slug("b"));
    set.source.put(a, 1, vec![role(1, Role::Member)]);
    set.source.put(b, 1, vec![role(1, Role::Member)]);
    for tenant in [a, b] {
        set.authorizer.role(&person(tenant, 1)).await.expect("loaded");
    }
    let many: Vec<_> = (1..=275).map(|number| owned(number, Owner::Member(member(1)))).collect();
    set.authorizer.apply(b, Position::nth(2), &many);
    let loads = set.source.loads();
    let last = at(b, Object::Credential(credential(275)));
    assert_eq!(set.authorizer.authorize(&person(b, 1), Action::Share, last).await, Ok(()));
    assert_eq!(set.source.loads(), loads, "b stays");
    set.authorizer.role(&person(a, 1)).await.expect("loaded");
    assert_eq!(set.source.loads(), loads + 1, "a had to leave");
}
