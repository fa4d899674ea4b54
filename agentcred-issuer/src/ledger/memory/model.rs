//! A model of the memory ledger: the order of its callers' steps is chosen by a model checker.
//!
//! It is compiled with `--cfg shuttle`, which puts the checker's lock into the ledger;
//! `scripts/model` builds and runs it. The lock is where the checker switches threads, so each
//! schedule is one order in which the callers' calls can take effect.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread;

use super::MemoryLedger;
use crate::ledger::suite::{self, Minted, NOW};
use crate::ledger::{Ledger as _, Spending};

#[test]
fn in_every_order_a_use_is_spent_once() {
    shuttle::check_dfs(
        || {
            let (ledger, minted) = stage(1);
            let racers: Vec<_> = (0..3).map(|_| spender(&ledger, &minted)).collect();
            let spent = racers.into_iter().map(joined).filter(|it| *it).count();
            assert_eq!(spent, 1);
        },
        None,
    );
}

#[test]
fn in_every_order_what_is_given_back_is_spent_once_more() {
    shuttle::check_random(
        || {
            let (ledger, minted) = stage(2);
            let giver = {
                let (ledger, minted) = (Arc::clone(&ledger), Arc::clone(&minted));
                thread::spawn(move || {
                    let spending = block_on(ledger.spend(&minted.nonce, NOW)).unwrap();
                    if spending == Spending::Spent {
                        block_on(ledger.give_back(&minted.nonce)).unwrap();
                    }
                })
            };
            let racers: Vec<_> = (0..3).map(|_| spender(&ledger, &minted)).collect();
            giver.join().unwrap();
            let spent = racers.into_iter().map(joined).filter(|it| *it).count();
            let left = usize::from(spends(&ledger, &minted));
            // One racer may meet the moment at which the giver holds a use.
            assert_eq!(spent + left, 2);
            assert!(!spends(&ledger, &minted));
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_order_nothing_is_spent_after_a_revocation() {
    for revoke_task in [false, true] {
        shuttle::check_dfs(
            move || {
                let (ledger, minted) = stage(3);
                let revoker = {
                    let (ledger, minted) = (Arc::clone(&ledger), Arc::clone(&minted));
                    thread::spawn(move || {
                        if revoke_task {
                            block_on(ledger.revoke_task(&minted.grant, NOW)).unwrap();
                        } else {
                            block_on(ledger.revoke_nonce(&minted.nonce, NOW)).unwrap();
                        }
                        assert!(!spends(&ledger, &minted), "spent after it was revoked");
                    })
                };
                // Giving back must not bring a revoked nonce to life.
                let giver = {
                    let (ledger, minted) = (Arc::clone(&ledger), Arc::clone(&minted));
                    thread::spawn(move || {
                        if spends(&ledger, &minted) {
                            block_on(ledger.give_back(&minted.nonce)).unwrap();
                        }
                    })
                };
                revoker.join().unwrap();
                giver.join().unwrap();
                assert!(!spends(&ledger, &minted));
            },
            None,
        );
    }
}

/// The control: who reads first and writes then is found out.
#[test]
#[should_panic(expected = "two got the same use")]
fn a_ledger_that_reads_first_is_found_out() {
    shuttle::check_dfs(
        || {
            let uses_left = Arc::new(Mutex::new(1));
            let racers: Vec<_> = (0..2)
                .map(|_| {
                    let uses_left = Arc::clone(&uses_left);
                    thread::spawn(move || {
                        let left = *uses_left.lock().unwrap();
                        if left == 0 {
                            return false;
                        }
                        *uses_left.lock().unwrap() = left - 1;
                        true
                    })
                })
                .collect();
            let spent = racers.into_iter().map(joined).filter(|it| *it).count();
            assert!(spent <= 1, "two got the same use");
        },
        None,
    );
}

fn stage(uses: u32) -> (Arc<MemoryLedger>, Arc<Minted>) {
    let ledger = MemoryLedger::new(&SystemRandom::new()).unwrap();
    let minted = block_on(suite::mint(&ledger, uses));
    (Arc::new(ledger), Arc::new(minted))
}

fn spender(ledger: &Arc<MemoryLedger>, minted: &Arc<Minted>) -> thread::JoinHandle<bool> {
    let (ledger, minted) = (Arc::clone(ledger), Arc::clone(minted));
    thread::spawn(move || spends(&ledger, &minted))
}

/// Tries to spend a use.
fn spends(ledger: &MemoryLedger, minted: &Minted) -> bool {
    block_on(ledger.spend(&minted.nonce, NOW)).unwrap() == Spending::Spent
}

fn joined(racer: thread::JoinHandle<bool>) -> bool {
    racer.join().unwrap()
}

/// Where there are too many orders for all of them.
const SCHEDULES: usize = 5_000;
