//! What holds of approvals wherever they are kept: one decision, one nonce, and bounds on
//! everything.

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::ttl::Uses;
use aws_lc_rs::rand::SystemRandom;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;

pub(crate) const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
pub(crate) const LIFE: Duration = Duration::from_mins(5);

/// Runs every check on a store of its own.
pub(crate) async fn run(store: impl AsyncFn() -> Arc<dyn ApprovalStore>) {
    an_approval_is_good_once(&approvals(store().await)).await;
    a_request_that_ends_in_the_middle_gives_it_back(&approvals(store().await)).await;
    of_many_who_take_it_at_once_one_gets_it(&approvals(store().await)).await;
    of_many_who_decide_at_once_one_does(&approvals(store().await)).await;
    it_is_for_the_call_that_was_asked_and_for_no_other(&approvals(store().await)).await;
    who_asks_too_often_is_slowed_down(&approvals(store().await)).await;
    a_decision_is_made_once_and_in_time(&approvals(store().await)).await;
    nothing_waits_for_ever(&approvals(store().await)).await;
    asking_again_for_the_same_call_asks_nobody_twice(&approvals(store().await)).await;
    no_more_wait_than_may(&approvals(store().await)).await;
    what_is_revoked_waits_no_more(&approvals(store().await)).await;
}

pub(crate) fn approvals(store: Arc<dyn ApprovalStore>) -> Approvals {
    Approvals::new(ApprovalBounds { life: LIFE, most: 3, most_per_task: 2 }, store)
}

pub(crate) fn call(grant: &str, call: &str) -> AskedCall {
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

pub(crate) async fn ask(
    approvals: &Approvals,
    name: &str,
    call: &AskedCall,
) -> Result<ApprovalId, Unasked> {
    // What no column of text can hold comes back too.
    let summary = Some(Summary::new("Refund \0 5.00").unwrap());
    let asked = approvals.ask(id(name), call.clone(), summary, NOW).await;
    asked.map(|(pending, _)| pending.auth_req_id)
}

pub(crate) async fn decide(approvals: &Approvals, name: &str, decision: Decision) {
    approvals.begin(&id(name), decision, &ada(), NOW).await.unwrap();
    approvals.settle(&id(name), NOW).await.unwrap();
}

pub(crate) async fn take(
    approvals: &Approvals,
    name: &str,
    call: &AskedCall,
) -> Result<Approved, Unapproved> {
    approvals.take(&id(name), call, NOW).await
}

async fn why_not(approvals: &Approvals, name: &str, call: &AskedCall, now: UnixTime) -> Unapproved {
    approvals.take(&id(name), call, now).await.map(Approved::use_up).unwrap_err()
}

async fn an_approval_is_good_once(approvals: &Approvals) {
    let call = call("g", "c");
    ask(approvals, "1", &call).await.unwrap();
    let listed = approvals.list(NOW).await.unwrap();
    assert_eq!((&listed[0].id, &listed[0].call), (&id("1"), &call));
    assert_eq!(listed[0].summary.as_ref().unwrap().to_string(), r"Refund \u{0} 5.00");
    decide(approvals, "1", Decision::Approved).await;
    let approved = take(approvals, "1", &call).await.unwrap();
    assert_eq!(approved.by(), &ada());
    assert_eq!(why_not(approvals, "1", &call, NOW).await, Unapproved::Over);
    // What failed after the approval was taken may be tried again.
    approved.give_back().await;
    take(approvals, "1", &call).await.unwrap().use_up();
    assert_eq!(why_not(approvals, "1", &call, NOW).await, Unapproved::Over);
}

async fn a_request_that_ends_in_the_middle_gives_it_back(approvals: &Approvals) {
    let call = call("g", "c");
    ask(approvals, "1", &call).await.unwrap();
    decide(approvals, "1", Decision::Approved).await;
    drop(take(approvals, "1", &call).await.unwrap());
    while take(approvals, "1", &call).await.map(Approved::use_up).is_err() {
        tokio::task::yield_now().await;
    }
}

async fn of_many_who_take_it_at_once_one_gets_it(approvals: &Approvals) {
    let call = call("g", "c");
    ask(approvals, "1", &call).await.unwrap();
    decide(approvals, "1", Decision::Approved).await;
    let mut takers = JoinSet::new();
    for _ in 0..16 {
        let (approvals, call) = (approvals.clone(), call.clone());
        takers.spawn(async move { take(&approvals, "1", &call).await.map(Approved::use_up) });
    }
    let taken = takers.join_all().await;
    assert_eq!(taken.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(taken.into_iter().all(|it| it.err().is_none_or(|it| it == Unapproved::Over)));
}

async fn of_many_who_decide_at_once_one_does(approvals: &Approvals) {
    ask(approvals, "1", &call("g", "c")).await.unwrap();
    let mut deciders = JoinSet::new();
    for number in 0..16 {
        let (approvals, name) = (approvals.clone(), format!("operator-{number}"));
        let decision = if number % 2 == 0 { Decision::Approved } else { Decision::Denied };
        deciders.spawn(async move {
            approvals.begin(&id("1"), decision, &name.parse().unwrap(), NOW).await
        });
    }
    let begun = deciders.join_all().await;
    assert_eq!(begun.iter().filter(|it| it.is_ok()).count(), 1);
}

async fn it_is_for_the_call_that_was_asked_and_for_no_other(approvals: &Approvals) {
    let asked = call("g", "c");
    ask(approvals, "1", &asked).await.unwrap();
    decide(approvals, "1", Decision::Approved).await;
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
        assert_eq!(why_not(approvals, "1", &other, NOW).await, Unapproved::Over, "{other:?}");
    }
    assert_eq!(why_not(approvals, "2", &asked, NOW).await, Unapproved::Over);
    take(approvals, "1", &asked).await.unwrap().use_up();
}

async fn who_asks_too_often_is_slowed_down(approvals: &Approvals) {
    let call = call("g", "c");
    ask(approvals, "1", &call).await.unwrap();
    assert_eq!(why_not(approvals, "1", &call, NOW).await, Unapproved::TooSoon);
    let later = NOW + POLL_INTERVAL;
    let Unapproved::Pending(pending) = why_not(approvals, "1", &call, later).await else {
        panic!("it waits")
    };
    assert_eq!((pending.interval, pending.expires_in), (2, 298));
    assert_eq!(why_not(approvals, "1", &call, later).await, Unapproved::TooSoon);
}

async fn a_decision_is_made_once_and_in_time(approvals: &Approvals) {
    let call = call("g", "c");
    let begin = async |name, decision, now| {
        approvals.begin(&id(name), decision, &ada(), now).await.map(|_| ())
    };
    ask(approvals, "1", &call).await.unwrap();
    assert_eq!(begin("2", Decision::Approved, NOW).await, Err(Undecidable::Unknown));
    assert_eq!(begin("1", Decision::Approved, NOW + LIFE).await, Err(Undecidable::Expired));
    assert_eq!(begin("1", Decision::Denied, NOW).await, Ok(()));
    let already = Err(Undecidable::Already(Decision::Denied, ada()));
    assert_eq!(begin("1", Decision::Approved, NOW).await, already);
    // Before it is recorded it has no effect.
    assert_eq!(why_not(approvals, "1", &call, NOW).await, Unapproved::TooSoon);
    approvals.undo(&id("1")).await.unwrap();
    assert_eq!(begin("1", Decision::Denied, NOW).await, Ok(()));
    approvals.settle(&id("1"), NOW).await.unwrap();
    assert_eq!(begin("1", Decision::Approved, NOW).await, already);
    assert_eq!(why_not(approvals, "1", &call, NOW).await, Unapproved::Denied);
}

async fn nothing_waits_for_ever(approvals: &Approvals) {
    let call = call("g", "c");
    ask(approvals, "1", &call).await.unwrap();
    assert_eq!(why_not(approvals, "1", &call, NOW + LIFE).await, Unapproved::Over);
    // Nor does what was approved and is not fetched.
    ask(approvals, "1", &call).await.unwrap();
    decide(approvals, "1", Decision::Approved).await;
    assert_eq!(why_not(approvals, "1", &call, NOW + FETCH_TIME).await, Unapproved::Over);
    let forgotten = NOW + FETCH_TIME + RETENTION;
    assert_eq!(approvals.list(NOW + FETCH_TIME).await.unwrap().len(), 1);
    assert!(approvals.list(forgotten).await.unwrap().is_empty());
}

async fn asking_again_for_the_same_call_asks_nobody_twice(approvals: &Approvals) {
    let call = call("g", "c");
    assert_eq!(ask(approvals, "1", &call).await.unwrap(), id("1"));
    assert_eq!(ask(approvals, "2", &call).await.unwrap(), id("1"));
    decide(approvals, "1", Decision::Denied).await;
    assert_eq!(ask(approvals, "3", &call).await.unwrap(), id("1"));
    assert_eq!(approvals.list(NOW).await.unwrap().len(), 1);
}

async fn no_more_wait_than_may(approvals: &Approvals) {
    let too_many = Err(Unasked::TooMany);
    for name in ["1", "2"] {
        ask(approvals, name, &call("g", name)).await.unwrap();
    }
    assert_eq!(ask(approvals, "3", &call("g", "3")).await, too_many);
    ask(approvals, "4", &call("h", "4")).await.unwrap();
    assert_eq!(ask(approvals, "5", &call("i", "5")).await, too_many);
    // A decision makes room, and so does an agent that does not wait any more.
    decide(approvals, "4", Decision::Denied).await;
    ask(approvals, "5", &call("i", "5")).await.unwrap();
    let withdraw = async || approvals.withdraw(&id("5"), NOW).await.unwrap();
    assert!(withdraw().await.is_some() && withdraw().await.is_none());
    ask(approvals, "6", &call("i", "6")).await.unwrap();
}

async fn what_is_revoked_waits_no_more(approvals: &Approvals) {
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    let hash = approvals.store.grant_hash(&grant);
    ask(approvals, "1", &call(&hash, "1")).await.unwrap();
    ask(approvals, "2", &call("g", "2")).await.unwrap();
    approvals.withdraw_grant(&grant).await;
    let left = approvals.list(NOW).await.unwrap();
    assert_eq!(left.iter().map(|it| &it.id).collect::<Vec<_>>(), [&id("2")]);
    approvals.withdraw_task(&"billing".parse().unwrap(), &"task-1".parse().unwrap()).await;
    assert!(approvals.list(NOW).await.unwrap().is_empty());
}
