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

#[test]
fn what_failed_waits_and_holds_back_its_own_lane_alone() {
    let mut place = read(&[("a", 1), ("a", 2), ("b", 3)]);
    assert_eq!(place.failed("a", NOW, NOW), 1);
    place.wait("a", NOW.plus_seconds(5));
    assert_eq!(due(&place, NOW), [("b".into(), 3)]);
    assert_eq!(place.done("b"), None);
    assert_eq!(place.next_due(|_| false), Some(NOW.plus_seconds(5)));
    assert_eq!(due(&place, NOW.plus_seconds(5)), [("a".into(), 1)]);
    assert_eq!(place.done("a"), Some((Position::nth(1), Position::nth(2))), "more waits behind it");
    place.go_on("a", Some(item(2)), NOW);
    assert_eq!(due(&place, NOW), [("a".into(), 2)]);
    assert_eq!((place.done("a"), place.lanes.len()), (None, 0));
}

#[test]
fn enabling_makes_everything_due_and_begins_to_count_again() {
    let mut place = read(&[("a", 1)]);
    place.failed("a", NOW, NOW);
    place.wait("a", NOW.plus_days(1));
    let enabled = NOW.plus_seconds(60);
    assert_eq!(place.due((enabled, enabled), |_| false).len(), 1);
    assert_eq!(place.failed("a", enabled, enabled), 1);
    assert_eq!(place.failing_since, Some(enabled));
    assert_eq!(place.failed("a", enabled.plus_seconds(5), enabled), 2);
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
    place.failed("request/x", NOW, NOW);
    assert_eq!(due(&place, NOW), [("a".into(), 1), ("request/x".into(), 2)]);
}

#[test]
fn a_place_reads_back_from_the_journal() {
    let place = read(&[("a", 1), ("b", 4)]);
    let bytes = serde_json::to_vec(&place).expect("json");
    assert_eq!(serde_json::from_slice::<Place>(&bytes).expect("json"), place);
}
