//! Two nodes over one journal. Time is paused: it passes when nobody has anything else to do.

use std::pin::Pin;

use keytrail_ports::memory::MemoryJournal;
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Who did the work, and when, each second.
#[derive(Clone)]
struct Diary(Arc<parking_lot::Mutex<Vec<(u128, Duration)>>>, Instant);

impl Diary {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    async fn keep(self, node: u128, tenure: Tenure, stop: CancellationToken) {
        while !stop.is_cancelled() {
            assert!(tenure.is_held());
            self.0.lock().push((node, self.1.elapsed()));
            tokio::select! { () = stop.cancelled() => {}, () = sleep(SECOND) => {} }
        }
    }

    fn of(&self, node: u128) -> Vec<Duration> {
        self.0.lock().iter().filter(|(who, _)| *who == node).map(|(_, at)| *at).collect()
    }

    async fn until_it_is_of(&self, node: u128) -> Duration {
        while self.of(node).is_empty() {
            sleep(Duration::from_millis(100)).await;
        }
        self.of(node)[0]
    }
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A node that is polled by whoever has this future, or not at all.
fn node(number: u128, journal: &Arc<MemoryJournal>, diary: &Diary, stop: &CancellationToken) -> Running {
    let leases = Leases::new(journal.clone(), Uuid::from_u128(number));
    let (diary, stop) = (diary.clone(), stop.clone());
    Box::pin(async move {
        let work = |tenure| diary.clone().keep(number, tenure, stop.clone());
        leases.run(Work::Alerts, &stop, work).await;
    })
}

async fn for_seconds(node: &mut Running, seconds: u64) {
    let ended = tokio::time::timeout(Duration::from_secs(seconds), node).await;
    assert!(ended.is_err(), "it goes on");
}

async fn lease(journal: &MemoryJournal) -> State {
    state(&journal.mark("lease/alerts").await.unwrap().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_exactly_one_works() {
    let (journal, diary, stop) = (Arc::new(MemoryJournal::shared()), Diary::new(), CancellationToken::new());
    for number in [1, 2] {
        tokio::spawn(node(number, &journal, &diary, &stop));
    }
    sleep(Duration::from_secs(100)).await;
    assert_eq!((diary.of(1).len(), diary.of(2).len()), (100, 0));
    assert_eq!(lease(&journal).await.epoch, 1);
}

#[tokio::test(start_paused = true)]
async fn what_froze_is_taken_over_and_does_nothing_when_it_wakes_up() {
    let (journal, diary, stop) = (Arc::new(MemoryJournal::shared()), Diary::new(), CancellationToken::new());
    let mut frozen = node(1, &journal, &diary, &stop);
    for_seconds(&mut frozen, 1).await;
    tokio::spawn(node(2, &journal, &diary, &stop));
    for_seconds(&mut frozen, 6).await;
    let taken = diary.until_it_is_of(2).await;
    assert!((25..37).contains(&taken.as_secs()), "{taken:?}: it froze after 7 s, and renewed after 5 s");
    let (done, taken) = (diary.of(1), lease(&journal).await);
    // It has to notice by itself: nobody tells it that its lease is somebody else's.
    journal.go_away();
    for_seconds(&mut frozen, 10).await;
    journal.come_back();
    for_seconds(&mut frozen, 50).await;
    assert_eq!(diary.of(1), done);
    let now = lease(&journal).await;
    assert_eq!((taken.epoch, now.epoch, now.holder), (2, 2, Some(Uuid::from_u128(2))));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_by_himself_before_anybody_may_take_over() {
    let (journal, diary, stop) = (Arc::new(MemoryJournal::shared()), Diary::new(), CancellationToken::new());
    for number in [1, 2] {
        tokio::spawn(node(number, &journal, &diary, &stop));
    }
    sleep(Duration::from_secs(7)).await;
    journal.go_away();
    sleep(Duration::from_secs(60)).await;
    let last = diary.of(1).pop().unwrap();
    assert!((18..=20).contains(&last.as_secs()), "{last:?}: it renewed after 5 s");
    assert_eq!(diary.of(2), []);
    journal.come_back();
    sleep(Duration::from_secs(30)).await;
    let again = diary.0.lock().last().copied().unwrap();
    assert!(again.1.as_secs() >= 95, "{again:?}");
    assert_eq!(lease(&journal).await.epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn a_short_silence_of_the_journal_costs_nobody_the_lease() {
    let (journal, diary, stop) = (Arc::new(MemoryJournal::shared()), Diary::new(), CancellationToken::new());
    for number in [1, 2] {
        tokio::spawn(node(number, &journal, &diary, &stop));
    }
    for _ in 0..5 {
        sleep(Duration::from_secs(10)).await;
        journal.go_away();
        sleep(Duration::from_secs(8)).await;
        journal.come_back();
    }
    assert_eq!((diary.of(1).len(), diary.of(2).len(), lease(&journal).await.epoch), (90, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_hands_over_at_once() {
    let (journal, diary) = (Arc::new(MemoryJournal::shared()), Diary::new());
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let stopping = tokio::spawn(node(1, &journal, &diary, &first));
    sleep(Duration::from_secs(1)).await;
    tokio::spawn(node(2, &journal, &diary, &second));
    sleep(Duration::from_millis(6_500)).await;
    first.cancel();
    stopping.await.unwrap();
    assert_eq!(lease(&journal).await.holder, None);
    let taken = diary.until_it_is_of(2).await;
    assert!(taken.as_millis() <= 7_500 + 2_000, "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_alone_begins_at_once_and_writes_no_lease() {
    let (journal, diary, stop) = (Arc::new(MemoryJournal::new()), Diary::new(), CancellationToken::new());
    // A process that was killed has left this.
    let left = State { holder: Some(Uuid::from_u128(9)), epoch: 4, heartbeat: 7 };
    journal.set_mark("lease/alerts", bytes(&left).unwrap()).await.unwrap();
    for_seconds(&mut node(1, &journal, &diary, &stop), 5).await;
    assert_eq!(diary.of(1)[0], Duration::ZERO);
    assert_eq!(lease(&journal).await, left);
}

#[tokio::test(start_paused = true)]
async fn a_node_shows_what_it_does_as_long_as_it_does_it() {
    let (journal, stop) = (Arc::new(MemoryJournal::shared()), CancellationToken::new());
    let leases = Arc::new(Leases::new(journal, Uuid::from_u128(1)));
    assert!(!leases.holds(Work::Alerts));
    let running = tokio::spawn({
        let (leases, stop) = (leases.clone(), stop.clone());
        async move { leases.run(Work::Alerts, &stop, |_| stop.cancelled()).await }
    });
    sleep(SECOND).await;
    assert_eq!(Work::ALL.map(|work| leases.holds(work)), [true, false, false, false, false, false]);
    stop.cancel();
    running.await.unwrap();
    assert!(!leases.holds(Work::Alerts));
}

#[tokio::test(start_paused = true)]
async fn what_a_former_holder_has_on_its_way_changes_no_mark() {
    let (journal, alone) = (MemoryJournal::shared(), Tenure::alone());
    let take = || Fenced::take(&journal, "place".to_owned(), &alone);
    let (mut first, none) = take().await.unwrap();
    first.set(&journal, b"1".to_vec(), &alone).await.unwrap();
    let (mut second, value) = take().await.unwrap();
    assert_eq!((none, value), (None, Some(b"1".to_vec())));
    // It looked at its tenure before it froze.
    assert!(first.set(&journal, b"old".to_vec(), &alone).await.is_err());
    assert!(first.is_lost());
    second.set(&journal, b"2".to_vec(), &alone).await.unwrap();
    assert_eq!(journal.mark("place").await.unwrap().unwrap().value, b"2");
}

#[tokio::test(start_paused = true)]
async fn who_wakes_up_after_his_tenure_writes_nothing() {
    let journal = MemoryJournal::shared();
    let tenure = Tenure::until(Instant::now() + HOLD);
    let (mut mark, _) = Fenced::take(&journal, "place".to_owned(), &tenure).await.unwrap();
    mark.set(&journal, b"1".to_vec(), &tenure).await.unwrap();
    tokio::time::advance(HOLD).await;
    assert!(tenure.check().is_err());
    assert!(mark.set(&journal, b"2".to_vec(), &tenure).await.is_err());
    assert!(!tenure.extend(Instant::now() + HOLD), "what is over stays over");
    assert_eq!(journal.mark("place").await.unwrap().unwrap().value, b"1");
}
