//! Tests of approvals: one decision, one nonce, and bounds on everything.

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::ttl::Uses;
use serde_json::json;

use super::*;
use crate::call::Task;

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const LIFE: Duration = Duration::from_mins(5);

fn approvals() -> Approvals {
    Approvals::new(ApprovalBounds { life: LIFE, most: 3, most_per_task: 2 })
}

fn call(grant: &str, call: &str) -> AskedCall {
    AskedCall {
        grant: grant.to_owned(),
        task: Task {
            agent: "billing".parse().unwrap(),
            task: "task-1".parse().unwrap(),
            user: None,
            key: SigningKey::ephemeral().unwrap().thumbprint().clone(),
        },
        tool: "refund_charge".parse().unwrap(),
        tool_call_id: call.parse().unwrap(),
        args_hash: ArgumentsHash::of(&json!({"amount": 1})),
        service: "stripe".parse().unwrap(),
        scope: "write:refunds".parse().unwrap(),
        uses: Uses::ONE,
    }
}

fn id(text: &str) -> ApprovalId {
    format!("ap_{text}").parse().unwrap()
}

fn ada() -> OperatorName {
    "ada".parse().unwrap()
}

fn ask(approvals: &Approvals, name: &str, call: &AskedCall) -> Result<ApprovalId, TooMany> {
    approvals.ask(id(name), call.clone(), None, NOW).map(|(pending, _)| pending.auth_req_id)
}

fn decide(approvals: &Approvals, name: &str, decision: Decision, now: UnixTime) {
    approvals.begin(&id(name), decision, &ada(), now).unwrap();
    approvals.settle(&id(name), now);
}

fn why_not(approvals: &Approvals, name: &str, call: &AskedCall, now: UnixTime) -> Unapproved {
    approvals.take(&id(name), call, now).map(|_| ()).unwrap_err()
}

#[test]
fn an_approval_is_good_once() {
    let (approvals, call) = (approvals(), call("g", "c"));
    ask(&approvals, "1", &call).unwrap();
    decide(&approvals, "1", Decision::Approved, NOW);
    let approved = approvals.take(&id("1"), &call, NOW).unwrap();
    assert_eq!(approved.by(), &ada());
    assert_eq!(why_not(&approvals, "1", &call, NOW), Unapproved::Over);
    // What failed after the approval was taken may be tried again.
    drop(approved);
    approvals.take(&id("1"), &call, NOW).unwrap().use_up();
    assert_eq!(why_not(&approvals, "1", &call, NOW), Unapproved::Over);
}

#[test]
fn an_approval_is_for_the_call_that_was_asked_and_for_no_other() {
    let (approvals, asked) = (approvals(), call("g", "c"));
    ask(&approvals, "1", &asked).unwrap();
    decide(&approvals, "1", Decision::Approved, NOW);
    let changes: [fn(&mut AskedCall); 9] = [
        |it| it.grant = "h".to_owned(),
        |it| it.task.task = "task-2".parse().unwrap(),
        |it| it.task.key = SigningKey::ephemeral().unwrap().thumbprint().clone(),
        |it| it.tool = "refund_all".parse().unwrap(),
        |it| it.tool_call_id = "d".parse().unwrap(),
        |it| it.args_hash = ArgumentsHash::of(&json!({"amount": 2})),
        |it| it.service = "github".parse().unwrap(),
        |it| it.scope = "write:payouts".parse().unwrap(),
        |it| it.uses = 2.try_into().unwrap(),
    ];
    for change in changes {
        let mut other = asked.clone();
        change(&mut other);
        assert_eq!(why_not(&approvals, "1", &other, NOW), Unapproved::Over, "{other:?}");
    }
    assert_eq!(why_not(&approvals, "2", &asked, NOW), Unapproved::Over);
    assert!(approvals.take(&id("1"), &asked, NOW).is_ok());
}

#[test]
fn who_asks_too_often_is_slowed_down() {
    let (approvals, call) = (approvals(), call("g", "c"));
    ask(&approvals, "1", &call).unwrap();
    assert_eq!(why_not(&approvals, "1", &call, NOW), Unapproved::TooSoon);
    let later = NOW + POLL_INTERVAL;
    let Unapproved::Pending(pending) = why_not(&approvals, "1", &call, later) else { panic!() };
    assert_eq!((pending.interval, pending.expires_in), (2, 298));
    assert_eq!(why_not(&approvals, "1", &call, later), Unapproved::TooSoon);
}

#[test]
fn a_decision_is_made_once_and_in_time() {
    let (approvals, call) = (approvals(), call("g", "c"));
    let begin = |name, decision, now| approvals.begin(&id(name), decision, &ada(), now).map(|_| ());
    ask(&approvals, "1", &call).unwrap();
    assert_eq!(begin("2", Decision::Approved, NOW), Err(Undecidable::Unknown));
    assert_eq!(begin("1", Decision::Approved, NOW + LIFE), Err(Undecidable::Expired));
    assert_eq!(begin("1", Decision::Denied, NOW), Ok(()));
    let already = Err(Undecidable::Already(Decision::Denied, ada()));
    assert_eq!(begin("1", Decision::Approved, NOW), already);
    // Before it is recorded it has no effect.
    assert_eq!(why_not(&approvals, "1", &call, NOW), Unapproved::TooSoon);
    approvals.undo(&id("1"));
    assert_eq!(begin("1", Decision::Denied, NOW), Ok(()));
    approvals.settle(&id("1"), NOW);
    assert_eq!(begin("1", Decision::Approved, NOW), already);
    assert_eq!(why_not(&approvals, "1", &call, NOW), Unapproved::Denied);
}

#[test]
fn nothing_waits_for_ever() {
    let (approvals, call) = (approvals(), call("g", "c"));
    ask(&approvals, "1", &call).unwrap();
    assert_eq!(why_not(&approvals, "1", &call, NOW + LIFE), Unapproved::Over);
    // Nor does what was approved and is not fetched.
    ask(&approvals, "1", &call).unwrap();
    decide(&approvals, "1", Decision::Approved, NOW);
    assert_eq!(why_not(&approvals, "1", &call, NOW + FETCH_TIME), Unapproved::Over);
    let forgotten = NOW + FETCH_TIME + RETENTION;
    assert_eq!(approvals.list(NOW + FETCH_TIME).len(), 1);
    assert!(approvals.list(forgotten).is_empty());
}

#[test]
fn asking_again_for_the_same_call_asks_nobody_twice() {
    let (approvals, call) = (approvals(), call("g", "c"));
    assert_eq!(ask(&approvals, "1", &call).unwrap(), id("1"));
    assert_eq!(ask(&approvals, "2", &call).unwrap(), id("1"));
    decide(&approvals, "1", Decision::Denied, NOW);
    assert_eq!(ask(&approvals, "3", &call).unwrap(), id("1"));
    assert_eq!(approvals.list(NOW).len(), 1);
}

#[test]
fn no_more_wait_than_may() {
    let approvals = approvals();
    for name in ["1", "2"] {
        ask(&approvals, name, &call("g", name)).unwrap();
    }
    assert_eq!(ask(&approvals, "3", &call("g", "3")), Err(TooMany));
    ask(&approvals, "4", &call("h", "4")).unwrap();
    assert_eq!(ask(&approvals, "5", &call("i", "5")), Err(TooMany));
    // A decision makes room, and so does the end of the wait.
    decide(&approvals, "4", Decision::Denied, NOW);
    ask(&approvals, "5", &call("i", "5")).unwrap();
    assert!(
        approvals.withdraw(&id("5"), NOW).is_some() && approvals.withdraw(&id("5"), NOW).is_none()
    );
    ask(&approvals, "6", &call("i", "6")).unwrap();
    approvals.withdraw_grant("i");
    ask(&approvals, "7", &call("i", "7")).unwrap();
    approvals.withdraw_task(&"billing".parse().unwrap(), &"task-1".parse().unwrap());
    assert!(approvals.list(NOW).is_empty());
}
