//! What a panicking tool prints, seen from outside of the process.

use std::process::Command;

use agentcred_runtime::testing::LeakProbe;
use agentcred_runtime::toolbox;

use crate::probe::{BlockAndPanic, PanicElsewhere, PanicWithIt};

const CHILD: &str = "AGENTCRED_STDERR_CHILD";

/// Runs one of the tests below by itself, as the child that does what it says.
fn printed(test: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("stderr::{test}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

// Leak channels 17, 18.
#[tokio::test]
async fn a_panic_in_a_tool_prints_nothing() {
    if is_child() {
        LeakProbe::new(toolbox![PanicWithIt, BlockAndPanic]).run().await.assert_clean();
        return;
    }
    let printed = printed("a_panic_in_a_tool_prints_nothing");
    assert!(!printed.contains("unexpected answer") && !printed.contains("acn_"), "{printed}");
}

// Leak channels 17, 18: control.
#[tokio::test]
async fn a_panic_on_a_thread_that_the_tool_started_is_printed() {
    if is_child() {
        let report = LeakProbe::new(toolbox![PanicElsewhere]).run().await;
        assert!(!report.leaks().is_empty());
        return;
    }
    let printed = printed("a_panic_on_a_thread_that_the_tool_started_is_printed");
    assert!(printed.contains("acn_"), "the control prints what the tool says");
}
