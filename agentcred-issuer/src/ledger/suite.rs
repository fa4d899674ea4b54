//! What every ledger must do, whatever it keeps its entries in.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::token::{GrantToken, NonceToken};
use aws_lc_rs::rand::SystemRandom;
use serde_json::json;

use super::{
    Freshness, Ledger, LedgerError, MintError, NewNonce, OneTimeId, STOPPED_FOR, Spending,
    Standing, StoppedTask,
};
use crate::call::{Call, Task};
use crate::replay::Purpose;

pub(crate) const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const NONCE_LIFE: Duration = Duration::from_mins(5);
const TASK_LIFE: Duration = Duration::from_hours(1);

/// A grant and a nonce of it.
pub(crate) struct Minted {
    pub(crate) grant: GrantToken,
    pub(crate) nonce: NonceToken,
}

/// Runs every check on a ledger of its own.
pub(crate) async fn run<L: Ledger>(ledger: impl AsyncFn() -> L) {
    uses_are_counted(&ledger().await).await;
    a_nonce_is_dead_from_its_expiry_on(&ledger().await).await;
    a_nonce_does_not_outlive_its_task(&ledger().await).await;
    a_revoked_nonce_stays_dead(&ledger().await).await;
    a_revoked_task_takes_its_nonces_along(&ledger().await).await;
    a_nonce_is_revoked_by_its_name_too(&ledger().await).await;
    a_stopped_task_is_dead_and_cannot_be_opened_again(&ledger().await).await;
    live_nonces_are_bounded(&ledger().await).await;
    an_id_is_new_once(&ledger().await).await;
    racers_get_no_more_uses_than_there_are(Arc::new(ledger().await)).await;
    racers_with_one_id_have_one_winner(Arc::new(ledger().await)).await;
}

pub(crate) async fn mint(ledger: &impl Ledger, uses: u32) -> Minted {
    let grant = open(ledger).await;
    let nonce = add(ledger, &grant, uses, usize::MAX).await.unwrap();
    Minted { grant, nonce }
}

async fn open(ledger: &impl Ledger) -> GrantToken {
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    ledger.open_task(&grant, task(), NOW + TASK_LIFE, NOW).await.unwrap();
    grant
}

async fn add(
    ledger: &impl Ledger,
    grant: &GrantToken,
    uses: u32,
    most: usize,
) -> Result<NonceToken, MintError> {
    add_at(ledger, grant, uses, most, NOW).await
}

pub(crate) async fn add_at(
    ledger: &impl Ledger,
    grant: &GrantToken,
    uses: u32,
    most: usize,
    now: UnixTime,
) -> Result<NonceToken, MintError> {
    let nonce = NonceToken::mint(&SystemRandom::new()).unwrap();
    let entry =
        NewNonce { call: call(), uses: uses.try_into().unwrap(), expires: now + NONCE_LIFE };
    ledger.add_nonce(grant, &nonce, entry, most, now).await?;
    Ok(nonce)
}

pub(crate) fn task() -> Task {
    Task {
        agent: "billing".parse().unwrap(),
        task: "task-1".parse().unwrap(),
        user: Some("corp:ada".parse().unwrap()),
        key: SigningKey::ephemeral().unwrap().thumbprint().clone(),
    }
}

fn call() -> Call {
    Call {
        agent: "billing".parse().unwrap(),
        task: "task-1".parse().unwrap(),
        user: Some("corp:ada".parse().unwrap()),
        tool: "find_customers".parse().unwrap(),
        tool_call_id: "call_1".parse().unwrap(),
        args_hash: ArgumentsHash::of(&json!({})),
        nonce_id: "n_1".parse().unwrap(),
        service: "stripe".parse().unwrap(),
        scope: "read:customers".parse().unwrap(),
    }
}

async fn uses_are_counted(ledger: &impl Ledger) {
    let minted = mint(ledger, 2).await;
    for expected in [Spending::Spent, Spending::Spent, Spending::Refused(Standing::Spent)] {
        assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), expected);
    }
    ledger.give_back(&minted.nonce).await.unwrap();
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), Spending::Spent);
    let other = NonceToken::mint(&SystemRandom::new()).unwrap();
    assert_eq!(ledger.spend(&other, NOW).await.unwrap(), Spending::Unknown);
}

async fn a_nonce_is_dead_from_its_expiry_on(ledger: &impl Ledger) {
    let minted = mint(ledger, 2).await;
    let just_before = UnixTime::from_millis((NOW + NONCE_LIFE).millis() - 1);
    assert_eq!(ledger.spend(&minted.nonce, just_before).await.unwrap(), Spending::Spent);
    let at = NOW + NONCE_LIFE;
    let refused = Spending::Refused(Standing::Expired);
    assert_eq!(ledger.spend(&minted.nonce, at).await.unwrap(), refused);
    let known = ledger.find(&minted.nonce, at).await.unwrap().unwrap();
    assert_eq!(known.standing, Standing::Expired);
    assert_eq!(known.call.nonce_id.as_str(), "n_1");
}

pub(crate) async fn a_nonce_does_not_outlive_its_task(ledger: &impl Ledger) {
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    let end = NOW + Duration::from_secs(1);
    ledger.open_task(&grant, task(), end, NOW).await.unwrap();
    let nonce = add(ledger, &grant, 1, 9).await.unwrap();
    assert_eq!(ledger.spend(&nonce, end).await.unwrap(), Spending::Refused(Standing::Expired));
    assert!(ledger.task(&grant, end).await.unwrap().is_none());
}

async fn a_revoked_nonce_stays_dead(ledger: &impl Ledger) {
    let minted = mint(ledger, 1).await;
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), Spending::Spent);
    assert!(ledger.revoke_nonce(&minted.nonce, NOW).await.unwrap().is_none());
    ledger.give_back(&minted.nonce).await.unwrap();
    let refused = Spending::Refused(Standing::Revoked);
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), refused);

    let minted = mint(ledger, 1).await;
    assert!(ledger.revoke_nonce(&minted.nonce, NOW).await.unwrap().is_some());
    assert!(ledger.revoke_nonce(&minted.nonce, NOW).await.unwrap().is_none());
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), refused);
    assert!(ledger.task(&minted.grant, NOW).await.unwrap().is_some());
}

async fn a_revoked_task_takes_its_nonces_along(ledger: &impl Ledger) {
    let minted = mint(ledger, 1).await;
    let spent = add(ledger, &minted.grant, 1, 9).await.unwrap();
    assert_eq!(ledger.spend(&spent, NOW).await.unwrap(), Spending::Spent);
    let other_task = mint(ledger, 1).await;
    let (_, killed) = ledger.revoke_task(&minted.grant, NOW).await.unwrap().unwrap();
    assert_eq!(killed, 1);
    assert!(ledger.revoke_task(&minted.grant, NOW).await.unwrap().is_none());
    ledger.give_back(&spent).await.unwrap();
    for nonce in [&minted.nonce, &spent] {
        let refused = Spending::Refused(Standing::Revoked);
        assert_eq!(ledger.spend(nonce, NOW).await.unwrap(), refused);
    }
    let refused = add(ledger, &minted.grant, 1, 9).await.unwrap_err();
    assert_eq!(refused, MintError::TaskOver);
    assert_eq!(ledger.spend(&other_task.nonce, NOW).await.unwrap(), Spending::Spent);
}

async fn a_nonce_is_revoked_by_its_name_too(ledger: &impl Ledger) {
    let minted = mint(ledger, 1).await;
    let revoke =
        async |name: &str| ledger.revoke_nonce_named(&name.parse().unwrap(), NOW).await.unwrap();
    assert!(revoke("n_2").await.is_none());
    assert_eq!(revoke("n_1").await.unwrap().nonce_id.as_str(), "n_1");
    assert!(revoke("n_1").await.is_none());
    let refused = Spending::Refused(Standing::Revoked);
    assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), refused);
}

async fn a_stopped_task_is_dead_and_cannot_be_opened_again(ledger: &impl Ledger) {
    let (one, two) = (mint(ledger, 1).await, mint(ledger, 2).await);
    let agent = "billing".parse().unwrap();
    let stop =
        async |task: &str| ledger.stop_task(&agent, &task.parse().unwrap(), NOW).await.unwrap();
    assert_eq!(stop("task-2").await, StoppedTask::default());
    assert_eq!(stop("task-1").await, StoppedTask { grants: 2, nonces: 2 });
    assert_eq!(stop("task-1").await, StoppedTask::default());
    for minted in [one, two] {
        let refused = Spending::Refused(Standing::Revoked);
        assert_eq!(ledger.spend(&minted.nonce, NOW).await.unwrap(), refused);
        assert!(ledger.task(&minted.grant, NOW).await.unwrap().is_none());
    }
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    let open = async |now| ledger.open_task(&grant, task(), now + TASK_LIFE, now).await;
    assert_eq!(open(NOW).await, Err(LedgerError::Stopped));
    assert_eq!(open(NOW + STOPPED_FOR).await, Ok(()));
}

async fn live_nonces_are_bounded(ledger: &impl Ledger) {
    let grant = open(ledger).await;
    let first = add(ledger, &grant, 1, 2).await.unwrap();
    let second = add(ledger, &grant, 1, 2).await.unwrap();
    assert_eq!(add(ledger, &grant, 1, 2).await.unwrap_err(), MintError::TooMany);
    assert_eq!(ledger.spend(&first, NOW).await.unwrap(), Spending::Spent);
    let third = add(ledger, &grant, 1, 2).await.unwrap();
    ledger.revoke_nonce(&second, NOW).await.unwrap();
    ledger.revoke_nonce(&third, NOW).await.unwrap();
    assert!(add(ledger, &grant, 1, 2).await.is_ok());
}

async fn racers_get_no_more_uses_than_there_are(ledger: Arc<impl Ledger>) {
    for uses in [1, 3] {
        let nonce = Arc::new(mint(&*ledger, uses).await.nonce);
        let racers: Vec<_> = (0..64)
            .map(|_| {
                let (ledger, nonce) = (Arc::clone(&ledger), Arc::clone(&nonce));
                tokio::spawn(async move { ledger.spend(&nonce, NOW).await.unwrap() })
            })
            .collect();
        let mut spent = 0;
        for racer in racers {
            spent += u32::from(racer.await.unwrap() == Spending::Spent);
        }
        assert_eq!(spent, uses);
    }
}

async fn an_id_is_new_once(ledger: &impl Ledger) {
    let signer = SigningKey::ephemeral().unwrap();
    let end = NOW + Duration::from_mins(2);
    let id = |purpose| OneTimeId::of(purpose, signer.thumbprint(), "id");
    for (purpose, expected) in [
        (Purpose::Proof, Freshness::New),
        (Purpose::Proof, Freshness::Seen),
        (Purpose::Assertion, Freshness::New),
    ] {
        assert_eq!(ledger.spend_id(id(purpose), end, NOW).await.unwrap(), expected);
    }
    // Another proof with the id of an earlier one is no better than the same one.
    let later = end + Duration::from_secs(1);
    let again = ledger.spend_id(id(Purpose::Proof), later, NOW).await.unwrap();
    assert_eq!(again, Freshness::Seen);
}

async fn racers_with_one_id_have_one_winner(ledger: Arc<impl Ledger>) {
    let signer = SigningKey::ephemeral().unwrap();
    let id = OneTimeId::of(Purpose::Proof, signer.thumbprint(), "id");
    let end = NOW + Duration::from_mins(2);
    let racers: Vec<_> = (0..64)
        .map(|_| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move { ledger.spend_id(id, end, NOW).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        winners += u32::from(racer.await.unwrap() == Freshness::New);
    }
    assert_eq!(winners, 1);
}
