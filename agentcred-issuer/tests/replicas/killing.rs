//! Load while issuers and the database are killed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cluster::Stop;
use crate::stage::{Stage, count};

const WORKERS: usize = 8;
const SOON: Duration = Duration::from_secs(5);

/// An issuer that was killed, and maybe the database before it.
struct Kill {
    is_restart: bool,
    stopped: Instant,
    /// When there was a database again: at once if it was not stopped.
    back: Instant,
}

#[derive(Default)]
struct Tally {
    nonces: AtomicUsize,
    both_refused: AtomicUsize,
    successes: Mutex<Vec<Instant>>,
    is_over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn no_use_counts_twice_while_issuers_and_the_database_are_killed() {
    let seconds = count("AGENTCRED_KILL_SECONDS", 10);
    let restarts = count("AGENTCRED_DATABASE_RESTARTS", 2);
    let (stage, tally) = (Arc::new(Stage::of(3).await), Arc::new(Tally::default()));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| tokio::spawn(work(Arc::clone(&stage), Arc::clone(&tally), worker)))
        .collect();

    let mut kills = Vec::new();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for number in 0..seconds {
        second.tick().await;
        let stage = Arc::clone(&stage);
        // Spread over the whole time, and the first one soon.
        let is_restart = number * restarts / seconds != (number + 1) * restarts / seconds;
        let killing = tokio::task::spawn_blocking(move || {
            let stopped = Instant::now();
            if is_restart {
                stage.cluster.stop(Stop::Immediate);
                stage.cluster.resume();
            }
            // From here on there are two issuers and a database.
            let back = Instant::now();
            let replica = &stage.replicas[number % stage.replicas.len()];
            replica.kill();
            replica.start();
            Kill { is_restart, stopped, back }
        });
        kills.push(killing.await.unwrap());
    }
    let last = Instant::now();
    while tally.successes.lock().unwrap().last().is_none_or(|success| *success < last) {
        assert!(last.elapsed() < SOON, "no call succeeds after the last kill");
        second.tick().await;
    }
    tally.is_over.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }

    // What went upstream for a nonce of one use went once, and stands in an audit.
    let arrived = stage.arrived_paths();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for path in &arrived {
        *uses.entry(path.rsplit_once('-').unwrap().0).or_default() += 1;
    }
    assert!(uses.values().all(|count| *count == 1), "a nonce was used twice");
    let audited = stage.audited_paths();
    let unheard: Vec<_> = arrived.iter().filter(|path| !audited.contains(*path)).collect();
    assert!(unheard.is_empty(), "not in any audit: {unheard:?}");
    assert_eq!(arrived.iter().collect::<HashSet<_>>().len(), arrived.len());

    let successes = tally.successes.lock().unwrap();
    let wait = |number: usize, since: Instant| {
        let next = successes.iter().find(|success| **success > since).unwrap();
        // Who still waits when the database is stopped waits for the database from then on.
        let stops = kills.iter().skip(number + 1).filter(|kill| kill.is_restart);
        stops.map(|kill| kill.stopped).fold(*next, Instant::min) - since
    };
    let longest = |is_restart: bool, since: fn(&Kill) -> Instant| {
        let chosen = kills.iter().enumerate().filter(|(_, kill)| kill.is_restart == is_restart);
        chosen.map(|(number, kill)| wait(number, since(kill))).max().unwrap_or_default()
    };
    let (from_kill, from_stop, from_back) = (
        longest(false, |kill| kill.stopped),
        longest(true, |kill| kill.stopped),
        longest(true, |kill| kill.back),
    );
    let away = kills.iter().map(|kill| kill.back - kill.stopped).max().unwrap();
    println!(
        "{seconds} issuers killed, {restarts} database crashes, {} nonces: {} uses succeeded, {} \
         arrived upstream, {} nonces with no use",
        tally.nonces.load(Ordering::SeqCst),
        successes.len(),
        arrived.len(),
        tally.both_refused.load(Ordering::SeqCst),
    );
    println!(
        "the longest wait for a good call: {from_kill:?} from an issuer's death, {from_stop:?} \
         from the database's, {from_back:?} from when it was back; it was away for {away:?} at most"
    );
    // How long PostgreSQL takes to start again is up to it and to the machine's disk.
    assert!(from_kill < SOON && from_back < SOON);
}

/// Mints nonces of one use and tries to use each at two issuers at once.
async fn work(stage: Arc<Stage>, tally: Arc<Tally>, worker: usize) {
    let at = stage.addresses();
    let mut grant = None;
    for number in worker.. {
        if tally.is_over.load(Ordering::SeqCst) {
            return;
        }
        let place = |step: usize| at[(number + step) % at.len()];
        let open = match grant.take() {
            Some(open) => Ok(open),
            None => stage.agent.open(place(0)).await,
        };
        let Ok(open) = open else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        match stage.agent.mint(place(1), &open, 1).await {
            Ok(nonce) => {
                tally.nonces.fetch_add(1, Ordering::SeqCst);
                let redeem = async |step: usize| {
                    let path = format!("/egress/stripe/v1/customers/c{worker}.{number}-{step}");
                    let proof = stage.agent.use_proof(&nonce, &path);
                    stage.agent.redeem(place(step), &nonce, &path, proof).await
                };
                let answers = tokio::join!(redeem(0), redeem(2));
                match answers {
                    (Some(200), Some(200)) => panic!("a use counted twice"),
                    (Some(200), _) | (_, Some(200)) => {
                        tally.successes.lock().unwrap().push(Instant::now());
                    }
                    _ => drop(tally.both_refused.fetch_add(1, Ordering::SeqCst)),
                }
                grant = Some(open);
            }
            // The task died with its epoch; the next one is opened.
            Err(Some(refusal)) if refusal.contains("invalid_grant") => {}
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                grant = Some(open);
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(20);
