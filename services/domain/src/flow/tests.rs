//! Given these facts, when that command, then these facts or that refusal.

use uuid::Uuid;

use super::{FlowCommand as C, FlowEvent as E, *};
use crate::{Aggregate, Refusal, TeamId, credential::VerificationChoice};

fn credential(number: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(number))
}

fn step(id: &str, number: Option<u128>) -> FlowStep {
    let credential = number.map(credential);
    FlowStep { id: id.into(), title: None, component: "http-api-key".into(), credential }
}

fn new(steps: Vec<FlowStep>) -> C {
    C::Create(Box::new(NewFlow {
        tenant: TenantId::of_slug("acme"),
        id: FlowId::from_uuid(Uuid::from_u128(1)),
        name: " Orders ".into(),
        description: None,
        owner: Owner::Team(TeamId::from_uuid(Uuid::from_u128(5))),
        labels: Labels::default(),
        steps,
        copied_from: None,
    }))
}

fn given(steps: Vec<FlowStep>, commands: &[C]) -> Flow {
    std::iter::once(&new(steps)).chain(commands).fold(Flow::default(), |flow, command| {
        let decision = flow.decide(command).expect("set-up");
        decision.events.iter().fold(flow, Flow::evolve)
    })
}

fn whole() -> Vec<FlowStep> {
    vec![step("get", Some(1)), step("put", Some(2)), step("log", Some(1))]
}

fn start() -> C {
    C::Start { verification: VerificationChoice::Checked }
}

fn steps(steps: Vec<FlowStep>) -> C {
    C::Update(Box::new(FlowUpdate { steps: Some(steps), ..FlowUpdate::default() }))
}

fn events(flow: &Flow, command: &C) -> Vec<E> {
    flow.decide(command).expect("taken").events
}

fn reason(flow: &Flow, command: &C) -> &'static str {
    match flow.decide(command) {
        Err(Refusal::Rule { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_credential_may_serve_several_steps() {
    let flow = given(whole(), &[]);
    let state = flow.live().expect("live");
    assert_eq!((state.name.as_str(), state.active), ("Orders", false));
    assert_eq!(state.credentials(), [credential(1), credential(2)]);
}

#[test]
fn steps_have_plain_ids_each_once() {
    for (wrong, path) in [
        (vec![step("", None)], "steps.0.id"),
        (vec![step("a b", None)], "steps.0.id"),
        (vec![step("a", None), step("a", None)], "steps.1.id"),
        ((0..101).map(|n| step(&n.to_string(), None)).collect(), "steps"),
    ] {
        let Err(Refusal::Invalid(errors)) = Flow::default().decide(&new(wrong)) else { panic!("{path}") };
        assert_eq!(errors[0].path, path);
    }
}

#[test]
fn it_starts_once_and_only_with_a_credential_for_each_step() {
    assert_eq!(reason(&given(vec![], &[]), &start()), "FLOW_WITHOUT_STEPS");
    let open = given(vec![step("get", Some(1)), step("put", None)], &[]);
    let Err(Refusal::Rule { reason: "STEP_WITHOUT_CREDENTIAL", details, .. }) = open.decide(&start()) else {
        panic!("started")
    };
    assert_eq!(details["steps"], serde_json::json!(["put"]));
    let flow = given(whole(), &[]);
    assert_eq!(events(&flow, &start()), [E::Started { verification: VerificationChoice::Checked }]);
    assert_eq!(events(&given(whole(), &[start()]), &start()), []);
}

#[test]
fn what_runs_keeps_its_steps_and_is_not_deleted() {
    let flow = given(whole(), &[start()]);
    assert_eq!(reason(&flow, &steps(vec![step("get", Some(1))])), "FLOW_ACTIVE");
    assert_eq!(events(&flow, &steps(whole())), []);
    assert_eq!(reason(&flow, &C::Delete), "FLOW_ACTIVE");
    let stopped = given(whole(), &[start(), C::Stop { reason: None }]);
    assert_eq!(events(&stopped, &C::Stop { reason: None }), []);
    assert_eq!(events(&stopped, &C::Delete), [E::Deleted {}]);
    let gone = given(whole(), &[C::Delete]);
    assert!(matches!(gone.decide(&start()), Err(Refusal::NotFound)));
}

#[test]
fn another_credential_takes_the_place_of_one_while_it_runs() {
    let replace = C::Replace { from: credential(1), to: credential(3) };
    let flow = given(whole(), &[start(), replace.clone()]);
    let state = flow.live().expect("live");
    assert_eq!((state.credentials(), state.active), (vec![credential(3), credential(2)], true));
    assert_eq!(events(&flow, &replace), []);
}

#[test]
fn an_update_says_only_what_changed() {
    let flow = given(whole(), &[]);
    let update = |update| C::Update(Box::new(update));
    let same = FlowUpdate { name: Some("Orders".into()), description: Some(None), ..FlowUpdate::default() };
    assert_eq!(events(&flow, &update(same)), []);
    let other = FlowUpdate { name: Some("Bills".into()), steps: Some(vec![]), ..FlowUpdate::default() };
    let expected = [E::Renamed { name: "Bills".into() }, E::StepsChanged { steps: vec![] }];
    assert_eq!(events(&flow, &update(other)), expected);
}
