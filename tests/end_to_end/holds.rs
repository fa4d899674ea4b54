//! What the agent's process holds: its environment, its arguments, its files and its memory, each
//! searched for secrets while it runs.

use std::fs;
use std::path::Path;

use agentcred::testing::oracle::leaks;
use tokio::process::Command;

use crate::memory::Search;
use crate::tap::Tap;

/// Runs an agent and looks into it twice: when its first nonce is about to reach it, and when its
/// second is, which is after an answer of the upstream did. Gives where a secret was found.
pub(crate) async fn found_in(
    mut agent: Command,
    tap: &Tap,
    files: &[&Path],
    secrets: &[String],
) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut holding = tap.hold_at_next_nonce();
    let mut agent = agent.spawn().unwrap();
    let process = agent.id().unwrap();
    for _ in 0..2 {
        let held = tokio::select! {
            held = holding => held.unwrap(),
            ended = agent.wait() => panic!("it ended before it was looked into: {ended:?}"),
        };
        found.extend(search(process, files, secrets));
        holding = tap.hold_at_next_nonce();
        held.go_on();
    }
    tap.let_pass();
    drop(holding);
    let ended = agent.wait().await.unwrap();
    assert!(ended.success(), "{ended}");
    found.sort_unstable();
    found.dedup();
    found
}

fn search(process: u32, files: &[&Path], secrets: &[String]) -> Vec<&'static str> {
    let leak = |text: &[u8]| secrets.iter().any(|secret| leaks(text, secret));
    let about = |name: &str| fs::read(format!("/proc/{process}/{name}")).unwrap();
    let (environment, arguments) = (about("environ"), about("cmdline"));
    assert!(!environment.is_empty() && !arguments.is_empty(), "the process was read");
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open = open.filter_map(|entry| fs::canonicalize(entry.unwrap().path()).ok());
    let regular = open.filter(|path| path.is_file());
    let known = files.iter().map(|path| path.to_path_buf());
    let in_files = regular.chain(known).any(|path| leak(&fs::read(path).unwrap()));
    let in_memory = Search::new(secrets).count_in(process) > 0;
    [
        (leak(&environment), "environment"),
        (leak(&arguments), "arguments"),
        (in_files, "files"),
        (in_memory, "memory"),
    ]
    .into_iter()
    .filter_map(|(is_found, place)| is_found.then_some(place))
    .collect()
}
