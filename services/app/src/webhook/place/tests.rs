//! What a place knows.

use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

fn item(number: u64) -> Item {
    let id = Uuid::from_u128(u128::from(number));
    Item { at: Position::nth(number), event: EventId::from_uuid(id), purpose: Purpose::Event, delivery: id }
}

fn due(place: &Place, at: Timestamp) -> Vec<(String, u64)> {
    place.due((at, NOW), |_| false).into_iter().map(|(key, lane)| (key.clone(), lane.at.commit)).collect()
}

fn read(events: &[(&str, u64)]) -> Place {
    let mut place = Place::after(Position::START);
    for (lane, number) in events {
        place.take_up(lane, item(*number), NOW);
        place.pass(Position::nth(*number));
    }
    place
}

#[test]
fn the_oldest_of_each_lane_is_due_in_log_order() {
    let place = read(&[("b", 1), ("a", 2), ("b", 3)]);
    assert_eq!(due(&place, NOW), [("b".into(), 1), ("a".into(), 2)]);
    assert_eq!(place.read, Some(Position::nth(3)));
}

fn failure(at: Timestamp, blame: Blame) -> Failure {
    Failure { began: at, ended: at, blame, retry_after: None }
}

/// Fails, as an endpoint that does not answer does.
fn hangs_up(place: &mut Place, lane: &str, at: Timestamp) -> Timestamp {
    place.failed(lane, failure(at, Blame::Endpoint), NOW)
}

/// Arrives, and nothing waits behind it.
fn arrives(place: &mut Place, lane: &str, at: Timestamp) {
    assert_eq!(place.done(lane), None);
    place.arrived(at);
}

#[test]
fn what_is_refused_waits_and_holds_back_its_own_lane_alone() {
    let mut place = read(&[("a", 1), ("a", 2), ("b", 3)]);
    let next = place.failed("a", failure(NOW, Blame::Delivery), NOW);
    assert_eq!(due(&place, NOW), [("b".into(), 3)]);
    arrives(&mut place, "b", NOW);
    assert_eq!(place.next_due(NOW, |_| false), Some(next));
    assert_eq!(due(&place, next.plus_seconds(-1)), []);
    assert_eq!(due(&place, next), [("a".into(), 1)]);
    assert_eq!(place.done("a"), Some((Position::nth(1), Position::nth(2))), "more waits behind it");
    place.go_on("a", Some(item(2)), NOW);
    assert_eq!(due(&place, NOW), [("a".into(), 2)]);
    assert_eq!((place.done("a"), place.lanes.len()), (None, 0));
}

/// Tries whatever is due first, for five days, at an endpoint that takes nothing.
fn five_days_of_nothing(place: &mut Place) -> Vec<(String, Timestamp)> {
    let (mut tries, mut now) = (Vec::new(), NOW);
    while now < NOW.plus_days(5) {
        let lane = due(place, now)[0].0.clone();
        hangs_up(place, &lane, now);
        assert_eq!(due(place, now), [], "one try a step");
        tries.push((lane, now));
        now = place.next_due(NOW, |_| false).expect("it waits");
    }
    tries
}

#[test]
fn an_endpoint_that_is_away_is_asked_once_a_step_however_many_lanes_wait_each_time_by_another() {
    let alone = five_days_of_nothing(&mut read(&[("a", 1)])).len();
    let events: Vec<_> = (1..=100).map(|number| (number.to_string(), number)).collect();
    let mut place = read(&events.iter().map(|(lane, number)| (lane.as_str(), *number)).collect::<Vec<_>>());
    let tries = five_days_of_nothing(&mut place);
    assert!((14..=22).contains(&alone) && tries.len().abs_diff(alone) <= 2, "{alone} and {}", tries.len());
    let lanes: std::collections::BTreeSet<_> = tries.iter().map(|(lane, _)| lane).collect();
    assert_eq!(lanes.len(), tries.len());
    // It is back: everything goes at once.
    let now = place.next_due(NOW, |_| false).expect("it waits");
    let (back, _) = due(&place, now)[0].clone();
    arrives(&mut place, &back, now);
    assert_eq!(due(&place, now).len(), 99);
}

#[test]
fn what_was_under_way_when_it_went_away_is_one_step() {
    let mut place = read(&[("a", 1), ("b", 2), ("c", 3)]);
    let until = hangs_up(&mut place, "a", NOW);
    let late = Failure { began: NOW, ..failure(until.plus_seconds(9), Blame::Endpoint) };
    assert_eq!(place.failed("b", late, NOW), until);
    assert_eq!(place.outage.map(|outage| (outage.tries, outage.until)), Some((1, until)));
    let asks = Failure { retry_after: Some(600), ..failure(NOW, Blame::Endpoint) };
    assert_eq!(place.failed("c", asks, NOW), NOW.plus_seconds(600), "it may ask for more time");
    let gone = hangs_up(&mut place, "b", NOW.plus_seconds(9));
    assert_eq!(gone, NOW.plus_seconds(600), "and is not asked to repeat that");
    place.take_up("d", item(4), NOW.plus_seconds(10));
    assert_eq!(due(&place, NOW.plus_seconds(599)), []);
    assert_eq!(place.ready(NOW.plus_seconds(599), NOW), 0, "what it keeps is no reason to read nothing");
    let later = hangs_up(&mut place, "a", NOW.plus_seconds(600));
    assert_eq!(place.outage.map(|outage| (outage.tries, outage.until)), Some((2, later)));
}

#[test]
fn something_new_asks_between_the_steps_once_a_minute_unless_the_receiver_asked_for_time() {
    let mut place = read(&[("a", 1)]);
    let mut now = NOW;
    for _ in 0..5 {
        now = hangs_up(&mut place, "a", now);
    }
    // Hours away.
    let until = hangs_up(&mut place, "a", now);
    for (key, number) in [("b", 2), ("c", 3)] {
        place.take_up(key, item(number), now.plus_seconds(1));
    }
    assert_eq!(due(&place, now), []);
    let minute = now.plus_seconds(60);
    assert_eq!(place.next_due(NOW, |_| false), Some(minute));
    let order = [("b".into(), 2), ("c".into(), 3), ("a".into(), 1)];
    assert_eq!(due(&place, minute), order, "what has failed comes last");
    assert_eq!(hangs_up(&mut place, "b", minute), until, "it is no step of the schedule");
    assert_eq!(due(&place, minute.plus_seconds(3_000)), [], "what was there then is not new");
    // Something new of a credential that waits lets its oldest ask.
    place.take_up("a", item(4), minute.plus_seconds(20));
    place.take_up("d", item(5), minute.plus_seconds(30));
    assert_eq!(due(&place, minute.plus_seconds(59)), []);
    let open = due(&place, minute.plus_seconds(60));
    assert!(open.len() == 4 && open.contains(&("a".into(), 1)), "{open:?}");
    let asks = Failure { retry_after: Some(7_200), ..failure(minute.plus_seconds(60), Blame::Endpoint) };
    let asked = minute.plus_seconds(60 + 7_200);
    assert_eq!(place.failed("d", asks, NOW), until.max(asked));
    place.take_up("e", item(6), minute.plus_seconds(90));
    assert_eq!(due(&place, asked.plus_seconds(-1)), []);
    assert_eq!(due(&place, until.max(asked)).len(), 5);
}

#[test]
fn one_failure_that_could_be_its_own_stops_nobody_and_a_second_lanes_does() {
    let mut place = read(&[("a", 1), ("b", 2), ("c", 3)]);
    place.failed("a", failure(NOW, Blame::Either), NOW);
    place.failed("a", failure(NOW, Blame::Either), NOW);
    assert_eq!(due(&place, NOW), [("b".into(), 2), ("c".into(), 3)]);
    place.failed("b", failure(NOW, Blame::Either), NOW);
    assert_eq!(due(&place, NOW), []);
    // Something in between clears the endpoint's name.
    let mut place = read(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
    place.failed("a", failure(NOW, Blame::Either), NOW);
    arrives(&mut place, "c", NOW);
    place.failed("b", failure(NOW, Blame::Either), NOW);
    assert_eq!(due(&place, NOW), [("d".into(), 4)]);
}

#[test]
fn refusals_of_deliveries_are_nobody_elses_however_many() {
    let mut place = read(&[("a", 1), ("b", 2), ("c", 3)]);
    for lane in ["a", "b"] {
        place.failed(lane, failure(NOW, Blame::Delivery), NOW);
    }
    assert_eq!(due(&place, NOW), [("c".into(), 3)]);
}

#[test]
fn what_breaks_the_endpoint_each_time_is_not_released_each_time() {
    let mut place = read(&[("bad", 1)]);
    let mut tries = 0;
    // Every ten seconds something else arrives; what is bad is tried whenever it may be.
    for (step, number) in (0..360).zip(2..) {
        let now = NOW.plus_seconds(step * 10);
        let other = number.to_string();
        place.take_up(&other, item(number), now);
        if due(&place, now).iter().any(|(lane, _)| lane == "bad") {
            hangs_up(&mut place, "bad", now);
            tries += 1;
        }
        arrives(&mut place, &other, now);
    }
    // At once, released once, after 5 s, 5 min, 30 min.
    assert!((4..=6).contains(&tries), "{tries} tries in an hour");
}

#[test]
fn what_failed_alone_for_long_goes_when_something_arrives() {
    let mut place = read(&[("a", 1)]);
    let mut now = NOW;
    for _ in 0..4 {
        now = place.failed("a", failure(now, Blame::Either), NOW);
    }
    place.take_up("b", item(2), NOW);
    let now = now.plus_seconds(-600);
    arrives(&mut place, "b", now);
    assert_eq!(due(&place, now), [("a".into(), 1)]);
}

#[test]
fn what_somebody_asks_for_goes_out_while_it_is_away_and_is_no_step() {
    let mut place = read(&[("a", 1), ("b", 2)]);
    let until = hangs_up(&mut place, "a", NOW);
    place.take_up("request/x", request(3), NOW);
    assert_eq!(place.next_due(NOW, |_| false), Some(NOW));
    assert_eq!(due(&place, NOW), [("request/x".into(), 3)]);
    assert_eq!(hangs_up(&mut place, "request/x", NOW), until);
    assert_eq!(due(&place, NOW), []);
    place.replay(Position::START, Position::nth(9));
    place.take_up("a", item(1), NOW);
    assert_eq!(due(&place, NOW), [("a".into(), 1)], "a replay does not wait either");
}

#[test]
fn enabling_makes_everything_due_and_begins_to_count_again() {
    let mut place = read(&[("a", 1)]);
    for day in 0..4 {
        hangs_up(&mut place, "a", NOW.plus_days(day));
    }
    let enabled = NOW.plus_days(4);
    let at = |lane: &str| lane == "a";
    assert_eq!(place.due((enabled, enabled), |_| false).len(), 1);
    assert_eq!(place.due((enabled, enabled), at).len(), 0);
    let next = place.failed("a", failure(enabled, Blame::Endpoint), enabled);
    assert!(next <= enabled.plus_seconds(6), "the first wait: {next:?}");
    assert_eq!((place.failing_since, place.lanes["a"].failures), (Some(enabled), 1));
    place.failed("a", failure(next, Blame::Endpoint), enabled);
    assert_eq!(place.failing_since, Some(enabled), "the first failure counts");
}

#[test]
fn a_replay_begins_again_and_forgets_what_it_will_meet() {
    let mut place = read(&[("a", 1), ("b", 4)]);
    place.replay(Position::nth(2), Position::nth(5));
    assert_eq!((place.read, place.lanes.len()), (Some(Position::nth(2)), 1));
    assert!(place.was_met(Position::nth(5)) && !place.was_met(Position::nth(6)));
}

#[test]
fn a_replay_never_skips_what_was_not_read() {
    let mut place = read(&[("a", 1), ("b", 4)]);
    place.replay(Position::nth(7), Position::nth(9));
    assert_eq!((place.read, place.lanes.len()), (Some(Position::nth(4)), 2));
    assert_eq!(place.requests_after(), Some(Position::nth(9)));
}

fn request(number: u64) -> Item {
    Item { purpose: Purpose::Test, ..item(number) }
}

#[test]
fn lanes_and_requests_have_places_of_their_own_and_a_bound_each() {
    let mut place = Place::after(Position::START);
    for number in 1..=MOST_LANES as u64 {
        assert!(!place.is_full());
        place.take_up(&number.to_string(), item(number), NOW);
    }
    for number in 1..=MOST_REQUESTS as u64 {
        assert!(place.is_full() && !place.is_full_of_requests());
        place.take_up(&format!("request/{number}"), request(number), NOW);
    }
    assert!(place.is_full_of_requests());
    let bytes = serde_json::to_vec(&place).expect("json").len();
    assert!(bytes < 1_300_000, "a mark of {bytes} bytes");
}

#[test]
fn many_requests_stop_reading_too() {
    let mut place = Place::after(Position::START);
    for number in 1..=MOST_REQUESTS as u64 {
        assert!(!place.is_full());
        place.take_up(&format!("request/{number}"), request(number), NOW);
    }
    assert!(place.is_full());
}

#[test]
fn what_was_asked_for_comes_first_until_it_failed() {
    let mut place = read(&[("a", 1)]);
    place.take_up("request/x", request(2), NOW);
    assert_eq!(due(&place, NOW), [("request/x".into(), 2), ("a".into(), 1)]);
    place.failed("request/x", failure(NOW, Blame::Delivery), NOW);
    let now = NOW.plus_seconds(10);
    assert_eq!(due(&place, now), [("a".into(), 1), ("request/x".into(), 2)]);
}

#[test]
fn a_place_reads_back_from_the_journal() {
    let mut place = read(&[("a", 1), ("b", 4)]);
    hangs_up(&mut place, "a", NOW);
    let bytes = serde_json::to_vec(&place).expect("json");
    assert_eq!(serde_json::from_slice::<Place>(&bytes).expect("json"), place);
}

#[test]
fn a_place_of_before_there_were_outages_reads() {
    let mut place = read(&[("a", 1)]);
    let mut json = serde_json::to_value(&place).expect("json");
    json["lanes"]["a"].as_object_mut().expect("a lane").remove("refused");
    assert!(json.get("outage").is_none() && json.get("suspect").is_none());
    assert_eq!(serde_json::from_value::<Place>(json).expect("json"), place);
    hangs_up(&mut place, "a", NOW);
    assert!(place.outage.is_some());
}

#[test]
fn of_a_log_that_ends_earlier_only_what_it_has_is_kept() {
    let mut place = read(&[("a", 1), ("b", 3), ("a", 5), ("c", 6)]);
    place.replayed = Some(Position::nth(7));
    let whole = place.clone();
    assert!(!place.keep_within(Some(Position::nth(7))), "a replay reads again what is before it");
    assert_eq!(place, whole);
    assert!(place.keep_within(Some(Position::nth(4))));
    assert_eq!((place.read, place.replayed), (Some(Position::nth(4)), Some(Position::nth(4))));
    assert_eq!(due(&place, NOW), [("a".into(), 1), ("b".into(), 3)], "and no lane whose event is gone");
    assert_eq!(
        place.done("a"),
        Some((Position::nth(1), Position::nth(4))),
        "what comes next is looked for there"
    );
    assert!(!place.keep_within(Some(Position::nth(4))), "once");
}
