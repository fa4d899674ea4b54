//! An issuer that is killed while it works, over and over: what it had done stays done.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agentcred_protocol::answer::NonceAnswer;
use agentcred_protocol::clock::{Clock as _, ManualClock, SystemClock};
use agentcred_protocol::proof;
use agentcred_protocol::token::{GrantToken, NonceToken};
use http::Method;
use serde_json::Value;

use crate::agent::{Agent, READ, broker_refusal};
use crate::count;
use crate::process::Issuer;
use crate::stage::{new_key, policy, write_private};
use crate::upstream::{Upstream, json};

/// How many call at once.
const CALLERS: usize = 8;
/// With how many nonces from before the kill each round begins.
const OLD_ONES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_used_before_a_kill_stays_used_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::answering(json("{}")).await;
    write_private(&folder.path().join("stripe.key"), "sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE");
    let key = new_key(folder.path(), "billing");
    new_key(folder.path(), "other");
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let nobody = "http://127.0.0.1:9".parse().unwrap();
    let mut agent = Agent::new("billing", key, nobody, Arc::clone(&clock));
    std::fs::write(folder.path().join("issuer.toml"), policy(&upstream)).unwrap();

    let kills = count("AGENTCRED_KILLS", 3);
    let mut used = Vec::new();
    let mut torn = 0;
    for round in 0..kills {
        let mut issuer = Issuer::start(folder.path());
        clock.advance(SystemClock.now().since(clock.now()));
        agent.issuer = issuer.url.parse().unwrap();
        for Used { nonce, path } in &used[used.len().saturating_sub(OLD_ONES)..] {
            let refusal = broker_refusal(agent.get(nonce, path).await).await;
            assert_eq!(refusal.status, 401, "a nonce from before a kill was accepted");
        }
        let working = Arc::new(agent);
        used.extend(load(&working, round, &mut issuer).await);
        agent = Arc::into_inner(working).unwrap();
        torn += cut_torn_line(folder.path());
        check_audit(folder.path(), &upstream);
    }
    println!(
        "{kills} kills: {} nonces in use, {} requests arrived, each in the audit, none twice; \
         {torn} torn lines",
        used.len(),
        upstream.arrived().len()
    );
    assert!(upstream.arrived().len() > kills, "hardly anything was going on when it was killed");
}

/// A nonce that went out on a request, whether or not an answer came.
struct Used {
    nonce: Arc<NonceToken>,
    path: String,
}

/// Calls without a pause until the issuer is killed, which is after some of the answers.
async fn load(agent: &Arc<Agent>, round: usize, issuer: &mut Issuer) -> Vec<Used> {
    let grant = Arc::new(agent.grant().await);
    let used = Arc::new(Mutex::new(Vec::new()));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (agent, grant) = (Arc::clone(agent), Arc::clone(&grant));
            let (used, answered) = (Arc::clone(&used), Arc::clone(&answered));
            tokio::spawn(async move {
                for call in 0.. {
                    let path = format!("/egress/stripe/v1/customers/r{round}-{caller}-{call}");
                    let Some(nonce) = mint(&agent, &grant).await else { return };
                    let nonce = Arc::new(nonce);
                    let use_of_it = Used { nonce: Arc::clone(&nonce), path: path.clone() };
                    used.lock().unwrap().push(use_of_it);
                    let proof = agent.nonce_proof(&nonce, &Method::GET, &path);
                    let request = agent.request(&nonce, &Method::GET, &path);
                    if request.header(proof::HEADER, proof).send().await.is_err() {
                        return;
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    // Another number each time, so that the kill meets another step.
    let enough = 5 + round * 7 % 40;
    while answered.load(Ordering::SeqCst) < enough {
        tokio::task::yield_now().await;
    }
    issuer.kill();
    for caller in callers {
        caller.await.unwrap();
    }
    Arc::into_inner(used).unwrap().into_inner().unwrap()
}

/// A nonce, as long as there is somebody to mint it.
async fn mint(agent: &Agent, grant: &GrantToken) -> Option<NonceToken> {
    let request = agent
        .http
        .post(agent.url("/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header(proof::HEADER, agent.token_proof())
        .body(agent.nonce_form(grant, READ));
    let answer = request.send().await.ok()?.bytes().await.ok()?;
    Some(NonceAnswer::from_json(&answer).unwrap().token)
}

/// Every request that arrived stands in an unbroken audit, and none arrived twice.
fn check_audit(folder: &Path, upstream: &Upstream) {
    let audit = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    agentcred_issuer::audit::verify(audit.as_bytes()).unwrap();
    let arrived = upstream.arrived();
    let paths = arrived.iter().map(|request| request.line().strip_prefix("GET ").unwrap());
    account_for(paths, &audit).unwrap();
}

/// Finds a request that the audit does not know, or that arrived twice.
fn account_for<'a>(
    paths: impl Iterator<Item = &'a str>,
    audit: &str,
) -> Result<(), (&'static str, &'a str)> {
    let recorded: HashSet<String> = audit
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["event"] == "use")
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    let mut seen = HashSet::new();
    for path in paths {
        if !recorded.contains(path) {
            return Err(("not in the audit", path));
        }
        if !seen.insert(path) {
            return Err(("arrived twice", path));
        }
    }
    Ok(())
}

#[test]
fn a_request_outside_the_audit_and_one_that_came_twice_are_noticed() {
    let audit = "{\"event\":\"use\",\"path\":\"/a\"}\n{\"event\":\"mint\",\"path\":\"/b\"}\n";
    assert_eq!(account_for(["/a"].into_iter(), audit), Ok(()));
    assert_eq!(account_for(["/a", "/b"].into_iter(), audit), Err(("not in the audit", "/b")));
    assert_eq!(account_for(["/a", "/a"].into_iter(), audit), Err(("arrived twice", "/a")));
}

/// What the issuer's own message tells an operator to do with half a line.
fn cut_torn_line(folder: &Path) -> usize {
    let file = folder.join("audit.jsonl");
    let text = std::fs::read(&file).unwrap();
    let sound = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    std::fs::write(&file, &text[..sound]).unwrap();
    usize::from(sound < text.len())
}
